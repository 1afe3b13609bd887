"""Crops, mirror images and resizing of photo, label map and object numbers together, reproducible by seed.

Photos are resized with Lanczos and antialiasing, label maps and object numbers by nearest neighbour, so that
no class appears that was not there. Random crops are needed beyond variety: without them a generator learns
where in the frame things stand instead of what the map says. Colours are left alone, as in the paper's
recipe.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image

from dpsims_hub.labels.reading.resizing import check_wanted_size, resize_label_map
from dpsims_hub.labels.reading.samples import Sample


class Box(NamedTuple):
    """A rectangle of whole pixels."""

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
    """Return a random crop of the wanted size, mirrored by a coin.

    Args:
        sample: Photo, label map and perhaps object numbers of one size.
        size: Wanted (height, width) in pixels.
        rng: Source of all randomness; it always draws four numbers, so that a settings change shifts no later
            draw.
        max_zoom: See `random_crop_box`.
        flip_probability: In 0..1.
        keep_proportions: See `random_crop_box`.

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
    """Return a random crop, resized to `size`.

    Args:
        sample: Photo, label map and perhaps object numbers of one size.
        size: Wanted (height, width) in pixels.
        rng: Draws three numbers.
        max_zoom: See `random_crop_box`.
        keep_proportions: See `random_crop_box`.

    Raises:
        ValueError: If `max_zoom` is below 1 or `size` is no size.
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
    """Return a random box inside a picture of `shape`, to be resized to `size`.

    Our rule: the largest box with the proportions of `size` is divided by a zoom drawn uniformly from
    1..`max_zoom` and placed uniformly. 1.4 is our choice: objects look at most 1.4 times larger than in the
    photo, and half of the photo's area stays in view.

    Without `keep_proportions` it is the rule of SPADE and OASIS: the whole picture is stretched to `max_zoom`
    times `size` and a window of `size` is cut out; 286/256 is their zoom for ADE20K and COCO-Stuff, 1 (the
    whole picture) that for Cityscapes. They round the stretched photo to pixels before cutting, which moves a
    border by less than one pixel.

    Args:
        shape: (height, width) of the picture.
        size: (height, width) that the box will be resized to.
        rng: Draws three numbers: zoom, top, left.
        max_zoom: At least 1; 1 gives the largest box.
        keep_proportions: Our rule (True) or that of SPADE and OASIS.

    Raises:
        ValueError: If `max_zoom` is below 1 or `size` is no size.
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
    """Return the part of a sample inside `box`, resized to `size` (height, width).

    Raises:
        ValueError: If the box reaches outside the sample or a wanted side is below 1.
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
    """Return the whole sample at `size` (height, width).

    Other proportions than the sample's stretch it, as the evaluation of SPADE and OASIS does.

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
