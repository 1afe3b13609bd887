"""What a backbone sees in photos: its feature maps, and one pooled vector per photo."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dpsims_hub.models import PretrainedBackbone

POOLING = "global average of each feature map, concatenated fine to coarse"


def load_backbone(name: str, weights: str | Path = "pretrained", **settings: Any) -> PretrainedBackbone:
    """Loads a backbone for measuring: never one with random weights, which `PretrainedBackbone` also makes.

    Args:
        name: timm model name.
        weights: a local .safetensors file, or "pretrained" for timm's own weights of that name.
        **settings: further arguments of `PretrainedBackbone`.

    Raises:
        FileNotFoundError: there is no such file, or timm's own weights cannot be fetched.
        ValueError: timm does not know the name or an argument, or the weights are damaged or incomplete.
    """
    return PretrainedBackbone(name, weights, **settings)


@torch.no_grad()
def feature_maps(backbone: PretrainedBackbone, photos: np.ndarray) -> list[Tensor]:
    """The backbone's feature maps, fine to coarse, each (B, C, h, w), of photos (B, H, W, 3) uint8."""
    pixels = torch.from_numpy(np.ascontiguousarray(photos)).to(backbone.mean.device)
    return backbone(pixels.permute(0, 3, 1, 2).float() / 127.5 - 1)


def pooled(maps: Sequence[Tensor]) -> np.ndarray:
    """One vector per photo: the global average of each feature map, concatenated, (B, D) float64.

    Our choice: coarse maps say what is there, fine ones of what texture; every map counts by its channels.
    """
    return torch.cat([one.double().mean((2, 3)) for one in maps], dim=1).cpu().numpy()
