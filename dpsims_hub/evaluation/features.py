"""A backbone's feature maps of photos, and one pooled vector per photo."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from dpsims_hub.models import PretrainedBackbone

POOLING = "global average of each feature map, concatenated fine to coarse"


def photo_tensor(photos: np.ndarray, device: torch.device | str = "cpu") -> Tensor:
    """Photos (B, H, W, 3) uint8 as a tensor (B, 3, H, W) uint8."""
    return torch.from_numpy(np.ascontiguousarray(photos)).to(device).permute(0, 3, 1, 2)


@torch.no_grad()
def feature_maps(backbone: PretrainedBackbone, photos: np.ndarray) -> list[Tensor]:
    """Feature maps (B, C, h, w) of photos (B, H, W, 3) uint8, fine to coarse."""
    return backbone(photo_tensor(photos, backbone.mean.device).float() / 127.5 - 1)


def pooled(maps: Sequence[Tensor]) -> np.ndarray:
    """The global averages of all feature maps (B, C, h, w), concatenated, (B, D) float64.

    Our choice: coarse maps describe the objects of a photo, fine ones its textures.
    """
    return torch.cat([one.double().mean((2, 3)) for one in maps], dim=1).cpu().numpy()
