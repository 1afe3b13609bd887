"""A study runs what is left of it, nothing twice, and an interrupted run ends as if it had not been."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from dpsims_hub.ablation.plan import Run, make_runs
from dpsims_hub.ablation.runner import is_evaluated, outcomes_so_far, run_all
from dpsims_hub.ablation.study import Arm, Study
from tests.ablation.tiny_study import STUDY, WORDS, Launches, recipe, write_data
from tests.training.tiny_run import checkpoint_tensors

WEIGHTS = Path("pipeline", "generator", "diffusion_pytorch_model.safetensors")


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"))


def runs_of(data: Path, output: Path, steps: int, study: Study = STUDY, arms: int = 2) -> list[Run]:
    words = [*WORDS, "--backbone_weights", str(data / "tiny.safetensors")]
    return make_runs(study, study.arms[:arms], words, (data / "train", data / "val"), output, steps, 1)


@pytest.fixture(scope="module")
def finished(data, tmp_path_factory) -> tuple[Path, Launches]:
    """Both arms after 3 steps."""
    output, launches = tmp_path_factory.mktemp("runs"), Launches()
    outcomes = run_all(runs_of(data, output, 3), recipe(data), lambda line: None, launches)
    assert [outcome.failure for outcome in outcomes] == ["", ""]
    return output, launches


def test_every_run_is_trained_and_evaluated(data, finished):
    output, launches = finished
    runs = runs_of(data, output, 3)
    names = [run.folder.name for run in runs]
    assert launches.made == [f"{what} {name}" for name in names for what in ("train", "evaluate")]
    for run in runs:
        assert run.is_trained()
        assert json.loads((run.folder / "evaluation.json").read_text())["data"]["pairs"] == 5


def test_finished_runs_are_left_alone(data, finished):
    again = Launches()
    outcomes = run_all(runs_of(data, finished[0], 3), recipe(data), lambda line: None, again)
    assert again.made == []
    assert all(outcome.report["distances"] for outcome in outcomes)


def test_another_recipe_evaluates_anew_and_trains_nothing(data, finished):
    again, (output, _) = Launches(), finished
    run = runs_of(data, output, 3, arms=1)
    outcomes = run_all(run, [*recipe(data), "--seed", "4"], lambda line: None, again)
    assert again.made == [f"evaluate {run[0].folder.name}"]
    assert outcomes[0].report["seed"] == 4


def test_other_data_are_evaluated_anew(data, finished, tmp_path):
    again, (output, _) = Launches(), finished
    run = runs_of(data, output, 3, arms=1)
    copy = tmp_path / "val"
    shutil.copytree(data / "val", copy)
    words = [str(copy) if word == str(data / "val") else word for word in recipe(data)]
    run_all(run, words, lambda line: None, again)
    run_all(run, words, lambda line: None, again)
    assert len(again.made) == 1
    with Image.open(copy / "images" / "000.png") as photo:
        brighter = photo.point(lambda value: value // 2)
    brighter.save(copy / "images" / "000.png")
    assert outcomes_so_far(run, words)[0].report is None
    run_all(run, words, lambda line: None, again)
    assert again.made == [f"evaluate {run[0].folder.name}"] * 2
    assert outcomes_so_far(run, words)[0].report["distances"]


def test_a_flag_may_be_longer_than_a_path(data, tmp_path):
    words = [*recipe(data), "--backbone-kwargs", json.dumps({"name": "a" * 5000})]
    run = runs_of(data, tmp_path, 3, arms=1)[0]
    run.folder.mkdir(parents=True)
    (run.folder / "evaluation.json").write_text('{"seed": 0}')
    assert not is_evaluated(run, words)


def test_where_features_are_kept_does_not_matter(data, finished, tmp_path):
    again, (output, _) = Launches(), finished
    run, words = runs_of(data, output, 3, arms=1), [*recipe(data), "--cache", str(tmp_path)]
    run_all(run, words, lambda line: None, again)
    assert list(tmp_path.iterdir())
    (tmp_path / "of another run").touch()
    assert outcomes_so_far(run, words)[0].report


class Interrupted(Launches):
    """Somebody stops the first training after two steps."""

    def __call__(self, arguments: Sequence[str], log: Path) -> int:
        if self.made:
            return super().__call__(arguments, log)
        super().__call__([*arguments, "--max_train_steps", "2"], log)
        raise KeyboardInterrupt


def test_an_interrupted_run_goes_on_exactly(data, finished, tmp_path):
    runs, launches = runs_of(data, tmp_path, 3, arms=1), Interrupted()
    with pytest.raises(KeyboardInterrupt):
        run_all(runs, recipe(data), lambda line: None, launches)
    assert runs[0].steps_done() == 2
    run_all(runs, recipe(data), lambda line: None, launches)
    assert "Resuming from" in (runs[0].folder / "run.log").read_text()
    reference = finished[0] / "runs" / runs[0].folder.name
    assert (runs[0].folder / WEIGHTS).read_bytes() == (reference / WEIGHTS).read_bytes()
    found, expected = (checkpoint_tensors(folder / "checkpoint-3") for folder in (runs[0].folder, reference))
    assert found.keys() == expected.keys()
    assert all(found[name].equal(expected[name]) for name in found)


def test_a_run_that_fails_is_an_outcome_and_the_others_go_on(data, tmp_path):
    study = Study("s", "?", "-", (Arm("wild", {"learning_rate_g": 1e30}), *STUDY.arms[:1]))
    told: list[str] = []
    outcomes = run_all(runs_of(data, tmp_path, 3, study), recipe(data), told.append, Launches())
    assert "not finite" in outcomes[0].failure or "nan" in outcomes[0].failure or "inf" in outcomes[0].failure
    assert outcomes[0].report is None
    assert (outcomes[1].failure, bool(outcomes[1].report)) == ("", True)
    assert told[1] == f"1 of 2: wild, seed 0 failed: {outcomes[0].failure}"


def test_a_missing_package_is_one_sentence_of_the_run(data, tmp_path, monkeypatch):
    def fail(config: object) -> None:
        raise ModuleNotFoundError("No module named 'scipy'", name="scipy")

    monkeypatch.setattr("dpsims_hub.commands.train.train", fail)
    (outcome,) = run_all(runs_of(data, tmp_path, 3, arms=1), [], lambda line: None, Launches())
    assert outcome.failure == "train_accelerate.py: scipy is not installed; pip install 'dpsims_hub[eval]'."


def test_a_run_killed_without_a_word_says_so(data, tmp_path):
    outcomes = run_all(runs_of(data, tmp_path, 3, arms=1), [], lambda line: None, lambda words, log: -9)
    assert outcomes[0].failure == "ended by signal 9"


def test_a_longer_run_than_asked_for_is_refused_before_anything_starts(data, finished):
    again = Launches()
    with pytest.raises(ValueError, match="has 3 steps already"):
        run_all(runs_of(data, finished[0], 2), recipe(data), lambda line: None, again)
    assert again.made == []
