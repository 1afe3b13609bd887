"""Runs what is left of a study: trainings that are not finished, evaluations that are not made."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from dpsims_hub.ablation.plan import Run, read_json
from dpsims_hub.processes.child_process import Launch, failure_of, run_child
from dpsims_hub.storage.atomic_write import write_text_atomically


@dataclass(frozen=True)
class Outcome:
    """What became of a run.

    Args:
        run: which.
        report: of `dpsims evaluate`; None where the run failed.
        failure: why, the last line of its log; "" where it did not.
    """

    run: Run
    report: dict | None
    failure: str = ""


def run_all(
    runs: Sequence[Run],
    recipe: Sequence[str],
    tell: Callable[[str], object] = print,
    launch: Launch = run_child,
) -> list[Outcome]:
    """Trains and evaluates every run in turn; finished ones are left alone, interrupted ones continue.

    A run that fails (a loss that is not finite, say) is an outcome too: the others go on.

    Args:
        runs: of the study.
        recipe: flags of `dpsims evaluate` but for --model and --output.
        tell: called with a line at each turn.
        launch: starts `python ARGUMENTS`, see `run_child`.

    Raises:
        ValueError: a folder holds another run; nothing was started.
        KeyboardInterrupt: the user stopped it; the same call continues.
    """
    for run in runs:
        run.check()
    outcomes = []
    for number, run in enumerate(runs, start=1):
        place, failure = f"{number} of {len(runs)}", ""
        if not run.is_trained():
            tell(f"{place}: training {run.name}")
            failure = _train(run, launch)
        if not failure and not is_evaluated(run, recipe):
            tell(f"{place}: evaluating {run.name}")
            failure = _evaluate(run, recipe, launch)
        if failure:
            tell(f"{place}: {run.name} failed: {failure}")
        outcomes.append(Outcome(run, None if failure else read_json(_report_path(run)), failure))
    return outcomes


def outcomes_so_far(runs: Sequence[Run], recipe: Sequence[str]) -> list[Outcome]:
    """What is finished and evaluated of the runs, without starting anything."""
    return [
        Outcome(run, read_json(_report_path(run)) if run.is_trained() and is_evaluated(run, recipe) else None)
        for run in runs
    ]


def is_evaluated(run: Run, recipe: Sequence[str]) -> bool:
    """Whether there is a report of just this model, made by just this recipe."""
    return bool(read_json(_report_path(run))) and read_json(_mark_path(run)) == _mark(run, recipe)


def _train(run: Run, launch: Launch) -> str:
    """Starts or continues a training; returns what went wrong, or ""."""
    run.folder.mkdir(parents=True, exist_ok=True)
    settings = run.folder / "settings.json"
    run.config.save(settings)
    arguments = ["--config", str(settings), "--resume_from_checkpoint", "latest"]
    code = launch(["-m", "dpsims_hub.ablation.one_run", *arguments], run.folder / "run.log")
    if code == 0 and not run.is_trained():
        raise KeyboardInterrupt  # somebody stopped it, not us
    return failure_of(code, run.folder / "run.log")


def _evaluate(run: Run, recipe: Sequence[str], launch: Launch) -> str:
    """Measures the saved model; returns what went wrong, or ""."""
    report, log = _report_path(run), run.folder / "evaluation.log"
    report.unlink(missing_ok=True)
    arguments = ["--model", str(run.folder / "pipeline"), *recipe, "--output", str(report)]
    code = launch(["-m", "dpsims_hub.commands", "evaluate", *arguments], log)
    if code == 0:
        write_text_atomically(_mark_path(run), json.dumps(_mark(run, recipe)) + "\n")
    return failure_of(code, log)


def _report_path(run: Run) -> Path:
    return run.folder / "evaluation.json"


def _mark_path(run: Run) -> Path:
    return run.folder / "evaluated.json"


def _mark(run: Run, recipe: Sequence[str]) -> dict:
    """What an evaluation depends on beside the run: its recipe, and the files that the recipe names."""
    named = [word for flag, word in pairwise(recipe) if flag != "--cache" and Path(word).exists()]
    files = {word: _state_of(Path(word)) for word in named}
    return {"steps": run.config.max_train_steps, "recipe": list(recipe), "files": files}


def _state_of(path: Path) -> str:
    """Changes where a file, or one in the folder, is added, replaced or taken away."""
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    states = [[str(one.relative_to(path)), *_size_and_time(one)] for one in files if one.is_file()]
    return hashlib.sha256(json.dumps(states).encode()).hexdigest()


def _size_and_time(path: Path) -> tuple[int, int]:
    facts = path.stat()
    return facts.st_size, facts.st_mtime_ns
