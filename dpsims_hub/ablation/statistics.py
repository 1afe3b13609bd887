"""Mean and interval of a few runs. Two seeds give wide intervals: that is what two seeds are worth."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

_QUANTILES = (
    *(12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281),
    *(2.2010, 2.1788, 2.1604, 2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860),
)
"""97.5 % points of Student's distribution with 1, 2, ... degrees of freedom."""


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
        return student_quantile(self.n - 1) * statistics.stdev(self.values) / math.sqrt(self.n)

    def to_dict(self) -> dict:
        """JSON-safe."""
        return {"n": self.n, "mean": self.mean, "half_width_95": self.half_width, "values": list(self.values)}


def student_quantile(freedom: int) -> float:
    """97.5 % point of Student's distribution, to 0.001.

    Beyond the table by its expansion in 1 / freedom (Abramowitz and Stegun, 26.7.5).

    Args:
        freedom: degrees, at least 1.
    """
    if freedom <= len(_QUANTILES):
        return _QUANTILES[freedom - 1]
    z = statistics.NormalDist().inv_cdf(0.975)
    return z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)


def differences(values: Sequence[tuple[int, float]], reference: Sequence[tuple[int, float]]) -> Summary:
    """Value minus reference, seed by seed.

    Args:
        values: (seed, value) of an arm.
        reference: (seed, value) of the reference; seeds that only one of them has are left out.
    """
    others = dict(reference)
    return Summary(tuple(value - others[seed] for seed, value in values if seed in others))
