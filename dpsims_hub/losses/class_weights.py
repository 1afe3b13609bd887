"""Class-balancing weights of the pixel loss: the scheme of OASIS (ICLR 2021)."""

from __future__ import annotations

import torch
from torch import Tensor


def class_pixel_counts(label_map: Tensor, num_classes: int, ignore_index: int = 255) -> Tensor:
    """(B, H, W) ids in [0, N) or `ignore_index` -> (N,) float32, the number of pixels of each class.

    With several processes their counts must be summed before `balancing_weights`.
    """
    # With boolean indexing or bincount the host would wait for the device.
    ids = label_map.long().masked_fill(label_map == ignore_index, num_classes).flatten()
    counts = torch.zeros(num_classes + 1, dtype=torch.long, device=ids.device)
    return counts.scatter_add_(0, ids, torch.ones_like(ids))[:num_classes].float()


def balancing_weights(counts: Tensor, num_pixels: int | Tensor) -> Tensor:
    """alpha_c = num_pixels / (K * count_c), with K the number of classes present; 0 for an absent class.

    The mean of alpha over all pixels of known class is `num_pixels` divided by their number. It is 1 if no
    pixel is ignored.

    Args:
        counts: (N,) number of pixels of each class in the global batch.
        num_pixels: B * H * W of the global batch, including ignored pixels.
    """
    present = counts > 0
    weights = num_pixels / (present.sum().clamp(min=1) * counts.clamp(min=1))
    return torch.where(present, weights, torch.zeros_like(weights))
