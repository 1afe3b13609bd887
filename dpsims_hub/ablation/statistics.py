"""Mean and confidence interval of a few runs."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Any


def summarize(values: Sequence[float]) -> dict[str, Any]:
    """Number, mean and interval of the values of equal runs with different seeds, JSON-safe.

    "half_width_95" is half the 95 % interval of the mean by Student's distribution, None for fewer than two
    values. "mean" is None without values.
    """
    count, half_width = len(values), None
    if count > 1:
        from scipy import stats  # slow to import

        half_width = float(stats.t.ppf(0.975, count - 1)) * statistics.stdev(values) / math.sqrt(count)
    mean = statistics.fmean(values) if values else None
    return {"n": count, "mean": mean, "half_width_95": half_width, "values": list(values)}


def differences(values: Sequence[tuple[int, float]], reference: Sequence[tuple[int, float]]) -> list[float]:
    """Value minus reference for each common seed of two lists of (seed, value)."""
    others = dict(reference)
    return [value - others[seed] for seed, value in values if seed in others]
