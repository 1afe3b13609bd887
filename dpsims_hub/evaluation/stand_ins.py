"""Images that follow the label maps without being photos: what a distance must at least be better than."""

from __future__ import annotations

import numpy as np


class ClassMeanColours:
    """The mean colour of every class over photos, collected batch by batch.

    Args:
        num_classes: N.
        ignore_index: id of unknown pixels, which get a mean of their own.
    """

    def __init__(self, num_classes: int, ignore_index: int) -> None:
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.sums = np.zeros((num_classes + 1, 3))
        self.counts = np.zeros(num_classes + 1)

    def add(self, photos: np.ndarray, label_maps: np.ndarray) -> None:
        """Takes in photos (B, H, W, 3) uint8 and their maps (B, H, W) ids."""
        rows = self._rows(label_maps).ravel()
        self.counts += np.bincount(rows, minlength=len(self.counts))
        for channel in range(3):
            self.sums[:, channel] += np.bincount(
                rows, weights=photos[..., channel].ravel(), minlength=len(self.counts)
            )

    def paint(self, label_maps: np.ndarray) -> np.ndarray:
        """Every pixel in the mean colour of its class; a class never seen gets the mean of all pixels.

        Args:
            label_maps: (B, H, W) ids.

        Returns:
            (B, H, W, 3) uint8.
        """
        overall = self.sums.sum(axis=0) / max(self.counts.sum(), 1)
        means = self.sums / np.maximum(self.counts, 1)[:, None]
        colours = np.where(self.counts[:, None] > 0, means, overall)
        return np.rint(colours).astype(np.uint8)[self._rows(label_maps)]

    def _rows(self, label_maps: np.ndarray) -> np.ndarray:
        return np.where(label_maps == self.ignore_index, self.num_classes, label_maps).astype(np.intp)
