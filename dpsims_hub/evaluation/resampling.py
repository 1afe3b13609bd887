"""Bootstrap intervals (Efron 1979).

The photos, or the label maps with their photos, are drawn again with replacement, and the number is computed
for each draw. A draw repeats photos, which biases a Frechet distance upwards, as fewer photos would. So the
values of the draws are shifted until their mean is the measured value. That removes the bias of resampling;
the bias of the measured value, which comes from few photos, stays.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

LEVEL = 0.95
METHOD = (
    "95 % bootstrap: label maps (or photos) drawn again with replacement, the draws' quantiles moved so that "
    "their mean is the value; the bias that few photos give the value itself is not removed"
)


def draw_counts(
    count: int, replicates: int, random: np.random.Generator, size: int | None = None
) -> np.ndarray:
    """How often each of `count` items is drawn in each replicate, (replicates, count).

    `size` items are drawn, `count` by default. A draw with a single distinct item has no spread; it is
    replaced by one of each item.
    """
    size = count if size is None else size
    counts = random.multinomial(size, np.full(count, 1 / count), size=replicates)
    counts[counts.max(axis=1) == size] = 1
    return counts


def interval(
    value: float, replicates: Sequence[float] | np.ndarray, bounds: tuple[float, float] = (-np.inf, np.inf)
) -> list[float] | None:
    """The 95 % interval [low, high] of a measured value from the values of the draws.

    It is clipped to `bounds`, the lowest and the highest possible value. Without draws it is None.
    """
    if not len(replicates):
        return None
    tail = (1 - LEVEL) / 2
    ends = value + np.quantile(replicates, [tail, 1 - tail]) - np.mean(replicates)
    return np.clip(ends, *bounds).tolist()


def mean_with_interval(values: np.ndarray, counts: np.ndarray) -> tuple[float, list[float] | None]:
    """The mean of (n,) values and its interval; counts (R, n) as from `draw_counts`."""
    return float(values.mean()), interval(float(values.mean()), counts @ values / len(values))
