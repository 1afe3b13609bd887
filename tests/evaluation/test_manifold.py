import math

import numpy as np
import pytest

from dpsims_hub.evaluation import manifold
from dpsims_hub.evaluation.manifold import inside_manifold


def brute_force(reference: np.ndarray, queries: np.ndarray, k: int) -> list[bool]:
    radii = [
        sorted(math.dist(x, y) for j, y in enumerate(reference) if j != i)[k - 1]
        for i, x in enumerate(reference)
    ]
    return [any(math.dist(q, x) <= r for x, r in zip(reference, radii, strict=True)) for q in queries]


def test_on_a_line():
    """With k = 1 the balls are [-1, 1], [0, 2] and [6 - 5, 6 + 5]... of 0, 1 and 6: radii 1, 1 and 5."""
    reference = np.array([[0.0], [1.0], [6.0]])
    queries = np.array([[-1.0], [-1.1], [2.0], [0.5], [11.0], [11.1]])
    assert inside_manifold(reference, queries, 1).tolist() == [True, False, True, True, True, False]


@pytest.mark.parametrize(("n", "m", "k"), [(12, 9, 3), (30, 40, 1), (5, 50, 4)])
def test_equals_brute_force(n, m, k, monkeypatch):
    monkeypatch.setattr(manifold, "BLOCK", 7)
    random = np.random.default_rng(n)
    reference, queries = random.normal(size=(n, 3)), random.normal(size=(m, 3)) * 4
    expected = brute_force(reference, queries, k)
    assert inside_manifold(reference, queries, k).tolist() == expected
    assert 0 < sum(expected) < m


def test_a_collapsed_model_is_precise_and_forgets():
    random = np.random.default_rng(5)
    real = random.normal(size=(200, 2))
    fake = random.normal(size=(200, 2)) * 0.05
    assert inside_manifold(real, fake).mean() > 0.95
    assert inside_manifold(fake, real).mean() < 0.1


def test_too_few_vectors():
    with pytest.raises(ValueError, match="more than k = 3 photos a side, not 3"):
        inside_manifold(np.zeros((3, 2)), np.zeros((9, 2)))
