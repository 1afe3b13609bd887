"""A label map of any size, brought to the size that a model paints: cropped to its shape, never blended."""

from __future__ import annotations

import numpy as np

from dpsims_hub.labels.reading.resizing import resize_label_map


def fit(label_map: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, str]:
    """Return the map at a model's size and one sentence on what was done, "" for nothing.

    The largest centred part of the wanted shape is kept, then resized by nearest neighbour, so that scenes
    are not distorted and no class is invented.

    Args:
        label_map: ids, shape (H, W).
        size: wanted (height, width) in pixels.
    """
    height, width = label_map.shape
    top, left, tall, broad = centred_part((height, width), size)
    cropped = label_map[top : top + tall, left : left + broad]
    done = []
    if cropped.shape != label_map.shape:
        done.append(f"cropped at the centre to {broad}x{tall}")
    if cropped.shape != tuple(size):
        done.append(f"resized to {size[1]}x{size[0]} by nearest neighbour")
    note = f"The map of {width}x{height} px was {' and '.join(done)}." if done else ""
    return resize_label_map(cropped, size), note


def centred_part(size: tuple[int, int], shape: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return (top, left, height, width) of the largest centred part of the wanted proportions.

    Args:
        size: (height, width) of the whole, in pixels.
        shape: (height, width) whose proportions are wanted.
    """
    height, width = size
    tall = min(height, max(1, round(width * shape[0] / shape[1])))
    broad = min(width, max(1, round(height * shape[1] / shape[0])))
    return (height - tall) // 2, (width - broad) // 2, tall, broad
