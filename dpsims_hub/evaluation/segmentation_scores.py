"""Scores of predicted label maps: everything from one matrix of pixel counts."""

from __future__ import annotations

import numpy as np


def confusion_matrix(label_map: np.ndarray, predicted: np.ndarray, num_classes: int) -> np.ndarray:
    """Pixel counts (N, N), true class by predicted class; pixels with a true id outside [0, N) do not count.

    Args:
        label_map: true ids, any shape, `ignore_index` where unknown.
        predicted: ids in [0, N), same shape.
        num_classes: N.
    """
    known = label_map < num_classes
    cells = label_map[known].astype(np.int64) * num_classes + predicted[known]
    return np.bincount(cells, minlength=num_classes**2).reshape(num_classes, num_classes)


def mean_iou(confusion: np.ndarray) -> float:
    """Mean over classes of intersection / union, in 0..1; classes neither true nor predicted do not count."""
    hits = np.diag(confusion)
    unions = confusion.sum(axis=0) + confusion.sum(axis=1) - hits
    return float((hits[unions > 0] / unions[unions > 0]).mean()) if unions.any() else 0.0


def pixel_accuracy(confusion: np.ndarray) -> float:
    """Share of the known pixels whose class is predicted, in 0..1."""
    return float(np.trace(confusion) / max(confusion.sum(), 1))
