"""The table of distances in one network's features: the model's, floors and reference baselines.

A row contains the Frechet distance ("value"), the kernel distance, precision and recall. Two rows have
intervals: that of the model, and that of as many real training photos as there are real photos.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from dpsims_hub.evaluation.frechet import frechet_distance
from dpsims_hub.evaluation.kernel import kernel_distance, kernel_distances
from dpsims_hub.evaluation.manifold import NEIGHBOURS, inside_manifold
from dpsims_hub.evaluation.resampling import draw_counts, interval
from dpsims_hub.evaluation.scenes import GENERATED, REAL

DRAWS = 10  # random halves and subsets whose values are averaged, our choice
VALUES = ("value", "kernel_distance", "precision", "recall")
INTERVALS = ("interval", "kernel_interval", "precision_interval", "recall_interval")
BOUNDS = ((0, np.inf), (-np.inf, np.inf), (0, 1), (0, 1))

Pair = tuple[np.ndarray, np.ndarray]


def distance_rows(
    features: Mapping[str, np.ndarray], train: np.ndarray | None, seed: int, replicates: int = 0
) -> list[dict]:
    """One row for each comparison, the model's first.

    Args:
        features: (n, D) by kind of image: `REAL`, which all are compared with, `GENERATED`, and others.
        train: (m, D) of the real training photos, or None.
        seed: of the random halves, subsets and bootstrap draws.
        replicates: bootstrap draws; 0 for no intervals.

    Returns:
        Rows of {"images", "n", "against", "n_against", *VALUES, *INTERVALS}. Precision and recall are None
        where the sizes of the two sets differ by more than one, or a set is too small.
    """
    real, generated = features[REAL], features[GENERATED]
    random = np.random.default_rng(seed)
    counts = draw_counts(len(real), replicates, random)
    rows = [_with_intervals(_row(GENERATED, [(generated, real)]), (generated, real), (counts, counts))]
    if train is not None:
        rows += _training_rows(train, real, replicates, random)
    rows.append(_halves(real, random))
    others = [kind for kind in features if kind not in (REAL, GENERATED)]
    return rows + [_row(kind, [(features[kind], real)]) for kind in others]


def _training_rows(
    train: np.ndarray, real: np.ndarray, replicates: int, random: np.random.Generator
) -> list[dict]:
    """All training photos and, where they outnumber the real photos, random samples of equal size."""
    count = min(len(real), len(train))
    train_counts = draw_counts(len(train), replicates, random, count)
    counts = train_counts, draw_counts(len(real), replicates, random)
    whole = _row("real training photos", [(train, real)])
    if len(train) <= len(real):
        return [_with_intervals(whole, (train, real), counts)]
    draws = [train[random.choice(len(train), count, replace=False)] for _ in range(DRAWS)]
    what = f"as many real training photos (mean of {DRAWS} draws)"
    fair = _row(what, [(draw, real) for draw in draws])
    return [whole, _with_intervals(fair, (train, real), counts, (draws[0], real))]


def _halves(real: np.ndarray, random: np.random.Generator) -> dict:
    """Random halves of the real photos: the part of a distance that comes from few photos."""
    middle = len(real) // 2
    shuffled = [real[random.permutation(len(real))] for _ in range(DRAWS)]
    pairs = [(one[:middle], one[middle:]) for one in shuffled]
    return _row(f"half of the real photos (mean of {DRAWS} splits)", pairs, "the other half")


def _row(what: str, pairs: Sequence[Pair], against: str = REAL) -> dict:
    """The means of the four values over several pairs of sets, without intervals."""
    columns = zip(*(_compare(*pair) for pair in pairs), strict=True)
    means = [None if None in column else float(np.mean(column)) for column in columns]
    row = {"images": what, "n": len(pairs[0][0]), "against": against, "n_against": len(pairs[0][1])}
    return row | dict(zip(VALUES, means, strict=True)) | dict.fromkeys(INTERVALS)


def _compare(images: np.ndarray, real: np.ndarray) -> list[float | None]:
    shares = _shares(images, real)
    precision, recall = (None, None) if shares is None else (float(one.mean()) for one in shares)
    return [frechet_distance(images, real), kernel_distance(images, real), precision, recall]


def _shares(images: np.ndarray, real: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Which images lie among the real photos, and which real photos among the images."""
    if abs(len(images) - len(real)) > 1 or min(len(images), len(real)) <= NEIGHBOURS:
        return None
    return inside_manifold(real, images), inside_manifold(images, real)


def _with_intervals(row: dict, drawn_from: Pair, counts: Pair, compared: Pair | None = None) -> dict:
    """A row with the intervals of its values.

    The sets of `drawn_from` are drawn again `counts` times, (R, n) each. Precision and recall are those of
    the `compared` sets, by default the same.
    """
    if not len(counts[0]):
        return row
    frechet = [frechet_distance(*drawn_from, *pair) for pair in zip(*counts, strict=True)]
    replicates = [frechet, kernel_distances(*drawn_from, *counts)]
    # Manifolds are not drawn again: repeated photos would be at distance 0 from their neighbours.
    for share in _shares(*(compared or drawn_from)) or ():
        drawn = draw_counts(len(share), len(counts[0]), np.random.default_rng(len(share)))
        replicates.append(drawn @ share / len(share))
    ends = {
        name: None if row[value] is None else interval(row[value], some, bounds)
        for name, value, some, bounds in zip(INTERVALS, VALUES, replicates, BOUNDS, strict=False)
    }
    return row | ends
