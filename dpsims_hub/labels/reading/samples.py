"""`make_sample`: decodes and checks the images of a pair; all data sources use it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from dpsims_hub.labels.classes.errors import LabelMapError
from dpsims_hub.labels.classes.instance_codes import number_of_colours
from dpsims_hub.labels.classes.spec import ClassSpec
from dpsims_hub.labels.reading.exact_pixels import exact_pixels
from dpsims_hub.labels.reading.image_files import decode
from dpsims_hub.labels.reading.label_map import read_label_map
from dpsims_hub.labels.reading.turned_photos import turn_of


class Sample(NamedTuple):
    """One pair: RGB photo, ids (H, W), file stem, and object numbers (H, W) or None."""

    image: Image.Image
    label_map: np.ndarray
    stem: str
    instance_ids: np.ndarray | None = None


class Part(NamedTuple):
    """An opened, undecoded image of a pair, and its name in messages; closed by `with`."""

    image: Image.Image
    name: str

    def __enter__(self) -> Part:
        return self

    def __exit__(self, *error: object) -> None:
        self.image.close()


def make_sample(
    photo: Part, label: Part, instances: Part | None, spec: ClassSpec, *, stem: str, stored: bool = True
) -> Sample:
    """Decode the two or three images of a pair and check that their sizes are equal.

    `instances` has object numbers, greyscale of 8 or 16 bits. If it is None and the label map holds class and
    object in one number, that number is the object number. `stored` means that the label map follows the
    spec's stored-value rule, else it holds plain ids.

    Raises:
        LabelMapError: If an image is damaged, a value is no class, or sizes differ.
    """
    stored_size = photo.image.size[::-1]
    image = _rgb(photo)
    turn = turn_of(photo.image)
    label_map = read_label_map(label.image, spec, stored=stored, name=label.name)
    size = image.size[::-1]
    if turn and label_map.shape == stored_size != size:
        raise LabelMapError(
            f"{photo.name}: an EXIF note turns the photo to {size[1]} x {size[0]} px (width x height), and "
            f"its label map is {stored_size[1]} x {stored_size[0]}, as the photo is stored; turn the map in "
            f"the same way ({turn}), or take the note away from the photo.",
            "turn",
        )
    _check_same_size(size, label_map.shape, photo.name, "label map")
    if instances is None and not (stored and spec.instance_coding):
        return Sample(image, label_map, stem)
    numbers = _object_numbers(label, coded=True) if instances is None else _object_numbers(instances)
    _check_same_size(size, numbers.shape, photo.name, "instance map")
    return Sample(image, label_map, stem, numbers)


def _rgb(photo: Part) -> Image.Image:
    """Return the photo as RGB, upright by its EXIF orientation."""
    image, name = photo
    decode(image, name)
    if (frames := getattr(image, "n_frames", 1)) > 1 and image.format != "MPO":  # its second is a preview
        raise LabelMapError(f"{name}: holds {frames} pictures, and a photo is one; save it as JPEG.", "photo")
    if image.has_transparency_data and np.asarray(image.convert("RGBA"))[..., 3].min() < 255:
        raise LabelMapError(
            f"{name}: has transparent pixels, whose colours are undefined; save the photo on a background, "
            "as JPEG or as PNG without transparency.",
            "photo",
        )
    if image.mode.startswith(("I", "F")):
        raise LabelMapError(
            f"{name}: has more than 8 bits a channel; save the photo as an 8-bit PNG or JPEG.", "photo"
        )
    return ImageOps.exif_transpose(image).convert("RGB")


def _object_numbers(instances: Part, coded: bool = False) -> np.ndarray:
    """Return object numbers as (H, W) int32; coded ones may be colours."""
    image, name = instances
    numbers = exact_pixels(image, name)
    if coded and numbers.ndim == 3:
        numbers = number_of_colours(numbers, name)
    if numbers.ndim != 2:
        raise LabelMapError(
            f"{name}: object numbers must be an 8- or 16-bit greyscale PNG, not {image.mode}.", "objects"
        )
    return numbers.astype(np.int32)


def _check_same_size(photo: tuple[int, int], other: tuple[int, ...], name: str, what: str) -> None:
    """Refuse sizes (height, width) that differ."""
    if photo == other[::-1] and photo[0] != photo[1]:
        raise LabelMapError(
            f"{name}: the photo is {photo[1]} x {photo[0]} px (width x height), its {what} {other[1]} x "
            f"{other[0]}: one of them is turned by 90 degrees; turn it back.",
            "quarter",
        )
    if photo != other:
        raise LabelMapError(
            f"{name}: the photo is {photo[1]} x {photo[0]} px (width x height), its {what} "
            f"{other[1]} x {other[0]}; make them equal (maps by nearest neighbour)."
        )
