import numpy as np
import pytest
from scipy import stats

from dpsims_hub.ablation.statistics import Summary, differences, student_quantile


@pytest.mark.parametrize("freedom", [*range(1, 26), 60, 1000])
def test_quantiles_are_those_of_scipy(freedom):
    assert student_quantile(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), abs=1e-3)


@pytest.mark.parametrize("count", [2, 5, 30])
def test_interval_is_that_of_scipy(count):
    values = np.random.default_rng(count).normal(3, 2, count)
    low, high = stats.t.interval(0.95, count - 1, loc=values.mean(), scale=stats.sem(values))
    summary = Summary(tuple(values))
    assert summary.n == count
    assert summary.mean - summary.half_width == pytest.approx(low, abs=2e-3)
    assert summary.mean + summary.half_width == pytest.approx(high, abs=2e-3)


def test_one_value_has_no_interval_and_none_has_no_mean():
    assert (Summary((2.0,)).mean, Summary((2.0,)).half_width) == (2.0, None)
    assert Summary(()).mean is None


def test_differences_pair_seeds_that_both_have():
    found = differences([(0, 1.0), (1, 5.0), (2, 9.0)], [(2, 4.0), (1, 2.0), (7, 0.0)])
    assert found.values == (3.0, 5.0)


def test_pairing_takes_out_what_seeds_have_in_common():
    reference = [(seed, 10.0 * seed) for seed in range(4)]
    shifted = [(seed, 10.0 * seed + 1) for seed in range(4)]
    assert differences(shifted, reference).half_width == pytest.approx(0)
    assert Summary(tuple(value for _, value in shifted)).half_width > 10
