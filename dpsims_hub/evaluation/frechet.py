"""The Frechet distance between two sets of feature vectors.

    d = |m1 - m2|^2 + tr C1 + tr C2 - 2 tr (C1 C2)^(1/2)        (Heusel et al. 2017, there "FID")

is the squared distance between the normal distributions with the sets' means m and covariances C. It is
called FID with Inception features only; in reports its name contains that of the features.
"""

from __future__ import annotations

import numpy as np


def frechet_distance(
    first: np.ndarray,
    second: np.ndarray,
    first_counts: np.ndarray | None = None,
    second_counts: np.ndarray | None = None,
) -> float:
    """Frechet distance between two sets of features, at least 0, in squared units of the features.

    With centred rows A, C = A^T A / (n - 1), and the eigenvalues of C1 C2 are the squared singular values of
    A1 A2^T / sqrt((n1 - 1)(n2 - 1)). Their sum needs no matrix square root and no regularisation, and is
    exact also where the covariances are singular. Few vectors bias the distance upwards.

    Args:
        first: (n1, D), at least two vectors.
        second: (n2, D), at least two vectors.
        first_counts: (n1,) how often the set contains each vector; None for once.
        second_counts: (n2,), likewise.

    Raises:
        ValueError: a set has fewer than two vectors, D differs, or a value is not finite.
    """
    _check_sets(first, second)
    (mean1, factor1), (mean2, factor2) = _moments(first, first_counts), _moments(second, second_counts)
    shift = np.square(mean1 - mean2).sum()
    spread = np.square(factor1).sum() + np.square(factor2).sum()
    overlap = np.linalg.svd(factor1 @ factor2.T, compute_uv=False).sum()
    return float(max(shift + spread - 2 * overlap, 0.0))


def _moments(features: np.ndarray, counts: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Mean (D,) and a factor F (at most D rows) of the covariance, C = F^T F."""
    features = features.astype(np.float64)
    if counts is None:
        mean, weights = features.mean(axis=0), np.ones((len(features), 1))
    else:
        features, weights = features[counts > 0], counts[counts > 0, None].astype(np.float64)
        mean = (features * weights).sum(axis=0) / weights.sum()
    factor = (features - mean) * np.sqrt(weights / (weights.sum() - 1))
    return mean, np.linalg.qr(factor, mode="r") if len(factor) > factor.shape[1] else factor


def _check_sets(first: np.ndarray, second: np.ndarray) -> None:
    if first.ndim != 2 or second.ndim != 2 or first.shape[1] != second.shape[1]:
        raise ValueError(
            f"frechet_distance: give (n, D) features of one D, not {first.shape} and {second.shape}."
        )
    if min(len(first), len(second)) < 2:
        raise ValueError("frechet_distance: each set needs at least two vectors; take more photos.")
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ValueError("frechet_distance: the features hold NaN or infinity; check the model's photos.")
