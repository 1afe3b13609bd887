"""Photos from checked requests: latents from seeds, regions, a cache of encoded maps.

This module imports torch; the modules that serve the page do not, so that the page appears before a model is
loaded.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from dpsims_hub.pipelines.latents import interpolate_latents
from dpsims_hub.space.photo_request import PhotoRequest

if TYPE_CHECKING:
    from dpsims_hub.models import MapEncoding
    from dpsims_hub.pipelines.edit_session import EditSession
    from dpsims_hub.pipelines.pipeline_dpsims import DPSIMSPipeline

_KEPT = 4  # encodings in the cache; our choice: the maps of a few visitors who change seeds
_MIX_STEPS = 1000
ALL_THREADS = torch.get_num_threads()  # at import, because a new thread inherits the last number that was set
TRIALS = 4  # photos; the first is slow, and others may be slow while the page is loading
QUICK = 150.0  # milliseconds; our choice: slower photos use all cores


class PhotoRenderer:
    """Makes photos with one network. It is not thread-safe.

    Args:
        pipe: holds the network.
        spare_core: leave one core to the browser on this machine, unless photos are slow. The threads of a
            photo wait for each other many times, so a thread that shares its core with the browser delays all
            others (ARCHITECTURE.md has the figures).
    """

    def __init__(self, pipe: DPSIMSPipeline, spare_core: bool = False) -> None:
        self._pipe = pipe
        self._encodings: OrderedDict[bytes, MapEncoding] = OrderedDict()
        self._session: EditSession | None = None
        self._trials: list[float] = []  # milliseconds of the first whole photos
        self.spares_core = spare_core and pipe.device.type == "cpu" and ALL_THREADS > 1

    @torch.inference_mode()
    def render(self, photo_request: PhotoRequest) -> tuple[Image.Image, float]:
        """Return the photo, equal to the bit to that of the pipeline, and the milliseconds of the network.

        The photo of a draft may differ, see `PhotoRequest`.
        """
        network = self._pipe.network
        threads = ALL_THREADS - self.spares_core
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        start = time.perf_counter()
        latents, region_map = arrange_latents(photo_request, network.config.latent_dim)
        session = self._session = self._session_for(photo_request, latents, region_map)
        if session is not None:
            edit = session.update if photo_request.draft else session.finish
            return edit(photo_request.label_map), 1000 * (time.perf_counter() - start)
        photo = network.decode(
            self._encode(photo_request.label_map),
            latents.to(network.device, network.dtype),
            None if region_map is None else torch.from_numpy(region_map)[None].to(network.device),
        )
        picture = self._pipe.postprocess(photo)[0]
        ms = 1000 * (time.perf_counter() - start)
        self._take_core_if_slow(ms)
        return picture, ms

    def _take_core_if_slow(self, ms: float) -> None:
        if self.spares_core and len(self._trials) < TRIALS:
            self._trials.append(ms)
            if len(self._trials) == TRIALS and min(self._trials) > QUICK:
                self.spares_core = False

    def _session_for(
        self, photo_request: PhotoRequest, latents: Tensor, region_map: np.ndarray | None
    ) -> EditSession | None:
        """Return the edit session: the last one if it has these latents, a new one for drafts, or None."""
        session = self._session
        if region_map is not None:
            return None
        if session is not None and torch.equal(session.latents, latents.to(session.latents)):
            return session
        return self._pipe.edit_session(photo_request.label_map, latents) if photo_request.draft else None

    def _encode(self, label_map: np.ndarray) -> MapEncoding:
        key = label_map.tobytes()
        if key not in self._encodings:
            ids = torch.from_numpy(label_map.astype(np.int64))[None]
            self._encodings[key] = self._pipe.network.encode(ids.to(self._pipe.network.device))
            while len(self._encodings) > _KEPT:
                self._encodings.popitem(last=False)
        self._encodings.move_to_end(key)
        return self._encodings[key]


def arrange_latents(photo_request: PhotoRequest, latent_dim: int) -> tuple[Tensor, np.ndarray | None]:
    """Return the latents of a request, (1, latent_dim), or (1, R, latent_dim) with a region map (H, W).

    Region 0 is the rest of the map. Regions without a pixel are left out.
    """
    columns = [mixed_latents(photo_request, latent_dim)]
    region_map = np.zeros(photo_request.label_map.shape, dtype=np.int64)
    for pixels, seed in photo_request.regions:
        if pixels.any():
            region_map[pixels] = len(columns)
            columns.append(draw_latents(seed, latent_dim))
    if len(columns) == 1:
        return columns[0][None], None
    return torch.stack(columns)[None], region_map


def mixed_latents(photo_request: PhotoRequest, latent_dim: int) -> Tensor:
    """Return the latents between the two seeds of a request, (latent_dim,)."""
    start = draw_latents(photo_request.seed, latent_dim)
    if not photo_request.mix or photo_request.seed_b == photo_request.seed:
        return start
    path = interpolate_latents(start, draw_latents(photo_request.seed_b, latent_dim), _MIX_STEPS + 1)
    return path[round(photo_request.mix * _MIX_STEPS)]


def draw_latents(seed: int, latent_dim: int) -> Tensor:
    """Return the latents of a seed, (latent_dim,): those of `pipe(map, generator=manual_seed(seed))`."""
    return torch.randn(1, latent_dim, generator=torch.Generator().manual_seed(seed))[0]
