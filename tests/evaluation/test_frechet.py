import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from torchmetrics.image.fid import _compute_fid

from dpsims_hub.evaluation import frechet_distance


def exact_samples(seed: int, count: int, mean: np.ndarray, deviations: np.ndarray) -> np.ndarray:
    """Vectors whose sample mean and diagonal sample covariance are exactly the given ones."""
    raw = np.random.default_rng(seed).normal(size=(count, len(mean)))
    columns, _ = np.linalg.qr(raw - raw.mean(axis=0))
    return columns * np.sqrt(count - 1) * deviations + mean


def correlated(seed: int, count: int, dimension: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    mixing = random.normal(size=(dimension, dimension))
    return random.normal(size=(count, dimension)) @ mixing + random.normal(size=dimension)


def by_definition(first: np.ndarray, second: np.ndarray, trace_of_root: float) -> float:
    shift = first.mean(axis=0) - second.mean(axis=0)
    spread = np.trace(np.cov(first, rowvar=False)) + np.trace(np.cov(second, rowvar=False))
    return shift @ shift + spread - 2 * trace_of_root


def trace_by_eigenvalues(first: np.ndarray, second: np.ndarray) -> float:
    """tr (C1 C2)^(1/2) as the trace of the root of the symmetric C1^(1/2) C2 C1^(1/2), fit for singular C."""
    values, vectors = np.linalg.eigh(np.cov(first, rowvar=False))
    root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    inner = np.linalg.eigvalsh(root @ np.cov(second, rowvar=False) @ root)
    return float(np.sqrt(np.clip(inner, 0, None)).sum())


@pytest.mark.parametrize("counts", [(9, 30), (200, 15)])
def test_closed_form_of_diagonal_gaussians(counts):
    random = np.random.default_rng(3)
    means, deviations = random.normal(size=(2, 6)), random.uniform(0, 3, size=(2, 6))
    sets = [exact_samples(i, counts[i], means[i], deviations[i]) for i in (0, 1)]
    expected = sum(
        (means[0, i] - means[1, i]) ** 2 + (deviations[0, i] - deviations[1, i]) ** 2 for i in range(6)
    )
    assert frechet_distance(*sets) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("shape", [(50, 7), (5, 40)])
def test_shift_of_the_mean_counts_squared(shape):
    features = correlated(0, *shape)
    shift = np.linspace(-1, 2, shape[1])
    assert frechet_distance(features, features + shift) == pytest.approx(sum(shift**2), rel=1e-6)


@pytest.mark.parametrize("shape", [(50, 7), (5, 40)])
def test_equal_sets_have_distance_zero_in_any_order(shape):
    features = correlated(1, *shape)
    spread = np.trace(np.cov(features, rowvar=False))
    assert frechet_distance(features, features[::-1]) < 1e-9 * spread


@pytest.mark.parametrize(("first", "second", "dimension"), [(40, 60, 8), (9, 300, 5), (20, 20, 12)])
def test_equals_scipys_matrix_root(first, second, dimension):
    a, b = correlated(4, first, dimension), correlated(5, second, dimension)
    root = sqrtm(np.cov(a, rowvar=False) @ np.cov(b, rowvar=False))
    expected = by_definition(a, b, float(np.trace(root).real))
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-8)
    assert frechet_distance(b, a) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize(("first", "second"), [(6, 9), (6, 100), (30, 30)])
def test_singular_covariances(first, second):
    a, b = correlated(6, first, 30), correlated(7, second, 30)
    expected = by_definition(a, b, trace_by_eigenvalues(a, b))
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-6)


def test_few_vectors_bias_the_distance_upwards():
    first, second = np.random.default_rng(8).normal(size=(2, 4000, 10))
    distances = [frechet_distance(first[:count], second[:count]) for count in (15, 60, 4000)]
    assert distances[0] > 3 * distances[1] > 9 * distances[2] > 0


@pytest.mark.parametrize("dimension", [3, 40])
def test_counts_repeat_vectors(dimension):
    a, b = correlated(11, 9, dimension), correlated(12, 7, dimension)
    times = np.array([0, 3, 1, 1, 0, 2, 1, 0, 1]), np.array([1, 1, 0, 2, 1, 1, 1])
    repeated = [np.repeat(one, count, axis=0) for one, count in zip((a, b), times, strict=True)]
    expected = by_definition(*repeated, trace_by_eigenvalues(*repeated))
    assert frechet_distance(a, b, *times) == pytest.approx(expected, rel=1e-6)


def test_equals_torchmetrics():
    a, b = correlated(13, 60, 12), correlated(14, 50, 12)
    moments = [torch.tensor(part) for one in (a, b) for part in (one.mean(0), np.cov(one, rowvar=False))]
    assert frechet_distance(a, b) == pytest.approx(float(_compute_fid(*moments)), rel=1e-8)


def test_single_precision_features_are_as_good():
    a, b = correlated(9, 30, 6), correlated(10, 30, 6)
    assert frechet_distance(a.astype(np.float32), b.astype(np.float32)) == pytest.approx(
        frechet_distance(a, b), rel=1e-4
    )


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        (np.zeros((1, 3)), np.zeros((5, 3)), "at least two vectors"),
        (np.zeros((5, 3)), np.zeros((5, 4)), r"\(5, 3\) and \(5, 4\)"),
        (np.zeros(5), np.zeros((5, 4)), "features of one D"),
        (np.full((5, 3), np.nan), np.zeros((5, 3)), "NaN"),
    ],
)
def test_refuses_what_has_no_distance(first, second, words):
    with pytest.raises(ValueError, match=words):
        frechet_distance(first, second)
