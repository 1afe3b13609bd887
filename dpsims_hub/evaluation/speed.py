"""Time and memory of one photo."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image

from dpsims_hub.models.costs import peak_memory
from dpsims_hub.pipelines.pipeline_dpsims import DPSIMSPipeline

CALLS = 10


def time_photos(
    pipe: DPSIMSPipeline,
    label_maps: Sequence[np.ndarray],
    offsets: torch.Tensor | None = None,
    calls: int = CALLS,
) -> dict:
    """Times single photos, from ids in memory to a finished picture, after one warm-up call.

    The memory is the peak of the tensors during the calls on a GPU, and the peak of this process so far on a
    CPU. Call this function before anything else is loaded.

    Args:
        pipe: the model.
        label_maps: (H, W) ids each, taken in turn.
        offsets: (n, 2, H, W) of the n maps, for a model that reads instance offsets.
        calls: number of photos timed.

    Returns:
        Median seconds per photo, its inverse, peak bytes, and what was measured, JSON-safe.
    """

    def call(number: int) -> float:
        place = number % len(label_maps)
        own = None if offsets is None else offsets[place : place + 1]
        return timed_photo(pipe, label_maps[place], number, own)[1]

    on_gpu = pipe.device.type == "cuda"
    if on_gpu:
        torch.cuda.reset_peak_memory_stats(pipe.device)
    call(0)
    median = statistics.median(call(number) for number in range(calls))
    return {
        "seconds_per_photo": median,
        "photos_per_second": 1 / median,
        "what": f"median of {calls} calls after one to warm up, batch 1, label map in memory to picture",
        "dtype": str(pipe.generator.dtype).removeprefix("torch."),
        "peak_memory_bytes": peak_memory(pipe.device),
        "memory_of": "tensors on the GPU" if on_gpu else "the process with PyTorch and the model",
    }


def timed_photo(
    pipe: DPSIMSPipeline, label_map: np.ndarray, seed: int, offsets: torch.Tensor | None = None
) -> tuple[Image.Image, float]:
    """A photo of a map (H, W), and its seconds from ids in memory to a finished picture."""
    random = torch.Generator().manual_seed(seed)
    start = time.perf_counter()
    photo = pipe(label_map, generator=random, instance_offsets=offsets).images[0]
    return photo, time.perf_counter() - start
