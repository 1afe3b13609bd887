"""How long one photo takes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence

import numpy as np
import torch

from dpsims_hub.pipeline import DPSIMSPipeline

CALLS = 10


def time_photos(pipe: DPSIMSPipeline, label_maps: Sequence[np.ndarray], calls: int = CALLS) -> dict:
    """Times single photos, from ids in memory to a finished picture, after one call that warms up.

    Args:
        pipe: the model.
        label_maps: (H, W) ids each, taken in turn.
        calls: number of photos timed.

    Returns:
        Median seconds per photo, its inverse, and what was timed, JSON-safe.
    """

    def call(number: int) -> float:
        random = torch.Generator().manual_seed(number)
        start = time.perf_counter()
        pipe(label_maps[number % len(label_maps)], generator=random)
        return time.perf_counter() - start

    call(0)
    median = statistics.median(call(number) for number in range(calls))
    return {
        "seconds_per_photo": median,
        "photos_per_second": 1 / median,
        "what": f"median of {calls} calls after one to warm up, batch 1, label map in memory to picture",
        "dtype": str(pipe.generator.dtype).removeprefix("torch."),
    }
