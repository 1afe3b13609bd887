"""Repair of inexact label maps: each value gets the class that the visitor chooses, or the nearest one.

The reader refuses such maps, because it would have to guess without telling the visitor. Here the page shows
the map that would result, and the visitor decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from dpsims_hub.labels import ClassSpec, LabelMapError
from dpsims_hub.labels.reading.image_files import decode
from dpsims_hub.space.model_registry import ModelInfo
from dpsims_hub.space.photo_request import read_class, shown

NEAR = 48.0  # RGB distance up to which a colour counts as that of a class; our choice
ROWS = 24  # values that the page lists; the others get the proposed class
LARGEST_SIDE = 2048  # pixels; our choice: reading all values of a larger image takes seconds
MOST_COLOURS = 65536  # a photo has more
MOST_NUMBERS = 256
MOSTLY = 0.7  # share of pixels with a near colour from which an image counts as a label map; our choice


@dataclass(frozen=True)
class Values:
    """The values that an image stores.

    Args:
        codes: the distinct values, ascending, (V,) int64: numbers, or 65536 R + 256 G + B.
        places: the position in `codes` of each pixel's value, (H, W).
        is_colour: whether codes are colours.
    """

    codes: np.ndarray
    places: np.ndarray
    is_colour: bool

    @property
    def counts(self) -> np.ndarray:
        """Number of pixels of each value, (V,)."""
        return np.bincount(self.places.ravel(), minlength=len(self.codes))

    def name(self, position: int) -> str:
        """Return the name of a value in tables: "#rrggbb" or the number."""
        code = int(self.codes[position])
        return f"#{code:06x}" if self.is_colour else str(code)


def read_values(image: Image.Image, name: str) -> Values:
    """Read the values of an undecoded image: numbers of grey and palette images, colours of all other images.

    Raises:
        LabelMapError: it is too large or damaged, or holds more values than a label map can.
    """
    if max(image.size) > LARGEST_SIDE:
        raise LabelMapError(f"{name}: has a side above {LARGEST_SIDE} px; make it smaller.")
    decode(image, name)
    is_colour = image.mode not in ("1", "L", "P", "I", "I;16")
    pixels = np.asarray(image.convert("RGB") if is_colour else image).astype(np.int64)
    numbers = pixels @ np.array([65536, 256, 1]) if is_colour else pixels
    codes, places = np.unique(numbers, return_inverse=True)
    if len(codes) > (MOST_COLOURS if is_colour else MOST_NUMBERS):
        raise LabelMapError(f"{name}: holds {len(codes)} different values; a label map has few.")
    return Values(codes, places.reshape(numbers.shape), is_colour)


def proposed_classes(values: Values, spec: ClassSpec) -> tuple[np.ndarray, np.ndarray]:
    """Return the class proposed for each value, (V,), and its RGB distance from the class's colour, (V,).

    A colour gets the class with the nearest colour, or unknown if the distance is above `NEAR`. A number that
    is an id stays, and other numbers become unknown.
    """
    ids = np.array([*range(spec.num_classes), spec.ignore_index])
    if not values.is_colour:
        known = np.isin(values.codes, ids)
        return np.where(known, values.codes, spec.ignore_index), np.zeros(len(values.codes))
    targets = np.array([*spec.palette.tolist(), spec.ignore_rgb], dtype=np.float64)
    colours = np.stack([values.codes >> 16, values.codes >> 8 & 255, values.codes & 255], axis=1)
    nearest = np.empty(len(colours), dtype=np.int64)
    distances = np.empty(len(colours))
    for start in range(0, len(colours), 4096):
        part = slice(start, start + 4096)
        gaps = np.linalg.norm(colours[part, None] - targets[None], axis=2)
        nearest[part], distances[part] = gaps.argmin(axis=1), gaps.min(axis=1)
    return np.where(distances <= NEAR, ids[nearest], spec.ignore_index), distances


def survey(values: Values, spec: ClassSpec) -> dict[str, Any]:
    """Return the table of an image's values for the page, the most frequent values first.

    Returns:
        `values`: at most `ROWS` rows with `value`, `share` of the pixels, proposed `class` and `distance`;
        `more`: the number of other values.

    Raises:
        LabelMapError: most of its pixels are far from the colours of the classes.
    """
    classes, distances = proposed_classes(values, spec)
    counts = values.counts
    near = counts[distances <= NEAR].sum() / counts.sum()
    if near < MOSTLY:
        raise LabelMapError(f"only {near:.0%} of its pixels are near the colour of a class of {spec.name}.")
    order = np.argsort(-counts, kind="stable")[:ROWS]
    rows = [
        {
            "value": values.name(at),
            "share": round(float(counts[at] / counts.sum()), 5),
            "class": int(classes[at]),
            "distance": round(float(distances[at]), 1),
        }
        for at in order
    ]
    return {"values": rows, "more": len(counts) - len(rows)}


def with_table(values: Values, model_info: ModelInfo, table: Mapping[str, Any]) -> np.ndarray:
    """Return the label map (H, W), with the id in `table` under `Values.name`, or else the proposed id.

    Raises:
        ValueError: the table is malformed or names a class that the model does not have.
    """
    if not isinstance(table, Mapping) or len(table) > ROWS:
        raise ValueError(f"table must be an object of at most {ROWS} classes by value, not {shown(table)}.")
    chosen = {key: read_class(value, model_info) for key, value in table.items()}
    classes, _ = proposed_classes(values, model_info.spec)
    names = [values.name(at) for at in range(len(classes))] if chosen else []
    for at, name in enumerate(names):
        classes[at] = chosen.get(name, classes[at])
    return classes[values.places].astype(model_info.spec.dtype)
