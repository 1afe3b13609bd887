"""Segmenters of transformers over a part of a timm backbone, without the part that they do not use."""

from __future__ import annotations

import torch


def drop_unused_blocks(model: torch.nn.Module) -> None:
    """Leaves out the blocks of a timm backbone that come after the last feature map it hands out.

    timm's EfficientNets keep and compute them. The answer is the same without; files and time are half.
    """
    backbone = getattr(model, "backbone", None)
    blocks = getattr(getattr(backbone, "_backbone", None), "blocks", None)
    kind, _, last = str((getattr(backbone, "out_features", None) or [""])[-1]).partition(".")
    if isinstance(blocks, torch.nn.Sequential) and kind == "blocks" and last.isdigit():
        backbone._backbone.blocks = blocks[: int(last) + 1]
