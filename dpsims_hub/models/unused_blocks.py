"""Segmenters of the package transformers that use a part of a timm backbone."""

from __future__ import annotations

import torch


def drop_unused_blocks(model: torch.nn.Module) -> None:
    """Remove the blocks of a timm backbone after the last feature map that is used.

    timm's EfficientNets store and compute them. Without them the result is equal, and file size and time are
    halved.
    """
    backbone = getattr(model, "backbone", None)
    blocks = getattr(getattr(backbone, "_backbone", None), "blocks", None)
    kind, _, last = str((getattr(backbone, "out_features", None) or [""])[-1]).partition(".")
    if isinstance(blocks, torch.nn.Sequential) and kind == "blocks" and last.isdigit():
        backbone._backbone.blocks = blocks[: int(last) + 1]
