"""Label maps of any size at a model's size: cropped to its shape, resized by nearest neighbour."""

from __future__ import annotations

import numpy as np

from dpsims_hub.labels.reading.resizing import resize_label_map

CROPPED = "cropped at the centre"


def fit(label_map: np.ndarray, size: tuple[int, int], border: int | None = None) -> tuple[np.ndarray, str]:
    """Return the map at a model's size, and one sentence on the changes, "" for none.

    The largest centred part with the model's proportions is resized, so that scenes are not distorted. With
    `border`, the whole map is kept, between bands of that id.
    """
    if border is not None:
        return fit_inside(label_map, size, border)
    height, width = label_map.shape
    top, left, tall, broad = centred_part((height, width), size)
    cropped = label_map[top : top + tall, left : left + broad]
    done = []
    if cropped.shape != label_map.shape:
        done.append(f"{CROPPED} to {broad}x{tall}")
    if cropped.shape != tuple(size):
        done.append(f"resized to {size[1]}x{size[0]} by nearest neighbour")
    note = f"The map of {width}x{height} px was {' and '.join(done)}." if done else ""
    return resize_label_map(cropped, size), note


def fit_inside(label_map: np.ndarray, size: tuple[int, int], border: int) -> tuple[np.ndarray, str]:
    """Return the whole map between bands of `border`; see `fit`."""
    height, width = label_map.shape
    scale = min(size[0] / height, size[1] / width)
    inner = (min(size[0], max(1, round(height * scale))), min(size[1], max(1, round(width * scale))))
    if inner == tuple(size):
        return fit(label_map, size)
    top, left = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    whole = np.full(size, border, dtype=label_map.dtype)
    whole[top : top + inner[0], left : left + inner[1]] = resize_label_map(label_map, inner)
    return whole, f"All of the map of {width}x{height} px is kept; the bands beside it are unknown."


def centred_part(size: tuple[int, int], shape: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return (top, left, height, width) of the largest centred part with the proportions of `shape`."""
    height, width = size
    tall = min(height, max(1, round(width * shape[0] / shape[1])))
    broad = min(width, max(1, round(height * shape[1] / shape[0])))
    return (height - tall) // 2, (width - broad) // 2, tall, broad
