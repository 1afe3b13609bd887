"""Reference baselines: label maps painted with the mean colour of each class."""

from __future__ import annotations

import numpy as np

from dpsims_hub.labels import ClassSpec


def colour_sums(photo: np.ndarray, label_map: np.ndarray, spec: ClassSpec) -> np.ndarray:
    """Sums of red, green and blue and the pixel count of each class, (N + 1, 4); unknown pixels last.

    The sums of several photos add up. `photo` is (H, W, 3) uint8, `label_map` (H, W) ids.
    """
    rows = _rows(label_map, spec).ravel()
    channels = [photo[..., channel].ravel() for channel in range(3)]
    sums = [np.bincount(rows, weights=one, minlength=spec.num_classes + 1) for one in channels]
    return np.stack([*sums, np.bincount(rows, minlength=spec.num_classes + 1)], axis=1)


def paint_mean_colours(label_maps: np.ndarray, sums: np.ndarray, spec: ClassSpec) -> np.ndarray:
    """Label maps (B, H, W) in the mean colours of their classes, (B, H, W, 3) uint8.

    A class without pixels in `sums` (N + 1, 4) gets the mean of all pixels.
    """
    colours, counts = sums[:, :3], sums[:, 3:]
    overall = colours.sum(axis=0) / max(counts.sum(), 1)
    means = np.where(counts > 0, colours / np.maximum(counts, 1), overall)
    return np.rint(means).astype(np.uint8)[_rows(label_maps, spec)]


def _rows(label_maps: np.ndarray, spec: ClassSpec) -> np.ndarray:
    return np.where(label_maps == spec.ignore_index, spec.num_classes, label_maps).astype(np.intp)
