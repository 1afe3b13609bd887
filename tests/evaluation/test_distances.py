import numpy as np
import pytest

from dpsims_hub.evaluation.distances import distance_rows
from dpsims_hub.evaluation.frechet import frechet_distance
from dpsims_hub.evaluation.kernel import kernel_distance
from dpsims_hub.evaluation.manifold import inside_manifold
from dpsims_hub.evaluation.scenes import GENERATED, REAL


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
    real, fake = features[REAL], features[GENERATED]
    assert rows[0]["value"] == frechet_distance(fake, real)
    assert rows[0]["kernel_distance"] == kernel_distance(fake, real)
    assert rows[0]["precision"] == inside_manifold(real, fake).mean()
    assert rows[0]["recall"] == inside_manifold(fake, real).mean()
    assert rows[2]["value"] == pytest.approx(5 * 3**2)


def test_precision_and_recall_are_not_exchanged(features):
    """Generated photos all alike and like a real one: precise, and most real ones are missing."""
    real = features[REAL]
    alike = real[:1] + np.random.default_rng(3).normal(size=real.shape) * 0.01
    row = distance_rows({GENERATED: alike, REAL: real}, None, seed=0)[0]
    assert row["precision"] == 1
    assert row["recall"] < 0.2


def test_training_photos_are_a_floor_at_their_own_number_and_at_that_of_the_maps(features):
    train = np.random.default_rng(1).normal(size=(400, 5))
    rows = distance_rows(features, train, seed=0)
    assert [row["n"] for row in rows[:3]] == [21, 400, 21]
    assert rows[1]["value"] == frechet_distance(train, features[REAL])
    assert rows[1]["precision"] is rows[1]["recall"] is None
    assert rows[1]["value"] < rows[2]["value"] < rows[0]["value"]
    assert rows[2]["precision"] > rows[0]["precision"]
    few = distance_rows(features, train[:21], seed=0)
    assert [row["images"] for row in few[:2]] == [GENERATED, "real training photos"]
    assert len(few) == len(rows) - 1


def test_the_models_row_and_the_fair_floor_have_intervals(features):
    train = np.random.default_rng(1).normal(size=(60, 5))
    far = features | {GENERATED: features[GENERATED] + 2}
    rows = distance_rows(far, train, seed=0, replicates=40)
    keys = {"value": "interval", "kernel_distance": "kernel_interval"}
    keys |= {name: f"{name}_interval" for name in ("precision", "recall")}
    for one in (rows[0], rows[2]):
        for value, ends in keys.items():
            low, high = one[ends]
            assert low <= one[value] <= high
            assert low < high or one[value] in (0, 1)
    for ends in ("interval", "kernel_interval"):
        assert rows[0][ends][0] > rows[2][ends][1]  # moved by 3 in five dimensions
    assert rows[2]["precision_interval"][0] < rows[2]["precision_interval"][1]
    assert all(one[ends] is None for one in (rows[1], *rows[3:]) for ends in keys.values())


def test_intervals_shrink_with_the_number_of_photos():
    random = np.random.default_rng(2)
    widths = []
    for count in (20, 320):
        few = {GENERATED: random.normal(size=(count, 3)) + 1, REAL: random.normal(size=(count, 3))}
        row = distance_rows(few, None, 0, 100)[0]
        widths.append([row[key][1] - row[key][0] for key in ("interval", "kernel_interval")])
    ratios = np.divide(*widths)
    assert (ratios > 2).all()  # 4 by the square root
    assert (ratios < 8).all()


def test_halves_do_not_overlap():
    """Two halves of one photo repeated are equal; of photos in two kinds they nearly never are."""
    same = {GENERATED: np.ones((8, 2)), REAL: np.ones((8, 2))}
    assert distance_rows(same, None, seed=0)[1]["value"] == 0
    outlier = np.zeros((8, 1))
    outlier[0] = 8  # in one half only: mean 2 against 0, variance 16 against 0
    assert distance_rows({GENERATED: outlier, REAL: outlier}, None, seed=0)[1]["value"] == pytest.approx(20)


def test_seed_decides_the_halves_and_the_draws(features):
    rows = [distance_rows(features, None, seed, 5) for seed in (0, 0, 1)]
    assert rows[0] == rows[1]
    assert rows[0][1]["value"] != rows[2][1]["value"]
    assert rows[0][0]["interval"] != rows[2][0]["interval"]
    assert rows[0][0]["value"] == rows[2][0]["value"]
