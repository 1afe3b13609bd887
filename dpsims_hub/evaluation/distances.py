"""The table of distances in one network's features: the model's, floors and reference baselines.

A row holds the Frechet distance ("value"), the kernel distance, precision and recall. The row of the model
and that of as many real training photos have intervals.
"""

from __future__ import annotations

from collections.abc import Mapping

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
        where the two sides differ in number, or are too few.
    """
    real = features[REAL]
    random = np.random.default_rng(seed)
    paired = draw_counts(len(real), replicates, random)
    rows = [_row(GENERATED, features[GENERATED], real, (paired, paired))]
    if train is not None:
        rows += _training_rows(train, real, replicates, random)
    rows.append(_halves(real, random))
    others = [kind for kind in features if kind not in (REAL, GENERATED)]
    return rows + [_row(kind, features[kind], real) for kind in others]


def _training_rows(
    train: np.ndarray, real: np.ndarray, replicates: int, random: np.random.Generator
) -> list[dict]:
    """All training photos, and as many of them as there are real photos, which is the fair floor."""
    count = min(len(real), len(train))
    train_counts = draw_counts(len(train), replicates, random, count)
    counts = train_counts, draw_counts(len(real), replicates, random)
    if len(train) <= len(real):
        return [_row("real training photos", train, real, counts)]
    draws = [train[random.choice(len(train), count, replace=False)] for _ in range(DRAWS)]
    what = f"as many real training photos (mean of {DRAWS} draws)"
    fair = _mean_row(what, [(draw, real) for draw in draws], REAL)
    ends = _intervals([fair[name] for name in VALUES], (train, real), counts, (draws[0], real))
    return [_row("real training photos", train, real), fair | ends]


def _halves(real: np.ndarray, random: np.random.Generator) -> dict:
    """Random halves of the real photos: the part of a distance that comes from few photos."""
    middle = len(real) // 2
    shuffled = [real[random.permutation(len(real))] for _ in range(DRAWS)]
    pairs = [(one[:middle], one[middle:]) for one in shuffled]
    return _mean_row(f"half of the real photos (mean of {DRAWS} splits)", pairs, "the other half")


def _mean_row(what: str, pairs: list[tuple[np.ndarray, np.ndarray]], against: str) -> dict:
    values = zip(*(_compare(*pair) for pair in pairs), strict=True)
    means = [None if None in column else float(np.mean(column)) for column in values]
    return _entry(what, *map(len, pairs[0]), against, means)


def _row(
    what: str, images: np.ndarray, real: np.ndarray, counts: tuple[np.ndarray, np.ndarray] | None = None
) -> dict:
    values = _compare(images, real)
    row = _entry(what, len(images), len(real), REAL, values)
    return row if counts is None else row | _intervals(values, (images, real), counts, (images, real))


def _entry(what: str, count: int, count_against: int, against: str, values: list[float | None]) -> dict:
    named = dict(zip(VALUES, values, strict=True)) | dict.fromkeys(INTERVALS)
    return {"images": what, "n": count, "against": against, "n_against": count_against} | named


def _compare(images: np.ndarray, real: np.ndarray) -> list[float | None]:
    shares = _shares(images, real)
    precision, recall = (None, None) if shares is None else (float(one.mean()) for one in shares)
    return [frechet_distance(images, real), kernel_distance(images, real), precision, recall]


def _shares(images: np.ndarray, real: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Which images lie among the real photos, and which real photos among the images."""
    if abs(len(images) - len(real)) > 1 or min(len(images), len(real)) <= NEIGHBOURS:
        return None
    return inside_manifold(real, images), inside_manifold(images, real)


def _intervals(
    values: list[float | None],
    drawn_from: tuple[np.ndarray, np.ndarray],
    counts: tuple[np.ndarray, np.ndarray],
    judged: tuple[np.ndarray, np.ndarray],
) -> dict[str, list[float] | None]:
    """The intervals of the four values from features drawn `counts` times, (R, n) each."""
    if not len(counts[0]):
        return {}
    frechet = [frechet_distance(*drawn_from, *pair) for pair in zip(*counts, strict=True)]
    replicates = [frechet, kernel_distances(*drawn_from, *counts)]
    # Manifolds are not drawn again: repeated photos would be at distance 0 from their neighbours.
    for share in _shares(*judged) or ():
        drawn = draw_counts(len(share), len(counts[0]), np.random.default_rng(len(share)))
        replicates.append(drawn @ share / len(share))
    ends: list[list[float] | None] = [
        None if value is None else interval(value, some, bounds)
        for value, some, bounds in zip(values, replicates, BOUNDS, strict=False)
    ]
    return dict(zip(INTERVALS, ends, strict=False))
