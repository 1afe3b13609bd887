"""The loaded models and segmenters of one process. torch is imported when the first one is loaded."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from dpsims_hub.processes.quick_start import stand_in_compiler
from dpsims_hub.space.model_registry import ModelInfo, ModelRegistry
from dpsims_hub.space.photo_errors import ModelNotLoadedError
from dpsims_hub.space.photo_request import PhotoRequest

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

    from dpsims_hub.space.renderer import PhotoRenderer
    from dpsims_hub.space.segmentation import PhotoSegmenter


class PhotoMaker:
    """Makes photos in this process. Models may be loaded in other threads than the one that makes photos."""

    def __init__(self) -> None:
        self._renderers: dict[str, PhotoRenderer] = {}
        self._segmenters: dict[str, PhotoSegmenter] = {}
        self._segmenting = threading.Lock()

    def load(self, registry: ModelRegistry, model_info: ModelInfo, spare_core: bool) -> None:
        """Load a model of a registry; for `spare_core` see `PhotoRenderer`.

        Raises:
            ValueError: a weight file is damaged.
        """
        with stand_in_compiler():
            from dpsims_hub.space.renderer import PhotoRenderer

            self._renderers[model_info.key] = PhotoRenderer(registry.load(model_info), spare_core)

    def render(self, key: str, photo_request: PhotoRequest) -> tuple[Image.Image, float]:
        """Make a photo with a loaded model; see `PhotoRenderer.render`.

        Raises:
            ModelNotLoadedError: the model is not loaded.
        """
        if key not in self._renderers:
            raise ModelNotLoadedError(f"{key} is not loaded.")
        return self._renderers[key].render(photo_request)

    def segment(self, name: str, photo: Image.Image) -> tuple[np.ndarray, dict[int, str]]:
        """Return ids and class names of a photo; see `PhotoSegmenter`, which is loaded at its first photo."""
        from dpsims_hub.space.segmentation import PhotoSegmenter

        with self._segmenting:
            if name not in self._segmenters:
                self._segmenters[name] = PhotoSegmenter(name)
            return self._segmenters[name].segment(photo)

    def close(self) -> None:
        """Release the models."""
        self._renderers.clear()
        self._segmenters.clear()
