"""The expected result of each tool by a second derivation: whole arrays, real numbers."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import numpy as np

Place = tuple[float, float]  # x, y in map pixels; pixel (i, j) covers i <= x < i + 1, j <= y < j + 1


def read_map(text: str) -> np.ndarray:
    """Return the ids (H, W) of a map's text, from the description of the form alone."""
    head, size, runs = text.split(":")
    width, height = (int(side) for side in size.split("x"))
    pairs = np.frombuffer(base64.b64decode(runs), dtype="<u2").reshape(-1, 2)
    assert head == "r1"
    return np.repeat(pairs[:, 0], pairs[:, 1]).reshape(height, width)


def write_map(ids: np.ndarray) -> str:
    """Return the text of a map (H, W), one run a pixel."""
    pairs = np.stack([ids.reshape(-1), np.ones(ids.size)], axis=1).astype("<u2")
    return f"r1:{ids.shape[1]}x{ids.shape[0]}:{base64.b64encode(pairs.tobytes()).decode()}"


def brushed(ids: np.ndarray, places: Sequence[Place], diameter: int, value: int) -> np.ndarray:
    """Return the map after a stroke through places, by distances to its segments.

    Brushes of odd diameter sit on the centre of the pixel they are in, others on the nearest corner.
    """
    y, x = np.mgrid[: ids.shape[0], : ids.shape[1]] + 0.5
    snapped = [np.floor(place) + 0.5 if diameter % 2 else np.floor(np.add(place, 0.5)) for place in places]
    painted = np.zeros(ids.shape, dtype=bool)
    for start, end in zip([snapped[0], *snapped], snapped, strict=False):
        way = end - start
        length = float(way @ way)
        along = (x - start[0]) * way[0] + (y - start[1]) * way[1]
        share = np.clip(along / length, 0, 1) if length else 0.0
        distance = np.hypot(x - start[0] - share * way[0], y - start[1] - share * way[1])
        painted |= distance <= diameter / 2 + 1e-9
    return np.where(painted, value, ids)


def connected(ids: np.ndarray, x: int, y: int) -> np.ndarray:
    """Return the connected region (4 neighbours) of pixel (x, y), grown until it stops."""
    allowed = ids == ids[y, x]
    region = np.zeros(ids.shape, dtype=bool)
    region[y, x] = True
    while True:
        grown = region.copy()
        grown[1:] |= region[:-1]
        grown[:-1] |= region[1:]
        grown[:, 1:] |= region[:, :-1]
        grown[:, :-1] |= region[:, 1:]
        grown &= allowed
        if (grown == region).all():
            return region
        region = grown


def rectangle(ids: np.ndarray, one: tuple[int, int], other: tuple[int, int], value: int) -> np.ndarray:
    """Return the map with the rectangle between two pixels (x, y), both included."""
    painted = ids.copy()
    for y in range(min(one[1], other[1]), max(one[1], other[1]) + 1):
        for x in range(min(one[0], other[0]), max(one[0], other[0]) + 1):
            painted[y, x] = value
    return painted
