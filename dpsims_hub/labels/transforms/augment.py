"""Reproducible crops, mirroring and resizing of photo, label map and object numbers together.

Photos are resized with Lanczos and antialiasing, label maps and object numbers by nearest neighbour, so that
no class is added or blended. Random crops also keep a generator from learning positions instead of the map.
Colours are unchanged, as in the paper's recipe.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image

from dpsims_hub.labels.reading.resizing import check_wanted_size, resize_label_map
from dpsims_hub.labels.reading.samples import Sample


class Box(NamedTuple):
    """A rectangle in pixels."""

    top: int
    left: int
    height: int
    width: int


def augment_pair(
    sample: Sample,
    size: tuple[int, int],
    *,
    rng: np.random.Generator,
    max_zoom: float = 1.4,
    flip_probability: float = 0.5,
    keep_proportions: bool = True,
) -> Sample:
    """Return a random crop of `size` (height, width), mirrored by chance; see `random_crop_box`.

    Four numbers are always drawn from `rng`, so settings do not shift later draws.

    Raises:
        ValueError: If `max_zoom` is below 1, `flip_probability` outside 0..1 or a side below 1.
    """
    if not 0 <= flip_probability <= 1:
        raise ValueError(f"flip_probability must lie in 0..1, not {flip_probability}.")
    sample = random_resized_crop_pair(
        sample, size, rng=rng, max_zoom=max_zoom, keep_proportions=keep_proportions
    )
    return flip_pair(sample) if rng.random() < flip_probability else sample


def random_resized_crop_pair(
    sample: Sample,
    size: tuple[int, int],
    *,
    rng: np.random.Generator,
    max_zoom: float = 1.4,
    keep_proportions: bool = True,
) -> Sample:
    """Return a random crop, resized to `size` (height, width); see `random_crop_box`.

    Raises:
        ValueError: If `max_zoom` is below 1 or `size` is invalid.
    """
    box = random_crop_box(
        sample.label_map.shape, size, rng=rng, max_zoom=max_zoom, keep_proportions=keep_proportions
    )
    return crop_pair(sample, box, size)


def random_crop_box(
    shape: tuple[int, ...],
    size: tuple[int, int],
    *,
    rng: np.random.Generator,
    max_zoom: float = 1.4,
    keep_proportions: bool = True,
) -> Box:
    """Return a random box in a picture of `shape`, to be resized to `size`, both (height, width) in pixels.

    Our rule (`keep_proportions`): the sides of the largest box with the proportions of `size` are divided by
    a zoom drawn uniformly from 1..`max_zoom`, and the box is placed uniformly. 1.4 is our choice: at least
    half of that box's area stays visible.

    Otherwise it is the rule of SPADE and OASIS: the whole picture is stretched to `max_zoom` times `size`,
    and a window of `size` is cut out. Their zoom is 286/256 for ADE20K and COCO-Stuff, and 1 (the whole
    picture) for Cityscapes. They round the stretched photo to pixels before cutting, which moves a border by
    less than one pixel. Three numbers are drawn from `rng`: zoom, top, left.

    Raises:
        ValueError: If `max_zoom` is below 1 or `size` is invalid.
    """
    if max_zoom < 1:
        raise ValueError(f"max_zoom must be at least 1, not {max_zoom}.")
    check_wanted_size(size)
    draw = rng.random()
    if keep_proportions:
        scale = min(shape[0] / size[0], shape[1] / size[1]) / (1 + (max_zoom - 1) * draw)
        wanted = (size[0] * scale, size[1] * scale)
    else:
        wanted = (shape[0] / max_zoom, shape[1] / max_zoom)
    height, width = (min(max(round(side), 1), full) for side, full in zip(wanted, shape, strict=False))
    top, left = (int(rng.random() * (space + 1)) for space in (shape[0] - height, shape[1] - width))
    return Box(top, left, height, width)


def crop_pair(sample: Sample, box: Box, size: tuple[int, int]) -> Sample:
    """Return the part of a sample in `box`, resized to `size` (height, width).

    Raises:
        ValueError: If the box exceeds the sample or a wanted side is below 1.
    """
    top, left, height, width = box
    bottom, right = top + height, left + width
    full_height, full_width = sample.label_map.shape
    if min(top, left) < 0 or min(height, width) < 1 or bottom > full_height or right > full_width:
        raise ValueError(
            f"{sample.stem}: {box} reaches outside {full_height} x {full_width} px (height x width)."
        )
    ids = sample.instance_ids
    return sample._replace(
        label_map=resize_label_map(sample.label_map[top:bottom, left:right], size),
        image=sample.image.resize(size[::-1], Image.Resampling.LANCZOS, box=(left, top, right, bottom)),
        instance_ids=None if ids is None else resize_label_map(ids[top:bottom, left:right], size),
    )


def resize_pair(sample: Sample, size: tuple[int, int]) -> Sample:
    """Return the whole sample at `size` (height, width), stretched as in the evaluation of SPADE and OASIS.

    Raises:
        ValueError: If a wanted side is below 1.
    """
    return crop_pair(sample, Box(0, 0, *sample.label_map.shape), size)


def flip_pair(sample: Sample) -> Sample:
    """Return the sample mirrored left to right."""
    ids = sample.instance_ids
    return sample._replace(
        image=sample.image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        label_map=np.ascontiguousarray(sample.label_map[:, ::-1]),
        instance_ids=None if ids is None else np.ascontiguousarray(ids[:, ::-1]),
    )
