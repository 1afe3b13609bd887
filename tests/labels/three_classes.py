"""A small class list, and maps of it in its colours."""

from __future__ import annotations

import numpy as np

from dpsims_hub.labels import ClassInfo, ClassSpec

SPEC = ClassSpec(
    "three",
    (
        ClassInfo(0, "road", rgb=(128, 64, 128)),
        ClassInfo(1, "sky", rgb=(70, 130, 180)),
        ClassInfo(2, "car", rgb=(0, 0, 142)),
    ),
)
IDS = [[0, 1, 2], [2, 255, 0]]


def colours(ids, spec=SPEC):
    """The rows of an RGB PNG, looked up pixel by pixel."""
    rgb = {info.id: info.rgb for info in spec.classes} | {spec.ignore_index: spec.ignore_rgb}
    return [[channel for value in row for channel in rgb[value]] for row in ids]


def as_rgb_array(ids, spec=SPEC):
    return np.array(colours(ids, spec), dtype=np.uint8).reshape(len(ids), len(ids[0]), 3)
