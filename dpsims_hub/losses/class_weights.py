"""Class-balancing weights of the pixel loss: the scheme of OASIS (ICLR 2021, section 3.1)."""

from __future__ import annotations

import torch
from torch import Tensor


def class_pixel_counts(label_map: Tensor, num_classes: int, ignore_index: int = 255) -> Tensor:
    """Pixels of each class; ignored pixels count for none.

    Args:
        label_map: (B, H, W) integer ids in [0, N) or `ignore_index`.
        num_classes: N.
        ignore_index: id of unknown pixels.

    Returns:
        (N,) float32 counts: add them up over processes before `balancing_weights`.
    """
    # Without boolean indexing and bincount, for which the host would wait for the device.
    ids = label_map.long().masked_fill(label_map == ignore_index, num_classes).flatten()
    counts = torch.zeros(num_classes + 1, dtype=torch.long, device=ids.device)
    return counts.scatter_add_(0, ids, torch.ones_like(ids))[:num_classes].float()


def balancing_weights(counts: Tensor, num_pixels: int | Tensor) -> Tensor:
    """alpha_c = num_pixels / (K * count_c), with K the number of classes present.

    The mean of alpha over the pixels of known class is `num_pixels` over their number: exactly 1 without
    ignored pixels. An absent class gets 0; it is never looked up.

    Args:
        counts: (N,) pixels of each class, over the global batch.
        num_pixels: B * H * W of the global batch, ignored pixels included.

    Returns:
        (N,) weights.
    """
    present = counts > 0
    weights = num_pixels / (present.sum().clamp(min=1) * counts.clamp(min=1))
    return torch.where(present, weights, torch.zeros_like(weights))
