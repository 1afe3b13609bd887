"""Photos of a label map that changes a little at a time, for painting."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from dpsims_hub.models.local_pass import MARGIN, LocalPass, has_local_passes
from dpsims_hub.models.windows import Window

if TYPE_CHECKING:
    from PIL import Image

    from dpsims_hub.models import DPSIMSGenerator

LARGEST_PART = 0.4
"""Share of the image above which everything is computed (our choice, because windows overlap)."""


class EditSession:
    """The photo of one latent while its label map is edited; made by `DPSIMSPipeline.edit_session`.

    `update` computes the area around a change, which is an approximation (`dpsims_hub.models.local_pass`).
    `finish` computes everything; call it when a stroke ends. A session is not thread-safe.

    Args:
        network: a network for inference, such as the result of `inference_form`.
        label_map: one map, as in a call of the pipeline.
        latents: (1, latent_dim).
        read: converts such a map to (1, H, W) ids on the CPU.
        show: converts (1, 3, H, W) in [-1, 1] to a list of one picture.

    Raises:
        ValueError: the map is invalid.
    """

    def __init__(
        self,
        network: DPSIMSGenerator,
        label_map: Any,
        latents: Tensor,
        read: Callable[[Any], Tensor],
        show: Callable[[Tensor], list[Image.Image]],
    ) -> None:
        self.network, self._show, self._read_maps = network, show, read
        self.latents = latents.to(network.device, network.dtype)
        with torch.inference_mode():
            self.local = LocalPass(network, self.latents) if has_local_passes(network) else None
        self.exact = False
        self._computed: Tensor | None = None  # the map of the stored photo; None while it is computed
        self.label_map = self._read(label_map)
        self._all()

    @property
    def photo(self) -> Image.Image:
        """The last photo."""
        return self._show(self.values)[0]

    def update(self, label_map: Any) -> Image.Image:
        """The photo of another map; only the area around the change is computed.

        Everything is computed, and `exact` is True, if more than about a third of the image changes, if its
        size changes, after a call that an exception ended, and for networks that cannot be computed in parts
        (noise in the encoder, OASIS).

        Raises:
            ValueError: the map is invalid; the session continues with the last one.
        """
        new, old = self._read(label_map), self._computed
        self.label_map = new
        if old is None or new.shape != old.shape or self.local is None:
            return self._all()
        changed = Window.covering((new != old)[0], 2 * MARGIN)
        if not changed:
            return self.photo
        if sum(window.cost(MARGIN) for window in changed) > LARGEST_PART * new.numel():
            return self._all()
        self.exact, self._computed = False, None
        with torch.inference_mode():
            self.values = self.local.update(new.to(self.network.device), changed)
        self._computed = new
        return self.photo

    def finish(self, label_map: Any = None) -> Image.Image:
        """The photo of a map, or of the last one (None), equal to the optimized pipeline's to the bit.

        Raises:
            ValueError: the map is invalid; the session continues with the last one.
        """
        if label_map is not None:
            self.label_map = self._read(label_map)
        if self.exact and torch.equal(self.label_map, self._computed):
            return self.photo
        return self._all()

    def _read(self, label_map: Any) -> Tensor:
        maps = self._read_maps(label_map)
        if len(maps) != 1:
            raise ValueError(f"an edit session has one label map, not {len(maps)}; open a session for each.")
        return maps

    def _all(self) -> Image.Image:
        self.exact, self._computed = False, None
        ids = self.label_map.to(self.network.device)
        with torch.inference_mode():
            local = self.local
            self.values = self.network(ids, self.latents).sample if local is None else local.whole(ids)
        self._computed, self.exact = self.label_map, True
        return self.photo
