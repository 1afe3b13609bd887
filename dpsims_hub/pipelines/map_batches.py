"""Batches of label maps: one map or many, and the size of their photos.

A photo has the size of its map. The network must support this size. On request maps are resized by nearest
neighbour, but a size that would distort the scene is refused.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dpsims_hub.labels import ClassSpec, read_label_map
from dpsims_hub.labels.reading.image_files import MAX_SIDE
from dpsims_hub.labels.reading.label_map import refuse_abstract_tensor
from dpsims_hub.labels.reading.resizing import resize_label_map

ASPECT_TOLERANCE = 0.05  # our choice: a change of width : height below 5 % is hard to see


def read_map_batch(label_map: Any, spec: ClassSpec) -> np.ndarray:
    """Read label maps of one size into (B, H, W) ids, uint8 or uint16.

    Args:
        label_map: one map as `read_label_map` takes it, a list of such maps, or a (B, H, W) integer array.
        spec: the class list.

    Raises:
        FileNotFoundError: a path does not exist.
        ValueError: there is no map, a map cannot be read, or sizes differ.
    """
    refuse_abstract_tensor(label_map, "label map")
    _refuse_one_hot(label_map, spec)
    sources = split_map_batch(label_map)
    if not sources:
        raise ValueError("label_map is an empty list; give at least one map.")
    names = [_name(source, number, len(sources)) for number, source in enumerate(sources)]
    maps = [read_label_map(source, spec, name=name) for source, name in zip(sources, names, strict=True)]
    for one, name in zip(maps, names, strict=True):
        if one.shape != maps[0].shape:
            raise ValueError(
                f"the maps of one batch need one size, but {names[0]} is {by(maps[0].shape)} and {name} is "
                f"{by(one.shape)} (width x height); call once per size."
            )
    return np.stack(maps)


def _refuse_one_hot(label_map: Any, spec: ClassSpec) -> None:
    """Refuse one plane for each class with 0 and 1, or 0 and 255, which would be read as many maps."""
    if not (hasattr(label_map, "ndim") and hasattr(label_map, "shape")) or label_map.ndim not in (3, 4):
        return
    channels = (spec.num_classes, spec.num_classes + 1)  # one more may mean unknown
    for axis in (label_map.ndim - 3, label_map.ndim - 1):
        if label_map.shape[axis] < 2 or label_map.shape[axis] not in channels:
            continue
        on = (label_map == 1) if (label_map == 1).any() else (label_map == 255)
        if on.any() and (on | (label_map == 0)).all() and (on.sum(axis) <= 1).all():
            raise ValueError(
                f"label_map has shape {tuple(label_map.shape)} and looks like one-hot planes of the "
                f"{spec.num_classes} classes; give ids, label_map.argmax({axis}), with {spec.ignore_index} "
                "where no plane is set, or one that means unknown (if it is the first, ids are 1 less); "
                "if these are maps, give them in a list."
            )


def split_map_batch(label_map: Any) -> list:
    """The single maps of an input; one map becomes a list of one.

    Arrays (H, W), (H, W, 1), (H, W, 3) and (H, W, 4) are one map. Other arrays of 3 or 4 dimensions are
    batches. A list of lists of numbers is one map, any other list is a batch.
    """
    if hasattr(label_map, "ndim") and hasattr(label_map, "shape"):  # numpy array or torch tensor
        is_batch = label_map.ndim == 4 or (label_map.ndim == 3 and label_map.shape[-1] not in (1, 3, 4))
        return list(label_map) if is_batch else [label_map]
    if not isinstance(label_map, list | tuple):
        return [label_map]
    row = label_map[0] if label_map else None
    is_one_map = isinstance(row, list | tuple) and len(row) > 0 and not isinstance(row[0], list | tuple)
    return [label_map] if is_one_map else list(label_map)


def resize_maps(maps: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize (B, H, W) integers by nearest neighbour to (B, height, width) int64."""
    return np.stack([resize_label_map(one, size) for one in maps]).astype(np.int64)


def photo_size(
    map_size: Sequence[int],
    stride: int,
    wanted: tuple[int, int] | None = None,
    allow_distortion: bool = False,
) -> tuple[int, int]:
    """The (height, width) of the photo of a map: that of the map or the wanted one.

    Args:
        map_size: (height, width) of the map.
        stride: the network makes photos whose sides are multiples of it.
        wanted: (height, width), or None.
        allow_distortion: whether width : height may change by more than 5 %.

    Raises:
        ValueError: a side is not a multiple of the stride or above 4096, or the map would be distorted.
    """
    size = tuple(map_size) if wanted is None else tuple(wanted)
    if any(side < stride or side % stride or side > MAX_SIDE for side in size):
        what = "the label map is" if wanted is None else "the wanted size is"
        raise ValueError(
            f"{what} {by(size)} (width x height), but this model makes multiples of {stride} up to "
            f"{MAX_SIDE}; resize to {by(nearest_size(map_size, stride))}, for example."
        )
    change = distortion(map_size, size)
    if change > ASPECT_TOLERANCE and not allow_distortion:
        raise ValueError(
            f"resizing {by(map_size)} to {by(size)} (width x height) would distort the scene by "
            f"{change:.0%}; take {by(nearest_size(map_size, stride))}, or allow distortion."
        )
    return size


def nearest_size(map_size: Sequence[int], stride: int) -> tuple[int, int]:
    """The (height, width) nearest to that of a map that the network makes without visible distortion.

    Heights up to about twice the map's are searched. If none keeps width : height within 5 %, the result is
    the least distorted size.
    """
    height, width = map_size
    top = min(max(2 * height, 4 * stride), MAX_SIDE)
    sizes = [(high, _multiple(high * width / height, stride)) for high in range(stride, top + 1, stride)]
    faithful = [size for size in sizes if distortion(map_size, size) <= ASPECT_TOLERANCE]
    if not faithful:
        return min(sizes, key=lambda size: distortion(map_size, size))
    return min(faithful, key=lambda size: abs(size[0] - height))


def distortion(old: Sequence[int], new: Sequence[int]) -> float:
    """Relative change of width : height between two (height, width); 0 if equal, 1 if doubled or halved."""
    return math.exp(abs(math.log(new[1] / new[0] * old[0] / old[1]))) - 1


def by(size: Sequence[int]) -> str:
    """(height, width) as text, width first: (96, 128) is "128x96"."""
    return f"{size[1]}x{size[0]}"


def _multiple(length: float, stride: int) -> int:
    return min(max(round(length / stride), 1), MAX_SIDE // stride) * stride


def _name(source: Any, number: int, count: int) -> str:
    if isinstance(source, str | Path):
        return str(source)
    return getattr(source, "filename", "") or ("label map" if count == 1 else f"label map {number}")
