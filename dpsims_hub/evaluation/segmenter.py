"""Segmenters of transformers, which predict our class ids from photos.

Semantic ones (SegFormer, UPerNet, BEiT, DPT, ...) and universal ones (Mask2Former, MaskFormer, OneFormer),
from the Hub or a folder. Each model's own image processor prepares the photos and resizes the predictions.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dpsims_hub.evaluation.class_matching import match_classes
from dpsims_hub.evaluation.recipe import tensors_sha256
from dpsims_hub.evaluation.segmentation_scores import class_counts
from dpsims_hub.labels import ClassSpec
from dpsims_hub.models.unused_blocks import drop_unused_blocks
from dpsims_hub.processes.missing_package import require_packages
from dpsims_hub.storage.error_text import one_line
from dpsims_hub.storage.loading import align_storages

ASKS_FOR_TASK = ("oneformer",)  # model types with the name of the task as an input
WANTED = ("pixel_values", "pixel_mask", "task_inputs")  # inputs of the models


class Segmenter:
    """A segmenter that judges generated photos.

    Args:
        name: Hub id, or a folder with the model's and the image processor's files.
        spec: our classes.
        chosen: pairs of classes, as for `match_classes`.
        device: of the model.

    Raises:
        ModuleNotFoundError: transformers is not installed.
        ValueError: it cannot be loaded, is not a segmenter, or has none of our classes.
    """

    def __init__(
        self,
        name: str,
        spec: ClassSpec,
        chosen: Mapping[str, str | int | None] | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        self.model, self.processor = _load(name)
        self.model.eval().requires_grad_(False).to(device)
        self.device = torch.device(device)
        config = self.model.config
        self.match = match_classes({int(n): label for n, label in config.id2label.items()}, spec, chosen)
        self.asks_for_task = config.model_type in ASKS_FOR_TASK
        self.description: dict[str, Any] = {
            "segmenter": Path(name).name if Path(name).is_dir() else name,
            "architecture": type(self.model).__name__,
            "weights_sha256": tensors_sha256(self.model),
            "classes": self.match.how,
            "class_map": {
                label: spec.names[ours] if (ours := int(self.match.table[int(number)])) >= 0 else None
                for number, label in config.id2label.items()
            },
            "class_ids": self.match.table.tolist(),
            "classes_it_cannot_see": [spec.names[number] for number in self.match.missing],
            "input": _input_of(self.processor),
            "settings_sha256": _settings_sha256(config.to_dict(), self.processor.to_dict()),
        }

    @torch.no_grad()
    def predict(self, images: np.ndarray) -> np.ndarray:
        """Our ids (B, H, W), -1 outside our classes, of images (B, H, W, 3) uint8."""
        more = {"task_inputs": ["semantic"] * len(images)} if self.asks_for_task else {}
        inputs = self.processor(images=list(images), return_tensors="pt", **more).to(self.device)
        outputs = self.model(**{key: value for key, value in inputs.items() if key in WANTED})
        size = tuple(images.shape[1:3])
        maps = self.processor.post_process_semantic_segmentation(outputs, target_sizes=[size] * len(images))
        return self.match.translate(torch.stack(list(maps)).cpu().numpy())

    def judge(self, images: np.ndarray, label_maps: np.ndarray) -> np.ndarray:
        """`class_counts` (B, N, 3) of images that should follow label maps (B, H, W)."""
        pairs = zip(self.match.visible(label_maps), self.predict(images), strict=True)
        return np.stack([class_counts(true, seen, self.match.spec.num_classes) for true, seen in pairs])


def be_quiet() -> None:
    """Turns off the progress bars and warnings of transformers.

    Raises:
        ModuleNotFoundError: transformers is not installed.
    """
    require_packages("transformers")
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()


def _load(name: str) -> tuple[torch.nn.Module, Any]:
    require_packages("transformers")
    import transformers

    try:
        config = transformers.AutoConfig.from_pretrained(name)
        model = _model_class(transformers, config).from_pretrained(name, dtype=torch.float32)
        asks = config.model_type in ASKS_FOR_TASK
        drop_unused_blocks(model)
        align_storages(model)
        processor = transformers.AutoProcessor if asks else transformers.AutoImageProcessor
        return model, processor.from_pretrained(name)
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        raise ValueError(
            f"--segmenter {name}: transformers cannot load it ({one_line(error, 250)})."
        ) from error


def _model_class(transformers: Any, config: Any) -> Any:
    """The class of transformers that loads a segmenter."""
    named = next(iter(config.architectures or []), "")
    if named.endswith("ForSemanticSegmentation"):
        return transformers.AutoModelForSemanticSegmentation
    if named.endswith(("ForUniversalSegmentation", "ForInstanceSegmentation")):
        return transformers.AutoModelForUniversalSegmentation
    raise ValueError(f"it was saved as {named or 'no class'}, which is not a semantic or universal segmenter")


def _settings_sha256(*settings: Mapping[str, Any]) -> str:
    """The SHA-256 of configurations without their paths and the version of transformers."""
    kept = [
        {key: one[key] for key in one if not key.startswith("_") and key != "transformers_version"}
        for one in settings
    ]
    return hashlib.sha256(json.dumps(kept, sort_keys=True, default=str).encode()).hexdigest()


def _input_of(processor: Any) -> str:
    images = getattr(processor, "image_processor", processor)
    size = getattr(images, "size", None)
    return f"{type(images).__name__}, size {dict(size) if size else 'of the photo'}"
