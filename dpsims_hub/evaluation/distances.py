"""The table of Frechet distances: the model's, the floors between real photos, and the stand-ins."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from dpsims_hub.evaluation.frechet import frechet_distance

REAL, GENERATED = "real photos", "generated photos"
DRAWS = 10  # random halves and subsets whose distances are averaged, our choice


def distance_rows(features: Mapping[str, np.ndarray], train: np.ndarray | None, seed: int) -> list[dict]:
    """One row per comparison: what, how many, against how many, distance.

    Args:
        features: (n, D) by kind of image: `REAL`, which all are compared against, `GENERATED`, and others.
        train: (m, D) of the real training photos, or None.
        seed: of the random halves and subsets.

    Returns:
        Rows of {"images", "n", "against", "n_against", "value"}, the model's first.
    """
    real = features[REAL]
    random = np.random.default_rng(seed)
    rows = [_row(GENERATED, features[GENERATED], real)]
    if train is not None:
        rows.append(_row("real training photos", train, real))
        if len(train) > len(real):
            values = [frechet_distance(_draw(train, len(real), random), real) for _ in range(DRAWS)]
            what = f"as many real training photos (mean of {DRAWS} draws)"
            rows.append(_entry(what, len(real), REAL, len(real), float(np.mean(values))))
    rows.append(_halves(real, random))
    others = [kind for kind in features if kind not in (REAL, GENERATED)]
    return rows + [_row(kind, features[kind], real) for kind in others]


def _halves(real: np.ndarray, random: np.random.Generator) -> dict:
    """Distance between random halves of the real photos: what only the small number of photos makes."""
    middle, values = len(real) // 2, []
    for _ in range(DRAWS):
        shuffled = real[random.permutation(len(real))]
        values.append(frechet_distance(shuffled[:middle], shuffled[middle:]))
    what = f"half of the real photos (mean of {DRAWS} splits)"
    return _entry(what, middle, "the other half", len(real) - middle, float(np.mean(values)))


def _draw(rows: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    return rows[random.choice(len(rows), count, replace=False)]


def _row(what: str, images: np.ndarray, real: np.ndarray) -> dict:
    return _entry(what, len(images), REAL, len(real), frechet_distance(images, real))


def _entry(what: str, count: int, against: str, count_against: int, value: float) -> dict:
    return {"images": what, "n": count, "against": against, "n_against": count_against, "value": value}
