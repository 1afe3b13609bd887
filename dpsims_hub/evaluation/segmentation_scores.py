"""Scores of predicted label maps from three pixel counts of each class: correct, true, predicted.

The counts of several maps add up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np


def class_counts(label_map: np.ndarray, predicted: np.ndarray, num_classes: int) -> np.ndarray:
    """Correct, true and predicted pixels of each class, (N, 3), of two arrays of ids of equal shape.

    Pixels with an unknown true id (at least N) do not count. A predicted id outside [0, N) is wrong.
    """
    known = label_map < num_classes
    true, seen = label_map[known].astype(np.int64), predicted[known].astype(np.int64)
    ours = seen[(seen >= 0) & (seen < num_classes)]
    counts = [np.bincount(ids, minlength=num_classes) for ids in (true[true == seen], true, ours)]
    return np.stack(counts, axis=1)


def class_ious(counts: np.ndarray) -> np.ndarray:
    """Intersection over union (..., N) in 0..1 of counts (..., N, 3); NaN where the union is empty."""
    hits = counts[..., 0]
    unions = counts[..., 1] + counts[..., 2] - hits
    return np.where(unions > 0, hits / np.maximum(unions, 1), np.nan)


def iou_by_class(counts: np.ndarray, names: Sequence[str]) -> dict[str, float | None]:
    """`class_ious` of counts (N, 3) by class name, None for NaN, JSON-safe."""
    ious = zip(names, class_ious(counts).tolist(), strict=True)
    return {name: None if math.isnan(value) else value for name, value in ious}


def mean_iou(counts: np.ndarray) -> np.ndarray:
    """Mean of `class_ious` over the classes that have one, 0 if none has; shape (...,)."""
    ious = class_ious(counts)
    known = ~np.isnan(ious)
    return np.where(known, ious, 0).sum(axis=-1) / np.maximum(known.sum(axis=-1), 1)


def pixel_accuracy(counts: np.ndarray) -> np.ndarray:
    """Share of the known pixels whose class is predicted correctly, in 0..1; shape (...,)."""
    return counts[..., 0].sum(axis=-1) / np.maximum(counts[..., 1].sum(axis=-1), 1)
