"""Trainings side by side: fair turns, rounds added up, failures told."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

import numpy as np
import pytest

from dpsims_hub.benchmark.training_comparison import TrainingVariant, compare_trainings, pooled_rounds
from dpsims_hub.benchmark.training_report import draw_training, format_comparison
from dpsims_hub.training.config import TrainConfig
from dpsims_hub.training.phases import OTHER, PHASES
from tests.ablation.tiny_study import size_of

MACHINE = {"device": "cpu", "processor": "P", "cores": 2, "torch_threads": 1, "load_of_last_minute": 0.5}


def measured(batch: int, seconds: list[float], **changes: object) -> dict:
    """What a process reports; `d_step` takes what the other phases leave."""
    shares = {**dict.fromkeys(PHASES, 0.1), OTHER: 0.05}
    return {
        "train_batch_size": batch,
        "gradient_accumulation_steps": 2,
        "samples_per_map": 3,
        "processes": 1,
        "mixed_precision": "bf16",
        "warmup_steps": 1,
        "step_seconds": seconds,
        "first_step_seconds": 5 * seconds[0],
        "shares": shares | {"d_step": 0.65},
        "peak_memory_bytes": 1e9 * batch,
        "peak_memory_of": "process",
        "backbone": "net",
        "multiply_adds_per_step": 10e9,
        "ceiling": {"what": "a convolution", "multiply_adds_per_second": 100e9},
    } | changes


class Launches:
    """Writes a report whose steps take one more second in each turn."""

    def __init__(self, fails: int = 0) -> None:
        self.batches: list[int] = []
        self.fails = fails

    def __call__(self, arguments: list[str], log: Path) -> int:
        words = dict(zip(arguments[4::2], arguments[5::2], strict=True))
        assert arguments[:4] == ["-m", "dpsims_hub.commands", "benchmark", "training"]
        assert (words["--steps"], words["--warmup"]) == ("2", "1")
        batch = json.loads(Path(words["--config"]).read_text())["train_batch_size"]
        self.batches.append(batch)
        if batch == self.fails:
            log.write_text("Loading\ndpsims: too many.\n")
            return 2
        turn = len(self.batches)
        Path(words["--json"]).write_text(json.dumps(measured(batch, [turn, turn + 0.5])))
        return 0


def variants() -> list[TrainingVariant]:
    return [TrainingVariant(f"by {batch}", TrainConfig(train_batch_size=batch)) for batch in (1, 2, 3)]


def test_every_round_begins_with_another_training():
    launches, names, ticks = Launches(), [], []
    compare_trainings(variants(), 2, 1, 4, names.append, ticks.append, launches)
    assert launches.batches == [1, 2, 3, 2, 3, 1, 3, 1, 2, 1, 2, 3]
    assert names == [f"by {batch}" for batch in launches.batches]
    assert ticks == [1] * 12


def test_rounds_are_added_up():
    first, second, _ = compare_trainings(variants(), 2, 1, 2, launch=Launches())
    assert first["step_seconds"] == [1, 1.5, 6, 6.5]  # turns 1 and 6
    assert second["step_seconds"] == [2, 2.5, 4, 4.5]
    assert (first["steps"], first["rounds"]) == (4, 2)
    low, median, high = np.percentile(first["step_seconds"], [25, 50, 75])
    assert first["seconds_per_step"] == {"median": median, "quartiles": [low, high]}
    assert second["images_per_second"] == pytest.approx(
        4 * 2 * 2 * 3 / 13
    )  # steps, maps, micro-batches, photos
    assert first["first_step_seconds"] == statistics.median([5, 30])
    assert first["share_of_ceiling"] == pytest.approx(10 / 3.75 / 100)
    assert first["data_wait_share"] == pytest.approx(0.1)


def test_rounds_keep_the_highest_memory_and_the_middle_of_the_rest():
    shares = [dict.fromkeys(PHASES, 0.2) | {OTHER: 0.0}, dict.fromkeys(PHASES, 0.1) | {OTHER: 0.5}]
    ceilings = [{"what": "a convolution", "multiply_adds_per_second": rate} for rate in (90, 110, 400)]
    changes = zip((3, 7, 5), (*shares, shares[0]), ceilings, strict=True)
    names = ("peak_memory_bytes", "shares", "ceiling")
    reports = [measured(1, [1, 1], **dict(zip(names, one, strict=True))) for one in changes]
    pooled = pooled_rounds(reports)
    assert pooled["peak_memory_bytes"] == 7
    assert pooled["ceiling"]["multiply_adds_per_second"] == 110
    assert pooled["shares"]["data"] == pytest.approx(0.5 / 3)
    assert pooled["shares"][OTHER] == pytest.approx(0.5 / 3)


def test_one_that_fails_has_one_turn_and_a_line():
    launches = Launches(fails=2)
    ticks: list[int] = []
    trainings = compare_trainings(variants(), 2, 1, 3, advance=ticks.append, launch=launches)
    assert launches.batches.count(2) == 1
    assert len(ticks) == 9
    assert trainings[1] == {"name": "by 2", "failure": "dpsims: too many."}
    text = format_comparison(complete(trainings))
    assert "- by 2 does not work here: dpsims: too many." in text


def complete(trainings: list[dict]) -> dict:
    return {"trainings": trainings, "machine": MACHINE, "versions": {"torch": "2.15.0"}}


def test_table_and_picture_show_the_numbers(tmp_path):
    trainings = compare_trainings(variants(), 2, 1, 2, launch=Launches())
    text = format_comparison(complete(trainings))
    row = next(line for line in text.splitlines() if line.startswith("| by 2"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells == [
        "by 2",
        "net",
        "3.250 (2.375 to 4.125)",
        "0.87",
        "3.69",
        "10.0",
        "3%",
        "2000",
        "15.00",
        "10.0%",
    ]
    assert "4 of each training, in 2 rounds" in text
    assert "100 G multiply-adds/s in bf16: by 3" in text
    assert "Peak: of the process." in text
    on_gpu = [one | {"peak_memory_of": "tensors"} for one in trainings]
    assert "Peak: of the tensors." in format_comparison(complete(on_gpu))
    assert "cpu, P, 2 cores, 1 threads, load 0.5" in text
    pytest.importorskip("matplotlib")
    draw_training(trainings, MACHINE, tmp_path / "new" / "plot.png")
    assert min(size_of(tmp_path / "new" / "plot.png")) > 200
    assert len(list((tmp_path / "new").iterdir())) == 1


def test_a_comparison_in_which_nothing_works_is_refused():
    with pytest.raises(ValueError, match="no training worked; by 2: dpsims: too many"):
        compare_trainings(variants()[1:2], 2, 1, 1, launch=Launches(fails=2))
    launches = Launches()
    with pytest.raises(ValueError, match="at least 2 steps"):
        compare_trainings(variants(), 1, 1, 1, launch=launches)
    assert launches.batches == []


def test_no_round_is_refused():
    with pytest.raises(ValueError, match="from 1, not 0"):
        compare_trainings(variants(), 2, 1, 0, launch=Launches())
