"""How long one photo takes, and how much memory."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Sequence

import numpy as np
import torch

from dpsims_hub.pipelines.pipeline_dpsims import DPSIMSPipeline

CALLS = 10


def time_photos(
    pipe: DPSIMSPipeline,
    label_maps: Sequence[np.ndarray],
    offsets: torch.Tensor | None = None,
    calls: int = CALLS,
) -> dict:
    """Times single photos, from ids in memory to a finished picture, after one call that warms up.

    Memory: on a GPU the most that its tensors took during the calls; on a CPU the most that this process ever
    took until now, so that this is to be called before anything else is loaded.

    Args:
        pipe: the model.
        label_maps: (H, W) ids each, taken in turn.
        offsets: (n, 2, H, W) of the n maps, for a model that reads instance offsets.
        calls: number of photos timed.

    Returns:
        Median seconds per photo, its inverse, peak memory, and what was measured, JSON-safe.
    """

    def call(number: int) -> float:
        random = torch.Generator().manual_seed(number)
        place = number % len(label_maps)
        own = None if offsets is None else offsets[place : place + 1]
        start = time.perf_counter()
        pipe(label_maps[place], generator=random, instance_offsets=own)
        return time.perf_counter() - start

    if pipe.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(pipe.device)
    call(0)
    median = statistics.median(call(number) for number in range(calls))
    return {
        "seconds_per_photo": median,
        "photos_per_second": 1 / median,
        "what": f"median of {calls} calls after one to warm up, batch 1, label map in memory to picture",
        "dtype": str(pipe.generator.dtype).removeprefix("torch."),
    } | _peak_memory(pipe.device)


def _peak_memory(device: torch.device) -> dict:
    if device.type == "cuda":
        most = torch.cuda.max_memory_allocated(device)
        return {"peak_memory_bytes": most, "memory_of": "tensors on the GPU"}
    if sys.platform == "win32":
        return {"peak_memory_bytes": None, "memory_of": "not measured on Windows"}
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    unit = 1 if sys.platform == "darwin" else 1024
    return {"peak_memory_bytes": most * unit, "memory_of": "the process with PyTorch and the model"}
