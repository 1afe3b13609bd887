"""Mean and interval of a few runs. Two seeds give wide intervals: that is what two seeds are worth."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Summary:
    """A sample of equal runs.

    Args:
        values: one a seed.
    """

    values: tuple[float, ...]

    @property
    def n(self) -> int:
        """How many runs."""
        return len(self.values)

    @property
    def mean(self) -> float | None:
        """Their mean; None without any."""
        return statistics.fmean(self.values) if self.values else None

    @property
    def half_width(self) -> float | None:
        """Half the 95 % interval of the mean, by Student's distribution; None for fewer than two runs."""
        if self.n < 2:
            return None
        from scipy import stats  # slow to load, and only reports need it

        return float(stats.t.ppf(0.975, self.n - 1)) * statistics.stdev(self.values) / math.sqrt(self.n)

    def to_dict(self) -> dict:
        """JSON-safe."""
        return {"n": self.n, "mean": self.mean, "half_width_95": self.half_width, "values": list(self.values)}


def differences(values: Sequence[tuple[int, float]], reference: Sequence[tuple[int, float]]) -> Summary:
    """Value minus reference, seed by seed.

    Args:
        values: (seed, value) of an arm.
        reference: (seed, value) of the reference; seeds that only one of them has are left out.
    """
    others = dict(reference)
    return Summary(tuple(value - others[seed] for seed, value in values if seed in others))
