"""A few small pairs spread evenly over data of unknown length, for a picture."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from dpsims_hub.labels.reading.resizing import resize_label_map
from dpsims_hub.labels.reading.samples import Sample

COUNT = 8
AREA = 320 * 240  # pixels of an example; our choice
MAX_STRETCH = 4.0  # largest factor of enlargement


class Examples:
    """Keeps up to `2 * COUNT` examples: every pair at first, later every 2nd, every 4th and so on."""

    def __init__(self) -> None:
        self._stride = 1
        self._next = 0
        self._kept: list[tuple[int, Sample]] = []

    def wants(self, position: int) -> bool:
        """Return whether the pair at this position, which follows all kept ones, would be kept."""
        return position >= self._next

    def add(self, position: int, sample: Sample) -> None:
        """Keep the pair if it is still wanted; drop every second one at the limit."""
        if not self.wants(position):
            return
        self._kept.append((position, sample))
        if len(self._kept) == 2 * COUNT:
            self._stride *= 2
            self._kept = self._kept[::2]
        self._next = self._kept[-1][0] + self._stride

    def chosen(self) -> list[Sample]:
        """Return up to `COUNT` examples, evenly spaced, with the first and the last."""
        count = min(COUNT, len(self._kept))
        places = np.linspace(0, len(self._kept) - 1, count).round().astype(int)
        return [self._kept[place][1] for place in places]


def shrink(sample: Sample) -> Sample:
    """Return the pair at about `AREA` pixels in its proportions, without object numbers."""
    height, width = sample.label_map.shape
    scale = min(math.sqrt(AREA / (height * width)), MAX_STRETCH)
    size = max(round(height * scale), 1), max(round(width * scale), 1)
    photo = sample.image.resize(size[::-1], Image.Resampling.LANCZOS)
    return Sample(photo, resize_label_map(sample.label_map, size), sample.stem)
