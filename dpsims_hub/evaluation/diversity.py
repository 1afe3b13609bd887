"""Differences between photos: the distance of the diversity loss on any backbone, and that of pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np
from torch import Tensor

from dpsims_hub.losses.diversity import feature_distance


def pair_differences(
    first_maps: Sequence[Tensor], second_maps: Sequence[Tensor], first: np.ndarray, second: np.ndarray
) -> np.ndarray:
    """Two differences of every pair of photos.

    Feature maps with a single position are left out: they equal their mean, which is subtracted.

    Args:
        first_maps: feature maps (B, C, h, w) of the first photos.
        second_maps: of the second photos.
        first: photos (B, H, W, 3) uint8.
        second: photos (B, H, W, 3) uint8.

    Returns:
        (B, 2): `feature_distance` in [0, 2]; mean absolute pixel difference in [0, 1].

    Raises:
        ValueError: the photos are so small that every feature map has a single position.
    """
    kept = [(a, b) for a, b in zip(first_maps, second_maps, strict=True) if a[0, 0].numel() > 1]
    if not kept:
        raise ValueError("the photos are too small for this backbone: every feature map is a single place.")
    features = feature_distance(*zip(*kept, strict=True)).double().cpu().numpy()
    pixels = np.abs(first.astype(np.int16) - second.astype(np.int16)).mean(axis=(1, 2, 3)) / 255
    return np.stack([features, pixels], axis=1)


def differences_within(maps: Sequence[Tensor], photos: np.ndarray) -> np.ndarray:
    """Mean `pair_differences` (B, 2) of the K photos of each label map, over all K (K - 1) / 2 pairs.

    Args:
        maps: feature maps (B * K, C, h, w), those of one label map next to each other.
        photos: (B, K, H, W, 3) uint8, K at least 2.
    """
    count = photos.shape[1]

    def differences(a: int, b: int) -> np.ndarray:
        first, second = ([one[k::count] for one in maps] for k in (a, b))
        return pair_differences(first, second, photos[:, a], photos[:, b])

    return mean_over_pairs(count, differences)


def mean_over_pairs(count: int, differences: Callable[[int, int], np.ndarray]) -> np.ndarray:
    """Mean of `differences(a, b)` over all pairs of `count` photos."""
    return np.mean([differences(a, b) for a, b in combinations(range(count), 2)], axis=0)
