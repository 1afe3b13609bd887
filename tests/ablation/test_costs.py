"""Timed and counted costs of a study's arms."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

import pytest

from dpsims_hub.ablation.costs import expected_costs, time_arms
from dpsims_hub.ablation.plan import make_runs
from dpsims_hub.ablation.studies import STUDIES
from dpsims_hub.training.phases import OTHER, PHASES

STUDY = STUDIES["gamma"]
ARMS = STUDY.arms[:2]  # gamma 2 and 0


def runs_of(seeds: int = 2) -> list:
    return make_runs(STUDY, ARMS, ["--resolution", "128x96"], ("train", "val"), Path("out"), 1000, seeds)


class Launches:
    """Reports steps of 1, 2 and 4 + gamma seconds; fails for one gamma."""

    def __init__(self, fails: float | None = None) -> None:
        self.gammas: list[float] = []
        self.fails = fails

    def __call__(self, arguments: list[str], log: Path) -> int:
        words = dict(zip(arguments[4::2], arguments[5::2], strict=True))
        assert (words["--steps"], words["--warmup"]) == ("3", "1")
        gamma = json.loads(Path(words["--config"]).read_text())["focal_gamma"]
        self.gammas.append(gamma)
        if gamma == self.fails:
            log.write_text("dpsims: no room\n")
            return 2
        report = {
            **dict.fromkeys(("train_batch_size", "gradient_accumulation_steps", "processes"), 1),
            **{"samples_per_map": 2, "multiply_adds_per_step": 10, "peak_memory_bytes": 1},
            "step_seconds": [1, 4 + gamma, 2],
            "first_step_seconds": 1,
            "shares": dict.fromkeys((*PHASES, OTHER), 0.1),
            "ceiling": {"multiply_adds_per_second": 100},
        }
        Path(words["--json"]).write_text(json.dumps(report))
        return 0


def test_every_arm_is_timed_once():
    launches, told = Launches(), []
    seconds = time_arms(runs_of(), told.append, launches)
    assert seconds == {f"gamma {gamma}": statistics.median([1, 4 + gamma, 2]) for gamma in (2, 0)}
    assert sorted(launches.gammas) == [0, 2]
    assert len(told) == 2
    assert all("timing 3 steps of gamma" in line for line in told)
    for cost in expected_costs(runs_of(), seconds):
        assert cost.hours == pytest.approx(2 * 1000 * seconds[cost.name] / 3600)


def test_an_arm_that_fails_is_named():
    with pytest.raises(ValueError, match=r"^gamma 0: .*no room"):
        time_arms(runs_of(), lambda line: None, Launches(fails=0))
