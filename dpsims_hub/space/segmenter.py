"""Label maps from photos, by any semantic segmentation model of `transformers`.

A model may have its own segmenter in its folder, as `segmenter/`; `dpsims train-segmenter --half` writes one.
A segmenter that is named for the whole Space takes precedence.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping
from contextlib import suppress

import numpy as np
from PIL import Image, ImageOps

from dpsims_hub.labels import ClassSpec
from dpsims_hub.labels.reading.image_files import decode
from dpsims_hub.space.fitting import centred_part
from dpsims_hub.space.model_registry import ModelInfo

OWN = "segmenter"  # in a model's folder


class Segmenters:
    """The segmenter of each model, as a folder or Hub id: `named` for all models, or each model's own.

    Raises:
        ValueError: one is named, and transformers is not installed.
    """

    def __init__(self, named: str = "") -> None:
        if named and importlib.util.find_spec("transformers") is None:
            raise ValueError(
                "opening photos needs transformers: install it, or leave DPSIMS_SEGMENTER empty."
            )
        self._named = named

    def find(self, model_info: ModelInfo) -> str:
        """Return the segmenter for a model's photos.

        Raises:
            ValueError: there is none; the message says what to configure.
        """
        if missing := self.why_none(model_info):
            raise ValueError(missing)
        return self._named or str(model_info.folder / OWN)

    def why_none(self, model_info: ModelInfo) -> str:
        """Return why photos cannot be opened for a model, and what to configure; "" if they can."""
        if self._named:
            return ""
        if not (model_info.folder / OWN / "config.json").is_file():
            return (
                f"{model_info.key} has no segmenter to read photos with: make one by dpsims train-segmenter "
                f"and put it into the model's folder as {OWN}, or name one in DPSIMS_SEGMENTER."
            )
        if importlib.util.find_spec("transformers") is None:
            return "Opening photos needs transformers: pip install transformers, and start the Space again."
        return ""


def as_label_map(ids: np.ndarray, names: Mapping[int, str], spec: ClassSpec) -> tuple[np.ndarray, str]:
    """Return a segmenter's `ids` (H, W) as ids of `spec`, and a note for the visitor.

    `names` are the segmenter's class names by id.
    Classes that `spec` does not have become `ignore_index`.
    """
    label_map = match_classes(names, spec)[ids]
    unknown = float((label_map == spec.ignore_index).mean())
    note = f"{unknown:.0%} of the photo has no class of {spec.name}." if unknown >= 0.005 else ""
    return label_map.astype(spec.dtype), note


def read_photo(image: Image.Image, name: str, size: tuple[int, int]) -> Image.Image:
    """Return an undecoded photo as RGB, upright, cropped at the centre, resized to (height, width).

    Raises:
        LabelMapError: the file is damaged.
    """
    decode(image, name)
    photo = ImageOps.exif_transpose(image).convert("RGB")
    top, left, tall, broad = centred_part((photo.height, photo.width), size)
    part = (left, top, left + broad, top + tall)
    return photo.resize(size[::-1], Image.Resampling.LANCZOS, box=part)


def match_classes(names: Mapping[int, str], spec: ClassSpec) -> np.ndarray:
    """Return a table from a segmenter's ids to those of a class list, (largest id + 1,), int64.

    Letter case does not matter. Of several names ("car, auto") the first one in the class list counts. A
    class without such a name becomes `ignore_index`.
    """
    table = np.full(max(names, default=0) + 1, spec.ignore_index, dtype=np.int64)
    for number, name in names.items():
        for synonym in re.split(r"[,;]", name):
            with suppress(KeyError):
                table[number] = spec.class_id(synonym)
                break
    return table
