"""The kernel distance between two sets of feature vectors.

    k(x, y) = (x . y / D + 1)^3,    d = E k(x, x') + E k(y, y') - 2 E k(x, y)      (Binkowski et al. 2018)

is the squared maximum mean discrepancy, estimated without bias over all pairs: equal distributions give 0 on
average for any number of photos. It is called KID with Inception features only. Binkowski et al. average over
random subsets, which estimates the same value with more variance.
"""

from __future__ import annotations

import numpy as np

BLOCK = 1000  # rows of the kernel matrix in memory at a time


def kernel_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Unbiased kernel distance between features (n1, D) and (n2, D), n >= 2; may be slightly negative."""
    whole = (np.ones((1, len(first))), np.ones((1, len(second))))
    return float(kernel_distances(first, second, *whole)[0])


def kernel_distances(
    first: np.ndarray, second: np.ndarray, first_counts: np.ndarray, second_counts: np.ndarray
) -> np.ndarray:
    """The distances (R,) of R pairs of resampled sets of features (n1, D) and (n2, D).

    The counts (R, n1) and (R, n2) are how often each set contains each vector. Two copies of a vector do not
    count as a pair: otherwise resampled sets would be nearer to themselves than any photos are.
    """
    within = [_mean_of_pairs(x, counts) for x, counts in ((first, first_counts), (second, second_counts))]
    weights = first_counts.sum(axis=1) * second_counts.sum(axis=1)
    across = _weighted_sums(first, second, first_counts, second_counts) / weights
    return within[0] + within[1] - 2 * across


def _mean_of_pairs(features: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Mean kernel of pairs of different vectors, (R,)."""
    features = features.astype(np.float64)
    own = (np.square(features).mean(axis=1) + 1) ** 3
    total = _weighted_sums(features, features, counts, counts) - np.square(counts) @ own
    return total / (counts.sum(axis=1) ** 2 - np.square(counts).sum(axis=1))


def _weighted_sums(
    first: np.ndarray, second: np.ndarray, rows: np.ndarray, columns: np.ndarray
) -> np.ndarray:
    """sum_ij r_i c_j k(x_i, y_j) for each of R rows of weights, (R,)."""
    second = second.astype(np.float64)
    total = np.zeros(len(rows))
    for start in range(0, len(first), BLOCK):
        block = first[start : start + BLOCK].astype(np.float64)
        kernel = (block @ second.T / first.shape[1] + 1) ** 3
        total += np.einsum("ri,ir->r", rows[:, start : start + BLOCK], kernel @ columns.T)
    return total
