import numpy as np
import pytest

from dpsims_hub.evaluation.frechet import frechet_distance
from dpsims_hub.evaluation.resampling import draw_counts, interval, mean_with_interval


def test_draws_are_of_the_asked_size():
    counts = draw_counts(7, 500, np.random.default_rng(0))
    assert counts.shape == (500, 7)
    assert (counts.sum(axis=1) == 7).all()
    np.testing.assert_allclose(counts.mean(axis=0), 1, atol=0.15)
    assert (draw_counts(50, 20, np.random.default_rng(0), 8).sum(axis=1) == 8).all()
    assert draw_counts(7, 0, np.random.default_rng(0)).shape == (0, 7)


def test_no_draw_is_one_item_alone():
    counts = draw_counts(2, 400, np.random.default_rng(1))
    assert (counts == 1).all()


def test_interval_of_a_mean_is_the_textbooks():
    """A normal mean of 400 values of deviation 2 has the half width 1.96 * 2 / 20."""
    random = np.random.default_rng(2)
    values = random.normal(5, 2, size=400)
    mean, (low, high) = mean_with_interval(values, draw_counts(400, 4000, random))
    assert mean == pytest.approx(values.mean())
    assert high - mean == pytest.approx(1.96 * 2 / 20, rel=0.12)
    assert mean - low == pytest.approx(1.96 * 2 / 20, rel=0.12)


def test_interval_is_moved_onto_the_value():
    """Draws repeat vectors, which biases the distance upwards; the interval is not where the draws are."""
    random = np.random.default_rng(3)
    first, second = random.normal(size=(2, 60, 20))
    value = frechet_distance(first, second)
    counts = draw_counts(60, 100, random), draw_counts(60, 100, random)
    drawn = [frechet_distance(first, second, *pair) for pair in zip(*counts, strict=True)]
    assert min(drawn) > value
    low, high = interval(value, drawn)
    assert low < value < high
    assert high - low == pytest.approx(np.quantile(drawn, 0.975) - np.quantile(drawn, 0.025))


def test_interval_keeps_to_its_bounds_and_needs_draws():
    assert interval(0.99, [0.9, 1.0, 1.1] * 9, (0, 1))[1] == 1
    assert interval(0.5, []) is None
    assert mean_with_interval(np.ones(4), np.zeros((0, 4)))[1] is None
