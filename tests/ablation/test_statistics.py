import numpy as np
import pytest

from dpsims_hub.ablation.statistics import differences, summarize

# 97.5 % points of Student's distribution as printed in tables, by the number of values.
TABLE = {2: 12.706, 3: 4.303, 5: 2.776, 11: 2.228, 30: 2.045}


@pytest.mark.parametrize("count", TABLE)
def test_interval_is_that_of_the_table(count):
    values = np.random.default_rng(count).normal(3, 2, count)
    deviation = (((values - values.mean()) ** 2).sum() / (count - 1)) ** 0.5
    summary = summarize(values.tolist())
    assert summary["n"] == count
    assert summary["mean"] == pytest.approx(values.mean())
    assert summary["half_width_95"] == pytest.approx(TABLE[count] * deviation / count**0.5, rel=2e-4)


def test_one_value_has_no_interval_and_none_has_no_mean():
    assert summarize([2.0]) == {"n": 1, "mean": 2.0, "half_width_95": None, "values": [2.0]}
    assert summarize([])["mean"] is None


def test_differences_pair_seeds_that_both_have():
    found = differences([(0, 1.0), (1, 5.0), (2, 9.0)], [(2, 4.0), (1, 2.0), (7, 0.0)])
    assert found == [3.0, 5.0]


def test_pairing_takes_out_what_seeds_have_in_common():
    reference = [(seed, 10.0 * seed) for seed in range(4)]
    shifted = [(seed, 10.0 * seed + 1) for seed in range(4)]
    assert summarize(differences(shifted, reference))["half_width_95"] == pytest.approx(0)
    assert summarize([value for _, value in shifted])["half_width_95"] > 10
