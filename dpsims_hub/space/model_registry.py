"""The models of a Space, which are described at the start and loaded for their first photo.

A description needs only two JSON files of a model, so the page is served before torch is imported.
"""

from __future__ import annotations

import os
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dpsims_hub.bundled import NAMES, bundled_examples, bundled_model
from dpsims_hub.labels import ClassInfo, ClassSpec, read_label_map
from dpsims_hub.labels.classes.spec import BUILT_IN
from dpsims_hub.space.fitting import fit
from dpsims_hub.space.map_string import encode
from dpsims_hub.space.scenes import draw_scenes
from dpsims_hub.storage.stored_settings import read_json_object

if TYPE_CHECKING:
    from dpsims_hub.pipelines.pipeline_dpsims import DPSIMSPipeline

MAX_SEED = 2**31 - 1  # our choice: number fields of a page hold it without loss


@dataclass(frozen=True)
class ModelInfo:
    """Facts of a model that need no weights.

    Args:
        name: a path, a Hub id or a bundled name, as configured. Visitors never see it.
        key: its title on the page, unique among the models of a Space.
        folder: holds its files.
        spec: its classes.
        size: (height, width) of its maps and photos in pixels, as in training.
        regions: whether parts of a photo may have other latents.
        examples: (title, label map text) of its example scenes, at least six.
    """

    name: str
    key: str
    folder: Path
    spec: ClassSpec
    size: tuple[int, int]
    regions: bool
    examples: tuple[tuple[str, str], ...]

    def describe(self) -> dict[str, Any]:
        """Return the model's description for the page, as JSON values."""
        height, width = self.size
        return {
            "name": self.key,
            "title": self.key,
            "width": width,
            "height": height,
            "classes": self.spec.to_dict()["classes"],
            "ignore_index": self.spec.ignore_index,
            "examples": [{"name": title, "map": text} for title, text in self.examples],
            "max_seed": MAX_SEED,
            "regions": self.regions,
        }


class ModelRegistry:
    """The models that visitors may choose from, by path, Hub id or bundled name; the first is shown first.

    With `device` None an accelerator is used if there is one. With `dtype` None the arithmetic is that of the
    weights.

    Raises:
        FileNotFoundError: a model does not exist.
        ValueError: no name is given, or a model cannot be used.
    """

    def __init__(self, names: Sequence[str], device: str | None = None, dtype: str | None = None) -> None:
        if not names:
            raise ValueError("name at least one model: a path, a Hub id, or a bundled one such as camvid.")
        self.device, self.dtype = device, dtype
        self._models: dict[str, ModelInfo] = {}
        for name in dict.fromkeys(names):
            key = _unique(Path(name).name or "model", self._models)
            self._models[key] = read_model_info(name, key)

    def find(self, key: Any = "") -> ModelInfo:
        """Return the model of a key; "" or None is the first.

        Raises:
            ValueError: this Space has no such model; visitors cannot make it load others.
        """
        if key in ("", None):
            return next(iter(self._models.values()))
        if not isinstance(key, str) or key not in self._models:
            raise ValueError(f"this Space has no model of that name; it has {', '.join(self._models)}.")
        return self._models[key]

    def list(self) -> list[dict[str, str]]:
        """Return names and titles for the page."""
        return [{"name": key, "title": key} for key in self._models]

    def load(self, model_info: ModelInfo) -> DPSIMSPipeline:
        """Return a model ready for photos, on this Space's device.

        Raises:
            ValueError: a weight file is damaged.
        """
        import torch
        from diffusers.utils import logging

        from dpsims_hub.pipelines.pipeline_dpsims import DPSIMSPipeline
        from dpsims_hub.processes.cpu_setup import prepare_cpu

        prepare_cpu()
        logging.disable_progress_bar()
        device = self.device or str(torch.accelerator.current_accelerator(check_available=True) or "cpu")
        dtype = {"dtype": getattr(torch, self.dtype)} if self.dtype else {}
        pipe = DPSIMSPipeline.from_pretrained(model_info.folder, **dtype)
        return pipe.to(device).optimize()


def wanted_models(text: str | None) -> list[str]:
    """Return the models of DPSIMS_MODEL or --model, separated by commas or the system's path separator.

    Without a name they are the bundled models.
    """
    names = [part.strip() for part in (text or "").replace(os.pathsep, ",").split(",")]
    return [name for name in names if name] or list(NAMES)


def read_model_info(name: str, key: str) -> ModelInfo:
    """Find a model by its path, Hub id or bundled name, and read its description.

    Raises:
        FileNotFoundError: there is no such model.
        ValueError: it is damaged, or needs more inputs than a label map.
    """
    folder = bundled_model(name) if name in NAMES else Path(name)
    if not folder.is_dir():
        folder = _fetch(name)
    settings = _read_json(folder / "generator" / "config.json")
    spec = _spec_of(_read_json(folder / "model_index.json").get("class_spec"), settings, key)
    if settings.get("use_instance_offsets"):
        raise ValueError(f"{name}: needs offsets to object centres, which a painted map does not have.")
    size = tuple(settings.get("sample_size", (256, 256)))
    return ModelInfo(
        name=name,
        key=key,
        folder=folder,
        spec=spec,
        size=size,
        regions=settings.get("noise_injection", "cross_attention") != "none",
        examples=tuple((title, encode(layout)) for title, layout in layouts_for(spec, size)),
    )


def layouts_for(spec: ClassSpec, size: tuple[int, int]) -> list[tuple[str, np.ndarray]]:
    """Return titles and label maps (H, W) of example scenes.

    For the classes of a bundled model these are its layouts, for other classes scenes composed of them.
    """
    for name in NAMES:
        if spec.names == ClassSpec.load(name).names:
            paths = bundled_examples(name)
            return [(path.stem.replace("_", " "), fit(read_label_map(path, spec), size)[0]) for path in paths]
    return draw_scenes(spec, size)


def _unique(title: str, taken: Container[str]) -> str:
    number, key = 2, title
    while key in taken:
        key, number = f"{title} ({number})", number + 1
    return key


def with_known_aliases(spec: ClassSpec) -> ClassSpec:
    """Return the classes with the aliases and kinds of the built-in list of the same names, if there is one.

    A model stores the class list of its training data, which often has names only.
    """
    for name in BUILT_IN:
        known = ClassSpec.load(name)
        if known.names == spec.names:
            pairs = zip(spec.classes, known.classes, strict=True)
            return replace(spec, classes=tuple(_with_known(own, other) for own, other in pairs))
    return spec


def _with_known(own: ClassInfo, known: ClassInfo) -> ClassInfo:
    aliases = tuple(dict.fromkeys((*own.aliases, *known.aliases)))
    return replace(own, aliases=aliases, kind=own.kind or known.kind)


def _spec_of(class_spec: dict[str, Any] | None, settings: dict[str, Any], name: str) -> ClassSpec:
    if class_spec is not None:
        return with_known_aliases(ClassSpec.from_dict(class_spec))
    names = [f"class {number}" for number in range(settings["num_classes"])]
    return ClassSpec.from_dict(
        {"name": name, "classes": names, "ignore_index": settings.get("ignore_index", 255)}
    )


def _fetch(name: str) -> Path:
    # Imported here, because it imports torch, which the description of a local model does not need.
    from dpsims_hub.pipelines.pipeline_dpsims import DPSIMSPipeline

    if name.count("/") != 1:
        raise FileNotFoundError(f"{name}: there is no such model folder, and it is no Hub id (owner/name).")
    return Path(DPSIMSPipeline.download(name))


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise FileNotFoundError(
            f"{path.parent}: is not a model folder, it has no {path.name}; "
            "give one that DPSIMSPipeline.save_pretrained wrote."
        )
    return read_json_object(path)
