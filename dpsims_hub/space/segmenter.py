"""Photos to label maps by any semantic segmentation model of `transformers`.

A model may have its own segmenter in its folder, as `segmenter/` (`dpsims train-segmenter --half` writes
one). A segmenter named for the whole Space takes precedence.
"""

from __future__ import annotations

import importlib.util
import re
import threading
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from dpsims_hub.labels import ClassSpec
from dpsims_hub.labels.reading.image_files import decode
from dpsims_hub.space.fitting import centred_part
from dpsims_hub.space.model_registry import ModelInfo

OWN = "segmenter"  # in a model's folder


class Segmenter:
    """A semantic segmentation model of transformers (folder or Hub id), loaded at the first photo.

    Raises:
        ValueError: transformers is not installed.
    """

    def __init__(self, name: str) -> None:
        if importlib.util.find_spec("transformers") is None:
            raise ValueError(
                "opening photos needs transformers: install it, or leave DPSIMS_SEGMENTER empty."
            )
        self._name = name
        self._lock = threading.Lock()
        self._loaded: tuple | None = None

    def segment(self, photo: Image.Image, spec: ClassSpec) -> tuple[np.ndarray, str]:
        """Return ids (H, W) of a photo, with `ignore_index` for other classes, and a note for the visitor."""
        with self._lock:
            found, names = self._segment(photo)
        label_map = match_classes(names, spec)[found]
        unknown = float((label_map == spec.ignore_index).mean())
        note = f"{unknown:.0%} of the photo has no class of {spec.name}." if unknown >= 0.005 else ""
        return label_map.astype(spec.dtype), note

    def _segment(self, photo: Image.Image) -> tuple[np.ndarray, dict[int, str]]:
        """Return the segmenter's own ids (H, W) at the photo's size, and its class names."""
        import torch
        from transformers import AutoImageProcessor, AutoModelForSemanticSegmentation
        from transformers.utils import logging

        from dpsims_hub.models.unused_blocks import drop_unused_blocks

        if self._loaded is None:
            logging.disable_progress_bar()
            logging.set_verbosity_error()  # its warnings on blocks that are left out would mislead
            processor = AutoImageProcessor.from_pretrained(self._name)
            network = AutoModelForSemanticSegmentation.from_pretrained(self._name, dtype=torch.float32)
            drop_unused_blocks(network)
            self._loaded = processor, network.eval()
        processor, model = self._loaded
        with torch.inference_mode():
            output = model(**processor(images=photo, return_tensors="pt"))
        ids = processor.post_process_semantic_segmentation(output, target_sizes=[photo.size[::-1]])[0]
        return ids.cpu().numpy(), {int(key): value for key, value in model.config.id2label.items()}


class Segmenters:
    """The segmenter of each model: `named` for all, or each model's own."""

    def __init__(self, named: Segmenter | None = None) -> None:
        self._named = named
        self._own: dict[Path, Segmenter] = {}
        self._lock = threading.Lock()

    def find(self, model_info: ModelInfo) -> Segmenter:
        """Return the segmenter for a model's photos.

        Raises:
            ValueError: there is none; the sentence says what to configure.
        """
        if self._named is not None:
            return self._named
        if missing := self.why_none(model_info):
            raise ValueError(missing)
        folder = model_info.folder / OWN
        with self._lock:
            return self._own.setdefault(folder, Segmenter(str(folder)))

    def why_none(self, model_info: ModelInfo) -> str:
        """Return why photos cannot be opened for a model, and what to configure; "" where they can."""
        if self._named is not None:
            return ""
        if not (model_info.folder / OWN / "config.json").is_file():
            return (
                f"{model_info.key} has no segmenter to read photos with: make one by dpsims train-segmenter "
                f"and put it into the model's folder as {OWN}, or name one in DPSIMS_SEGMENTER."
            )
        if importlib.util.find_spec("transformers") is None:
            return "Opening photos needs transformers: pip install transformers, and start the Space again."
        return ""


def read_photo(image: Image.Image, name: str, size: tuple[int, int]) -> Image.Image:
    """Return an undecoded photo as RGB, upright, cropped at the centre, resized to (height, width).

    Raises:
        LabelMapError: it is damaged.
    """
    decode(image, name)
    photo = ImageOps.exif_transpose(image).convert("RGB")
    top, left, tall, broad = centred_part((photo.height, photo.width), size)
    part = (left, top, left + broad, top + tall)
    return photo.resize(size[::-1], Image.Resampling.LANCZOS, box=part)


def match_classes(names: Mapping[int, str], spec: ClassSpec) -> np.ndarray:
    """Return the ids of a class list by a segmenter's ids, (largest id + 1,), int64.

    Letter case does not matter. Of several names ("car, auto") the first known one counts; a class without a
    known name becomes `ignore_index`.
    """
    table = np.full(max(names, default=0) + 1, spec.ignore_index, dtype=np.int64)
    for number, name in names.items():
        for synonym in re.split(r"[,;]", name):
            try:
                table[number] = spec.class_id(synonym)
                break
            except KeyError:
                continue
    return table
