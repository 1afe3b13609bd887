import numpy as np
import pytest
from PIL import Image

from dpsims_hub.evaluation import Evaluation, Settings
from dpsims_hub.evaluation.contact_sheet import choose, save_sheet


def test_best_middle_and_worst():
    scores = np.array([0.5, 0.9, 0.1, 0.4, 0.8, 0.3, 0.6, 0.7, 0.2])
    assert choose(scores, 1) == [("best", 1), ("median", 0), ("worst", 2)]
    assert choose(scores, 2) == [
        ("best", 1),
        ("best", 4),
        ("median", 6),
        ("median", 0),
        ("worst", 8),
        ("worst", 2),
    ]


@pytest.mark.parametrize("count", [4, 5, 7, 9, 30])
def test_nothing_is_shown_twice(count):
    chosen = choose(np.random.default_rng(count).random(count))
    assert len({index for _, index in chosen}) == len(chosen) == 3 * min(3, count // 3)


def test_equal_scores_keep_their_order():
    assert [index for _, index in choose(np.zeros(9), 1)] == [0, 4, 8]


def test_sheet_of_the_probe(pipe, backbone_measure, folder, training, tmp_path):
    evaluation = Evaluation(pipe, folder, [backbone_measure], training, Settings(0, 8, 2, 0))
    evaluation.run()
    assert save_sheet(evaluation, tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        width, height = sheet.size
    assert width > 5 * 160
    assert height > 6 * 100  # six of seven maps


def test_no_sheet_without_a_judge(pipe, backbone_measure, folder, tmp_path):
    evaluation = Evaluation(pipe, folder, [backbone_measure], settings=Settings(0, 8, 2, 0))
    evaluation.run()
    assert not save_sheet(evaluation, tmp_path / "sheet.png")
    assert not list(tmp_path.iterdir())
