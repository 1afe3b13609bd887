"""Mean and confidence interval of a few runs."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Summary:
    """The values of equal runs with different seeds."""

    values: tuple[float, ...]

    @property
    def n(self) -> int:
        """Number of runs."""
        return len(self.values)

    @property
    def mean(self) -> float | None:
        """Their mean; None without runs."""
        return statistics.fmean(self.values) if self.values else None

    @property
    def half_width(self) -> float | None:
        """Half the 95 % interval of the mean, by Student's distribution; None for fewer than two runs."""
        if self.n < 2:
            return None
        from scipy import stats  # slow to import

        return float(stats.t.ppf(0.975, self.n - 1)) * statistics.stdev(self.values) / math.sqrt(self.n)

    def to_dict(self) -> dict:
        """Its numbers, JSON-safe."""
        return {"n": self.n, "mean": self.mean, "half_width_95": self.half_width, "values": list(self.values)}


def differences(values: Sequence[tuple[int, float]], reference: Sequence[tuple[int, float]]) -> Summary:
    """Value minus reference for each common seed of two lists of (seed, value)."""
    others = dict(reference)
    return Summary(tuple(value - others[seed] for seed, value in values if seed in others))
