"""A backbone's feature maps of photos, and one pooled vector per photo."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from dpsims_hub.models import PretrainedBackbone

POOLING = "global average of each feature map, concatenated fine to coarse"


@torch.no_grad()
def feature_maps(backbone: PretrainedBackbone, photos: np.ndarray) -> list[Tensor]:
    """Feature maps (B, C, h, w) of photos (B, H, W, 3) uint8, fine to coarse."""
    pixels = torch.from_numpy(np.ascontiguousarray(photos)).to(backbone.mean.device)
    return backbone(pixels.permute(0, 3, 1, 2).float() / 127.5 - 1)


def pooled(maps: Sequence[Tensor]) -> np.ndarray:
    """The global averages of all feature maps (B, C, h, w), concatenated, (B, D) float64.

    Our choice: coarse maps show which objects a photo has, fine ones which textures.
    """
    return torch.cat([one.double().mean((2, 3)) for one in maps], dim=1).cpu().numpy()
