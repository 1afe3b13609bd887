import numpy as np
import pytest

from dpsims_hub.evaluation.distances import GENERATED, REAL, distance_rows
from dpsims_hub.evaluation.frechet import frechet_distance


@pytest.fixture
def features() -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    real = random.normal(size=(21, 5))
    return {GENERATED: random.normal(size=(21, 5)) + 1, REAL: real, "painted": real + 3}


def test_rows_without_training_photos(features):
    rows = distance_rows(features, None, seed=0)
    assert [(row["n"], row["n_against"], row["against"]) for row in rows] == [
        (21, 21, REAL),
        (10, 11, "the other half"),
        (21, 21, REAL),
    ]
    assert [row["images"].split(" (")[0] for row in rows] == [GENERATED, "half of the real photos", "painted"]
    assert rows[0]["value"] == frechet_distance(features[GENERATED], features[REAL])
    assert rows[2]["value"] == pytest.approx(5 * 3**2)


def test_training_photos_are_a_floor_at_their_own_number_and_at_that_of_the_maps(features):
    train = np.random.default_rng(1).normal(size=(400, 5))
    rows = distance_rows(features, train, seed=0)
    assert [row["n"] for row in rows[:3]] == [21, 400, 21]
    assert rows[1]["value"] == frechet_distance(train, features[REAL])
    assert rows[1]["value"] < rows[2]["value"] < rows[0]["value"]
    few = distance_rows(features, train[:21], seed=0)
    assert [row["images"] for row in few[:2]] == [GENERATED, "real training photos"]
    assert len(few) == len(rows) - 1


def test_halves_do_not_overlap():
    """Two halves of one photo repeated are equal; of photos in two kinds they nearly never are."""
    same = {GENERATED: np.ones((8, 2)), REAL: np.ones((8, 2))}
    assert distance_rows(same, None, seed=0)[1]["value"] == 0
    outlier = np.zeros((8, 1))
    outlier[0] = 8  # in one half only: mean 2 against 0, variance 16 against 0
    assert distance_rows({GENERATED: outlier, REAL: outlier}, None, seed=0)[1]["value"] == pytest.approx(20)


def test_seed_decides_the_halves(features):
    halves = [distance_rows(features, None, seed)[1]["value"] for seed in (0, 0, 1)]
    assert halves[0] == halves[1] != halves[2]
