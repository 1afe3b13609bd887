"""Outlines as pixels by a second derivation: rays from pixel centres, curves by Bernstein's formula."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np

Point = tuple[float, float]
STEPS = 12  # straight pieces of a curve, as the page draws it
NUMBERS = {"M": 2, "L": 2, "H": 1, "V": 1, "Q": 4, "C": 6}


def inside(points: Sequence[Point], height: int, width: int) -> np.ndarray:
    """Return which pixels (H, W) have their centre in a polygon: a ray crosses it an odd number of times."""
    y, x = np.mgrid[:height, :width] + 0.5
    odd = np.zeros((height, width), dtype=bool)
    for (ax, ay), (bx, by) in zip(points, [*points[1:], points[0]], strict=True):
        if ay != by:
            odd ^= ((ay > y) != (by > y)) & (x < ax + (y - ay) / (by - ay) * (bx - ax))
    return odd


def polygons(path: str) -> list[list[Point]]:
    """Return the polygons of a path of M L H V C Q Z with absolute numbers."""
    found: list[list[Point]] = []
    for command, numbers in re.findall(r"([MLHVCQZ])([^MLHVCQZ]*)", path):
        values = [float(one) for one in re.findall(r"-?[0-9.]+", numbers)]
        assert len(values) == NUMBERS.get(command, 0)
        if command == "M":
            found.append([(values[0], values[1])])
        elif command == "L":
            found[-1].append((values[0], values[1]))
        elif command == "H":
            found[-1].append((values[0], found[-1][-1][1]))
        elif command == "V":
            found[-1].append((found[-1][-1][0], values[0]))
        elif command in "CQ":
            found[-1] += bezier([found[-1][-1], *zip(values[::2], values[1::2], strict=True)])
    return found


def bezier(controls: Sequence[Point]) -> list[Point]:
    """Return the places of a Bezier curve at 1/12, 2/12, ... 1."""
    degree = len(controls) - 1
    weights = [
        [math.comb(degree, k) * (t / STEPS) ** k * (1 - t / STEPS) ** (degree - k) for k in range(degree + 1)]
        for t in range(1, STEPS + 1)
    ]
    return [tuple(np.asarray(row) @ np.asarray(controls)) for row in weights]


def stamped(
    ids: np.ndarray, stamp: dict, value: int, place: Point, scale: float = 1.0, flip: bool = False
) -> np.ndarray:
    """Return the map after the first part of a stamp, its middle at `place`, was painted in one class."""
    height, width = ids.shape
    across, down = stamp["grid"]
    unit = stamp["tall"] * height * scale / down
    mask = np.zeros(ids.shape, dtype=bool)
    for polygon in polygons(stamp["parts"][0][1]):
        turned = [((across - x if flip else x) - across / 2, y - down / 2) for x, y in polygon]
        mask |= inside([(place[0] + x * unit, place[1] + y * unit) for x, y in turned], height, width)
    return np.where(mask, value, ids)
