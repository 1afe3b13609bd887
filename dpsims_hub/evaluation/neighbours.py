"""Which real photos show nearly the same scene: those whose label maps agree most."""

from __future__ import annotations

import numpy as np

from dpsims_hub.labels.reading.resizing import resize_label_map

THUMBNAIL = (24, 32)  # height, width at which maps are compared, our choice


def thumbnail(label_map: np.ndarray) -> np.ndarray:
    """A label map (H, W) by nearest neighbour at 32x24."""
    return resize_label_map(label_map, THUMBNAIL)


def most_similar(thumbnails: np.ndarray, ignore_index: int) -> np.ndarray:
    """For each label map the other one that agrees with it in most places.

    Args:
        thumbnails: (n, h, w) ids, n at least 2.
        ignore_index: id of unknown pixels, which agree with nothing.

    Returns:
        (n,) indices; of equally similar maps the first.
    """
    flat = thumbnails.reshape(len(thumbnails), -1)
    found = np.empty(len(flat), dtype=np.int64)
    for index, places in enumerate(flat):
        agreement = ((flat == places) & (places != ignore_index)).sum(axis=1)
        agreement[index] = -1
        found[index] = agreement.argmax()
    return found
