import json
from dataclasses import replace

import pytest

from dpsims_hub.ablation.measures import is_lower_better, measures_of, real_of
from dpsims_hub.ablation.plan import make_runs
from dpsims_hub.ablation.plot import draw_study
from dpsims_hub.ablation.results import collect, format_result
from dpsims_hub.ablation.runner import Outcome
from dpsims_hub.ablation.study import Arm, Study
from tests.ablation.tiny_study import size_of

STUDY = Study("s", "Which?", "that one", (Arm("a"), Arm("b", {"focal_gamma": 0.0})))


def report(distance: float, iou: float) -> dict:
    """As `dpsims evaluate` writes it, with other numbers around those of the model."""
    return {
        "seed": 3,
        "features": {"backbone": "net", "dimension": 8},
        "distances": [
            {"images": "generated photos", "n": 9, "value": distance, "precision": None, "interval": [1, 2]},
            {"images": "real training photos", "n": 90, "value": 5.0},
            {"images": "as many real training photos (mean of 10 draws)", "n": 9, "value": 6.0},
            {"images": "coloured label maps", "n": 9, "value": 900.0},
        ],
        "inception": None,
        "segmentation": {
            "segmenter": {"segmenter": "judge", "weights_sha256": "5e6"},
            "rows": [
                {"images": "generated photos", "n": 9, "mean_iou": iou, "class_iou": {"road": 0.1}},
                {"images": "real photos", "n": 9, "mean_iou": 0.9},
            ],
        },
        "diversity": [
            {"pairs": "4 generated photos of one label map", "n": 9, "feature_distance": 0.25},
            {"pairs": "generated and real photo of one label map", "n": 9, "feature_distance": 0.77},
            {"pairs": "real photos of different label maps", "n": 9, "feature_distance": 0.6},
        ],
        "faithfulness": None,
    }


@pytest.fixture
def outcomes(tmp_path) -> list[Outcome]:
    """a: 10 and 12, b: 7 and 11, of seeds 0 and 1; the third seed of b failed, that of a is missing."""
    runs = make_runs(STUDY, STUDY.arms, [], ("t", "v"), tmp_path, 5, 3)
    reports = [report(10, 0.5), report(7, 0.4), report(12, 0.5), report(11, 0.2), None, None]
    failures = ["", "", "", "", "", "loss is nan."]
    return [Outcome(*one) for one in zip(runs, reports, failures, strict=True)]


def test_only_the_models_own_numbers_are_taken():
    assert measures_of(report(10, 0.5)) == {"FD-net": 10.0, "mIoU": 0.5, "feature distance": 0.25}
    assert real_of(report(10, 0.5)) == {"FD-net": 6.0, "mIoU": 0.9, "feature distance": 0.6}
    assert measures_of({}) == {}


@pytest.mark.parametrize(
    ("title", "lower"), [("FID", True), ("FD-net", True), ("mIoU", False), ("LPIPS", False)]
)
def test_direction(title, lower):
    assert is_lower_better(title) == lower


def test_means_and_paired_differences(outcomes):
    result = json.loads(json.dumps(collect(STUDY, outcomes)))
    a, b = (result["arms"][name] for name in "ab")
    assert a["measures"]["FD-net"]["values"] == [10, 12]
    assert (a["measures"]["FD-net"]["mean"], b["measures"]["FD-net"]["mean"]) == (11, 9)
    assert b["minus_reference"]["FD-net"]["values"] == [7 - 10, 11 - 12]
    assert b["minus_reference"]["FD-net"]["half_width_95"] == pytest.approx(12.7062 * 1.0, abs=1e-3)
    assert a["minus_reference"] == {}
    assert result["recipe"]["features"]["backbone"] == "net"
    assert result["recipe"]["segmenter"] == {"segmenter": "judge", "weights_sha256": "5e6"}
    assert result["recipe"]["inception"] is None
    assert [run["missing"] for run in result["runs"]] == [False] * 4 + [True, False]


def test_numbers_name_no_place_of_this_machine(outcomes, tmp_path):
    assert str(tmp_path) not in json.dumps(collect(STUDY, outcomes))


def test_text_has_every_number_and_what_is_missing(outcomes):
    text = format_result(collect(STUDY, outcomes))
    table = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line[:1] == "|"
    ]
    assert table[0] == ["arm", "n", "FD-net (lower is better)", "mIoU", "feature distance"]
    assert table[2][:2] == ["a", "2"]
    assert table[2][2].startswith("11.0 ± ")
    assert table[4] == ["real photos", "", "6.00", "0.900", "0.600"]
    assert table[7][2].startswith("-2.00 ± 12.7")
    assert "- b, seed 2: failed, loss is nan." in text
    assert "- Distances are in features of net.\n" in text
    assert "- a, seed 2: not yet run" in text


def test_arms_with_other_features_of_the_evaluation_have_columns_of_their_own(outcomes):
    """b is judged by another network: no difference between the two, and nothing in one column."""
    for outcome in outcomes[1:4:2]:
        outcome.report["features"] = {"backbone": "other"}
    result = collect(STUDY, outcomes)
    assert result["arms"]["a"]["measures"].keys() == {"FD-net", "mIoU", "feature distance (net)"}
    assert result["arms"]["b"]["measures"].keys() == {"FD-other", "mIoU", "feature distance (other)"}
    assert result["arms"]["b"]["minus_reference"]["FD-other"]["n"] == 0
    assert result["arms"]["b"]["features"] == {"backbone": "other"}
    assert result["real_photos"]["FD-other"] == result["real_photos"]["FD-net"] == 6.0
    text = format_result(result)
    assert "Distances are in features of net for a; of other for b: " in text
    assert "FD-other (lower is better)" in text


def test_a_reference_that_failed_leaves_differences_without_numbers(outcomes):
    """Of seeds 0 and 1 of b only seed 1 has a partner; then none."""
    one_left = [replace(outcomes[0], report=None, failure="nan"), *outcomes[1:]]
    result = collect(STUDY, one_left)
    assert result["arms"]["b"]["minus_reference"]["FD-net"]["values"] == [11 - 12]
    row = next(
        line for line in format_result(result).splitlines() if line.startswith("| b") and "-1.00" in line
    )
    assert [cell.strip() for cell in row.split("|")[1:4]] == ["b", "1", "-1.00"]
    none_left = [replace(one, report=None) if one.run.arm.name == "a" else one for one in outcomes]
    result = collect(STUDY, none_left)
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    assert result["arms"]["b"]["minus_reference"]["FD-net"]["mean"] is None
    assert "| b" in format_result(result)


def test_nothing_measured_is_said_and_not_drawn(outcomes, tmp_path):
    empty = collect(STUDY, [Outcome(one.run, None, "no luck") for one in outcomes])
    assert "failed, no luck" in format_result(empty)
    with pytest.raises(ValueError, match="no finished run to draw"):
        draw_study(empty, tmp_path / "plot.png")


def test_plot_is_a_whole_picture(outcomes, tmp_path):
    pytest.importorskip("matplotlib")
    target = tmp_path / "new" / "plot.png"
    draw_study(collect(STUDY, outcomes), target)
    width, height = size_of(target)
    assert height > 200
    assert 800 < width < 2000
    assert [path.name for path in target.parent.iterdir()] == ["plot.png"]
