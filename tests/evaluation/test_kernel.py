import numpy as np
import pytest
import torch
from torchmetrics.image.kid import poly_mmd

from dpsims_hub.evaluation import kernel
from dpsims_hub.evaluation.kernel import kernel_distance, kernel_distances


def brute_force(first: list[np.ndarray], second: list[np.ndarray], same=lambda a, b: False) -> float:
    """Pair by pair; pairs for which `same` holds are left out, as are a vector and itself."""

    def k(x: np.ndarray, y: np.ndarray) -> float:
        return (sum(a * b for a, b in zip(x, y, strict=True)) / len(x) + 1) ** 3

    def within(vectors: list[np.ndarray]) -> float:
        values = [
            k(x, y) for i, x in enumerate(vectors) for j, y in enumerate(vectors) if i != j and not same(x, y)
        ]
        return sum(values) / len(values)

    across = [k(x, y) for x in first for y in second]
    return within(first) + within(second) - 2 * sum(across) / len(across)


@pytest.mark.parametrize("counts", [(5, 5), (4, 9)])
def test_equals_the_sum_over_pairs(counts, monkeypatch):
    monkeypatch.setattr(kernel, "BLOCK", 3)  # several blocks
    random = np.random.default_rng(0)
    first, second = (
        random.normal(size=(count, 6)) + shift for count, shift in zip(counts, (0, 1), strict=True)
    )
    assert kernel_distance(first, second) == pytest.approx(brute_force(list(first), list(second)), rel=1e-10)


def test_equals_torchmetrics():
    random = np.random.default_rng(1)
    first, second = random.normal(size=(2, 40, 12))
    expected = poly_mmd(torch.tensor(first), torch.tensor(second + 0.5))
    assert kernel_distance(first, second + 0.5) == pytest.approx(float(expected), rel=1e-9)


def test_counts_repeat_vectors_and_copies_form_no_pair():
    random = np.random.default_rng(2)
    first, second = random.normal(size=(2, 5, 3))
    times = np.array([[2, 0, 1, 3, 0], [1, 1, 1, 1, 1]]), np.array([[0, 4, 1, 0, 1], [1, 1, 1, 1, 1]])
    found = kernel_distances(first, second, *times)
    repeated = [
        list(np.repeat(one, count[0], axis=0)) for one, count in zip((first, second), times, strict=True)
    ]
    assert found[0] == pytest.approx(brute_force(*repeated, same=np.array_equal), rel=1e-10)
    assert found[1] == pytest.approx(kernel_distance(first, second), rel=1e-12)


def test_few_vectors_do_not_bias_it():
    """Mean over many sets of one distribution, far below the mean of its own deviations."""
    random = np.random.default_rng(3)
    values = [kernel_distance(*random.normal(size=(2, 5, 4))) for _ in range(2000)]
    assert abs(np.mean(values)) < 4 * np.std(values) / np.sqrt(len(values))
    assert np.mean(np.abs(values)) > 20 * abs(np.mean(values)) / 4
    assert min(values) < 0


def test_moved_sets_are_far():
    features = np.random.default_rng(4).normal(size=(30, 4))
    assert kernel_distance(features, features + 2) > 10 * abs(kernel_distance(features, features[::-1]))
