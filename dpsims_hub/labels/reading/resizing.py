"""Nearest-neighbour resizing at pixel centres."""

from __future__ import annotations

import numpy as np

from dpsims_hub.labels.classes.class_forms import is_whole


def resize_label_map(label_map: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return a map (H, W) at `size` (height, width), by nearest neighbour at pixel centres.

    Output pixel i reads source pixel floor((i + 1/2) * source / target), as Pillow's NEAREST does up to
    rounding. Any integer type is allowed. No new ids appear; thin objects may vanish when a map shrinks.

    Raises:
        ValueError: If `size` is not two whole numbers of at least 1.
    """
    check_wanted_size(size)
    if label_map.shape == tuple(size):
        return label_map
    rows, columns = (centre_indices(old, new) for old, new in zip(label_map.shape, size, strict=True))
    return label_map[rows[:, None], columns]


def check_wanted_size(size: object) -> None:
    """Refuse a size that is not (height, width) in pixels.

    Raises:
        ValueError: If `size` is not two whole numbers of at least 1.
    """
    sides = list(size) if isinstance(size, tuple | list | np.ndarray) else []
    if len(sides) != 2 or not all(is_whole(side) and side >= 1 for side in sides):
        shown = tuple(sides) if sides else size
        raise ValueError(f"size must be (height, width), whole numbers of at least 1 px each, not {shown!r}.")


def centre_indices(old: int, new: int) -> np.ndarray:
    """Return the index among `old` pixels under the centre of each of `new` pixels, shape (new,)."""
    return (2 * np.arange(new) + 1) * old // (2 * new)
