"""Partners of label maps: the most similar map, and a random other one."""

from __future__ import annotations

import numpy as np
import torch


def most_similar(thumbnails: np.ndarray, ignore_index: int) -> np.ndarray:
    """For each label map the other one that agrees with it in the most pixels.

    Args:
        thumbnails: (n, h, w) ids, n at least 2.
        ignore_index: id of unknown pixels, which agree with no pixel.

    Returns:
        (n,) indices; the first one of equally similar maps.
    """
    flat = thumbnails.reshape(len(thumbnails), -1)
    found = np.empty(len(flat), dtype=np.int64)
    for index, places in enumerate(flat):
        agreement = ((flat == places) & (places != ignore_index)).sum(axis=1)
        agreement[index] = -1
        found[index] = agreement.argmax()
    return found


def shuffled_partners(count: int, seed: int) -> np.ndarray:
    """A random other index for each of [0, count), count at least 2: a permutation (count,)."""
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed)).numpy()
    partners = np.empty(count, dtype=np.int64)
    partners[order] = np.roll(order, -1)
    return partners
