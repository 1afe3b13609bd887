"""Painting: photos of a label map that changes a little at a time, at the cost of what changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from dpsims_hub.models.inference_form import inference_form
from dpsims_hub.models.local_pass import LocalPass, has_local_passes
from dpsims_hub.models.windows import Window

if TYPE_CHECKING:
    from PIL import Image

    from dpsims_hub.pipelines.pipeline_dpsims import DPSIMSPipeline

LARGEST_PART = 0.25
"""Of the image; where more of it changes, everything is computed (our choice: windows overlap)."""


class EditSession:
    """One photo of one latent, whose map is edited; of `DPSIMSPipeline.edit_session`.

    `update` computes the part around a change, which is an approximation (`dpsims_hub.models.local_pass`);
    `finish` computes everything: call it when a stroke ends. Not for several threads at once.

    Args:
        pipe: its optimized network is used, or one is made.
        label_map: one map, as a call of the pipeline takes it.
        latents: (1, latent_dim).

    Raises:
        ValueError: the map or the latents do not fit.
    """

    def __init__(self, pipe: DPSIMSPipeline, label_map: Any, latents: Tensor) -> None:
        self.pipe = pipe
        optimized = pipe.network is not pipe.generator
        self.network = pipe.network if optimized else inference_form(pipe.generator)
        self.latents = pipe.prepare_latents(1, latents=latents).to(self.network.device, self.network.dtype)
        with torch.inference_mode():
            self.local = LocalPass(self.network, self.latents) if has_local_passes(self.network) else None
        self.exact = False
        self.label_map = self._read(label_map)
        self._all()

    @property
    def photo(self) -> Image.Image:
        """The last photo."""
        return self.pipe.postprocess(self.values.cpu())[0]

    def update(self, label_map: Any) -> Image.Image:
        """The photo of another map, of which only the part around the change is computed.

        Everything is computed where more than a quarter of the image changes or the size does, and for
        networks that cannot be computed in parts (with noise in the encoder, OASIS). `exact` then is True.

        Args:
            label_map: as a call of the pipeline takes it.

        Raises:
            ValueError: the map does not fit; the session goes on with the last one.
        """
        new, old = self._read(label_map), self.label_map
        self.label_map = new
        changed = Window.around((new != old)[0]) if new.shape == old.shape else None
        if new.shape == old.shape and changed is None:
            return self.photo
        if self.local is None or changed is None or changed.area > LARGEST_PART * new.numel():
            return self._all()
        with torch.inference_mode():
            self.values = self.local.update(new.to(self.network.device), changed)
        self.exact = False
        return self.photo

    def finish(self) -> Image.Image:
        """The photo that the pipeline makes of the last map, up to rounding."""
        return self.photo if self.exact else self._all()

    def _read(self, label_map: Any) -> Tensor:
        maps = self.pipe.prepare_label_map(label_map)
        if len(maps) != 1:
            raise ValueError(f"an edit session has one label map, not {len(maps)}; open a session for each.")
        return maps

    def _all(self) -> Image.Image:
        ids = self.label_map.to(self.network.device)
        with torch.inference_mode():
            whole = self.local.whole if self.local is not None else self._plain
            self.values = whole(ids)
        self.exact = True
        return self.photo

    def _plain(self, ids: Tensor) -> Tensor:
        return self.network(ids, self.latents).sample
