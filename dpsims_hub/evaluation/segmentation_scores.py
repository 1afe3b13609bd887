"""Scores of predicted label maps, from three pixel counts per class: right, true, predicted.

Counts of many maps add up to those of all of them, and one map's own counts rank it among the others.
"""

from __future__ import annotations

import numpy as np


def class_counts(label_map: np.ndarray, predicted: np.ndarray, num_classes: int) -> np.ndarray:
    """Pixels of each class that are rightly predicted, truly of it, and predicted as it; (N, 3).

    Pixels with a true id outside [0, N) do not count at all; predicted ids outside it are wrong everywhere.

    Args:
        label_map: true ids, any shape, `ignore_index` where unknown.
        predicted: ids of the same shape.
        num_classes: N.
    """
    known = label_map < num_classes
    true, seen = label_map[known].astype(np.int64), predicted[known].astype(np.int64)
    ours = seen[(seen >= 0) & (seen < num_classes)]
    counts = [np.bincount(ids, minlength=num_classes) for ids in (true[true == seen], true, ours)]
    return np.stack(counts, axis=1)


def class_ious(counts: np.ndarray) -> np.ndarray:
    """Intersection / union of each class in 0..1, NaN for classes neither true nor predicted.

    Args:
        counts: (..., N, 3) of `class_counts`.

    Returns:
        (..., N).
    """
    hits = counts[..., 0]
    unions = counts[..., 1] + counts[..., 2] - hits
    return np.where(unions > 0, hits / np.maximum(unions, 1), np.nan)


def mean_iou(counts: np.ndarray) -> np.ndarray:
    """Mean of `class_ious` over the classes that have one; 0 where none has; shape (...,)."""
    ious = class_ious(counts)
    known = ~np.isnan(ious)
    return np.where(known, ious, 0).sum(axis=-1) / np.maximum(known.sum(axis=-1), 1)


def pixel_accuracy(counts: np.ndarray) -> np.ndarray:
    """Share of the known pixels whose class is predicted, in 0..1; shape (...,)."""
    return counts[..., 0].sum(axis=-1) / np.maximum(counts[..., 1].sum(axis=-1), 1)
