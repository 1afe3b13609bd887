"""Semantic segmentation by a model of `transformers`. This module imports torch."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from transformers import AutoImageProcessor, AutoModelForSemanticSegmentation
from transformers.utils import logging

from dpsims_hub.models.unused_blocks import drop_unused_blocks
from dpsims_hub.storage.loading import align_storages


class PhotoSegmenter:
    """A semantic segmentation model of transformers, by its folder or Hub id."""

    def __init__(self, name: str) -> None:
        logging.disable_progress_bar()
        logging.set_verbosity_error()  # warnings about blocks that are left out would mislead
        self._processor = AutoImageProcessor.from_pretrained(name)
        self._network = AutoModelForSemanticSegmentation.from_pretrained(name, dtype=torch.float32).eval()
        drop_unused_blocks(self._network)
        align_storages(self._network)

    @torch.inference_mode()
    def segment(self, photo: Image.Image) -> tuple[np.ndarray, dict[int, str]]:
        """Return the ids of the model's classes (H, W) at the photo's size, and its class names by id."""
        output = self._network(**self._processor(images=photo, return_tensors="pt"))
        sizes = [photo.size[::-1]]
        ids = self._processor.post_process_semantic_segmentation(output, target_sizes=sizes)[0]
        names = self._network.config.id2label
        return ids.cpu().numpy(), {int(key): value for key, value in names.items()}
