"""Interleaved comparison of several trainings, so that disturbances affect all of them equally.

Each turn of a variant is a separate process, with a peak memory, a first step and a precision of its own.
Accelerate sets the precision only once in a process.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from dpsims_hub.benchmark.training import check_steps, summed_up
from dpsims_hub.processes.child_process import Launch, failure_of, run_child
from dpsims_hub.training.config import TrainConfig


@dataclass(frozen=True)
class TrainingVariant:
    """A training that is timed, and its name in tables."""

    name: str
    config: TrainConfig


def compare_trainings(
    variants: Sequence[TrainingVariant],
    steps: int,
    warmup: int,
    rounds: int = 2,
    tell: Callable[[str], object] = lambda name: None,
    advance: Callable[[int], object] = lambda count: None,
    launch: Launch = run_child,
) -> list[dict]:
    """Times every variant in every round; each round begins with another variant.

    Args:
        variants: of different names.
        steps: timed updates of each round, at least 2.
        warmup: updates before them, in each round.
        rounds: at least 1.
        tell: called with a variant's name before its turn.
        advance: called with 1 after it.
        launch: starts `python ARGUMENTS`, see `run_child`.

    Returns:
        For each variant its "name" and the report of `dpsims benchmark training` over all rounds. A variant
        that fails has no further turns; for it only "name" and "failure", a sentence.

    Raises:
        ValueError: no round, too few steps, or no variant worked.
        KeyboardInterrupt: the user stopped it.
    """
    check_steps(steps, warmup)
    if rounds < 1:
        raise ValueError(f"--rounds must be a whole number from 1, not {rounds}.")
    reports: dict[str, list[dict]] = {variant.name: [] for variant in variants}
    failures: dict[str, str] = {}
    with TemporaryDirectory(prefix="dpsims-benchmark-") as folder:
        for number in range(rounds):
            for place in range(len(variants)):
                variant = variants[(number + place) % len(variants)]
                if variant.name not in failures:
                    tell(variant.name)
                    turn = Path(folder, f"{number}-{place}")
                    if failure := _take_turn(variant.config, steps, warmup, turn, launch):
                        failures[variant.name] = failure
                    else:
                        reports[variant.name].append(json.loads((turn / "report.json").read_text()))
                advance(1)
    if len(failures) == len(variants):
        raise ValueError(f"no training worked; {variants[0].name}: {failures[variants[0].name]}")
    return [
        {"name": name} | ({"failure": failures[name]} if name in failures else pooled_rounds(own))
        for name, own in reports.items()
    ]


def pooled_rounds(reports: Sequence[Mapping]) -> dict:
    """The reports of one variant's rounds as one: all steps, medians of the rest, the highest memory."""
    first = reports[0]
    shares = {phase: statistics.fmean(one["shares"][phase] for one in reports) for phase in first["shares"]}
    rates = [one["ceiling"]["multiply_adds_per_second"] for one in reports]
    ceiling = first["ceiling"] | {"multiply_adds_per_second": statistics.median(rates)}
    return summed_up(
        dict(first)
        | {
            "rounds": len(reports),
            "step_seconds": [seconds for one in reports for seconds in one["step_seconds"]],
            "first_step_seconds": statistics.median(one["first_step_seconds"] for one in reports),
            "peak_memory_bytes": max(one["peak_memory_bytes"] for one in reports),
            "shares": shares,
            "ceiling": ceiling,
        }
    )


def _take_turn(config: TrainConfig, steps: int, warmup: int, folder: Path, launch: Launch) -> str:
    """Times one variant in one process; returns the reason of its failure, or ""."""
    folder.mkdir()
    config.save(folder / "settings.json")
    words = ["--steps", str(steps), "--warmup", str(warmup), "--json", str(folder / "report.json")]
    arguments = ["-m", "dpsims_hub.commands", "benchmark", "training", *words]
    code = launch([*arguments, "--config", str(folder / "settings.json")], folder / "log")
    return failure_of(code, folder / "log")
