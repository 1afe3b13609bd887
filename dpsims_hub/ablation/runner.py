"""Runs the unfinished trainings and the missing evaluations of a study."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from dpsims_hub.ablation.plan import Run, read_json
from dpsims_hub.processes.child_process import Launch, failure_of, run_child
from dpsims_hub.storage.atomic_write import write_text_atomically


@dataclass(frozen=True)
class Outcome:
    """A run and its report of `dpsims evaluate`; if it failed, no report but the last line of its log."""

    run: Run
    report: dict | None
    failure: str = ""


def run_all(
    runs: Sequence[Run],
    recipe: Sequence[str],
    tell: Callable[[str], object] = print,
    launch: Launch = run_child,
) -> list[Outcome]:
    """Trains and evaluates every run; skips finished ones and continues interrupted ones.

    A failed run (for example with a loss that is not finite) does not stop the others.

    Args:
        runs: of the study.
        recipe: flags of `dpsims evaluate` without --model and --output; those of each run precede them.
        tell: called with a line for each part of the work.
        launch: starts `python ARGUMENTS`, see `run_child`.

    Raises:
        ValueError: a run has more steps than wanted; nothing was started.
        KeyboardInterrupt: the user stopped it; the same call continues the study.
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
    """The outcomes of runs as they are on disk; nothing is started."""
    return [
        Outcome(run, read_json(_report_path(run)) if run.is_trained() and is_evaluated(run, recipe) else None)
        for run in runs
    ]


def is_evaluated(run: Run, recipe: Sequence[str]) -> bool:
    """Whether there is a report of the run's model with this recipe."""
    return bool(read_json(_report_path(run))) and read_json(_mark_path(run)) == _mark(run, recipe)


def _train(run: Run, launch: Launch) -> str:
    """Starts or continues a training; returns the reason of its failure, or ""."""
    run.folder.mkdir(parents=True, exist_ok=True)
    settings = run.folder / "settings.json"
    run.config.save(settings)
    arguments = ["--config", str(settings), "--resume_from_checkpoint", "latest"]
    code = launch(["-m", "dpsims_hub.commands.train", *arguments], run.folder / "run.log")
    if code == 0 and not run.is_trained():
        raise KeyboardInterrupt  # a signal stopped the training
    return failure_of(code, run.folder / "run.log")


def _evaluate(run: Run, recipe: Sequence[str], launch: Launch) -> str:
    """Evaluates the saved model; returns the reason of its failure, or ""."""
    report, log = _report_path(run), run.folder / "evaluation.log"
    report.unlink(missing_ok=True)
    arguments = ["--model", str(run.folder / "pipeline"), *run.judge, *recipe, "--output", str(report)]
    code = launch(["-m", "dpsims_hub.commands", "evaluate", *arguments], log)
    if code == 0:
        write_text_atomically(_mark_path(run), json.dumps(_mark(run, recipe)) + "\n")
    return failure_of(code, log)


def _report_path(run: Run) -> Path:
    return run.folder / "evaluation.json"


def _mark_path(run: Run) -> Path:
    return run.folder / "evaluated.json"


def _mark(run: Run, recipe: Sequence[str]) -> dict:
    """What an evaluation of a run depends on: its steps, the flags, and the files named in the flags."""
    recipe = [*run.judge, *recipe]
    # Unlike `Path.exists`, `os.path.exists` is False for words that are too long for a path.
    named = [word for flag, word in pairwise(recipe) if flag != "--cache" and os.path.exists(word)]
    files = {word: _state_of(Path(word)) for word in named}
    return {"steps": run.config.max_train_steps, "recipe": recipe, "files": files}


def _state_of(path: Path) -> str:
    """A hash of names, sizes and times of a file, or of all files in a folder."""
    files = [one for one in (sorted(path.rglob("*")) if path.is_dir() else [path]) if one.is_file()]
    facts = [(str(one.relative_to(path)), one.stat()) for one in files]
    states = [[name, fact.st_size, fact.st_mtime_ns] for name, fact in facts]
    return hashlib.sha256(json.dumps(states).encode()).hexdigest()
