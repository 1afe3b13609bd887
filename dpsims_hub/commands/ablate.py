"""`dpsims ablate`: runs a study, a named set of trainings, and writes its table, plots and numbers."""

import argparse
import dataclasses
import json
import shlex
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from dpsims_hub.commands.backbone_options import weights_of
from dpsims_hub.commands.data_options import add_label_suffix_option
from dpsims_hub.commands.options import add_option
from dpsims_hub.processes.missing_package import require_packages
from dpsims_hub.processes.process_group import launched_processes
from dpsims_hub.storage.atomic_write import write_text_atomically
from dpsims_hub.storage.writable import check_writable

if TYPE_CHECKING:
    from dpsims_hub.ablation.plan import Run
    from dpsims_hub.ablation.runner import Outcome
    from dpsims_hub.ablation.study import Study
    from dpsims_hub.labels import FolderDataset
    from dpsims_hub.training.config import TrainConfig

FORWARDED = (
    *("preset", "resolution", "mixed_precision"),
    *("backbone", "backbone_weights", "backbone_mean", "backbone_std", "backbone_kwargs"),
)
"""Options of this command that are flags of the trainer under the same name."""

DEFAULTS = {"resolution": "128x96"}
EVALUATION_BACKBONE = "mobilenetv2_100"
OTHER_EVALUATION_BACKBONE = "tf_efficientnet_lite0"
"""For the arms whose discriminator uses `EVALUATION_BACKBONE`."""

WEIGHTS_OF = (
    "weights of a backbone, for the arms that have it and for the\nevaluation; may be repeated. "
    """FILE may end with ,{"mean": [..],\n"std": [..], "kwargs": {..}}"""
)
SOME_RUN_FAILED = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `dpsims ablate`."""
    parser.epilog = (
        "After -- any flag of train_accelerate.py may follow, for all arms. The same command continues an\n"
        "interrupted study: it keeps finished runs and continues others from their checkpoints."
    )
    option, output = partial(add_option, parser), Path("outputs", "ablations")
    option("--study", "which one; --list names them", metavar="NAME")
    option("--list", "show the studies, or the arms of --study, and costs", action="store_true")
    option("--measure", "with --list: time a few steps of each arm here", action="store_true")
    option("--dry-run", "show the runs and how far they are", action="store_true")
    option("--data", "folder with train/ and val/ of pairs", metavar="DIR", parse=Path)
    option("--output", "results go to DIR/STUDY, runs to DIR/runs", output, "DIR", Path)
    option("--steps", "of every run (default: the study's)", metavar="N", parse=int)
    option("--seeds", "runs of every arm (default: the study's)", metavar="N", parse=int)
    option("--arm", "only this arm; may be repeated", [], "NAME", action="append")
    for name in FORWARDED:
        default = f" (default: {DEFAULTS[name]})" if name in DEFAULTS else ""
        option(f"--{name.replace('_', '-')}", f"as of train_accelerate.py{default}", metavar="X")
    option("--weights-of", WEIGHTS_OF, [], "NAME=FILE", weights_of, action="append")
    add_label_suffix_option(parser)
    option("--evaluate", "further flags of dpsims evaluate, in one pair of quotes", "", "FLAGS")
    option("--no-plot", "write no PNG (it needs matplotlib)", action="store_true")
    parser.add_argument("flags", nargs="*", metavar="-- FLAGS", help="of train_accelerate.py, for all arms")


def run(arguments: argparse.Namespace) -> int:
    """Lists, plans or runs a study.

    Returns:
        0, or 1 where a run failed.

    Raises:
        KeyboardInterrupt: after Ctrl-C; the same command continues.
    """
    from dpsims_hub.ablation.costs import expected_costs, format_costs, time_arms
    from dpsims_hub.ablation.runner import outcomes_so_far
    from dpsims_hub.ablation.studies import find_study
    from dpsims_hub.labels import FolderDataset

    if launched_processes() > 1:
        raise ValueError("ablate starts its processes itself; start it without a launcher.")
    if arguments.measure and not arguments.list:
        raise ValueError("--measure: times the arms for --list; give both.")
    if arguments.list and arguments.study is None:
        return _list_studies()
    if arguments.study is None:
        raise ValueError("nothing to run; give --study NAME, or --list to see the studies.")
    study = find_study(arguments.study)
    folder = arguments.output / study.name
    runs = _make_runs(study, arguments)
    if arguments.list:
        seconds = time_arms(_checked_data(arguments, runs)) if arguments.measure else None
        print(_describe(study))
        print(format_costs(expected_costs(runs, seconds), measured=arguments.measure))
        return 0
    suffix = runs[0].config.label_suffix
    recipe = _recipe(arguments, suffix)
    if arguments.dry_run:
        return _show(runs, recipe)
    _checked_data(arguments, runs)
    pairs = FolderDataset(arguments.data / "val", label_suffix=suffix)
    check_writable(folder)
    require_packages("scipy")
    if not arguments.no_plot:
        require_packages("matplotlib")
    if not all(one.report for one in outcomes_so_far(runs, recipe)):
        for judge in {run.judge for run in runs}:
            _check_recipe([*judge, *recipe], pairs, runs[0].config.size)
    print(format_costs(expected_costs(runs), measured=False), flush=True)
    return _run(study, runs, recipe, folder, pairs, not arguments.no_plot)


def _run(
    study: "Study", runs: "list[Run]", recipe: list[str], folder: Path, data: "FolderDataset", plot: bool
) -> int:
    """Runs what is not finished yet, and writes the results, also after Ctrl-C."""
    from diffusers.utils import logging

    from dpsims_hub.ablation.runner import outcomes_so_far, run_all

    logging.disable_progress_bar()
    try:
        outcomes = run_all(runs, recipe, lambda line: print(line, flush=True))
    except KeyboardInterrupt:
        _write(study, outcomes_so_far(runs, recipe), folder, data, plot)
        raise
    return _write(study, outcomes, folder, data, plot)


def _write(study: "Study", outcomes: "list[Outcome]", folder: Path, data: "FolderDataset", plot: bool) -> int:
    """Writes the results of the finished runs, and returns the exit code."""
    from dpsims_hub.ablation.curves import draw_curves
    from dpsims_hub.ablation.photos import draw_photos
    from dpsims_hub.ablation.plot import draw_study
    from dpsims_hub.ablation.results import collect, format_result

    result = collect(study, outcomes)
    write_text_atomically(folder / "results.json", json.dumps(result, indent=2) + "\n")
    text = format_result(result)
    if plot and any(outcome.report for outcome in outcomes):
        draw_study(result, folder / "plot.png")
        text += f"\n![{study.name}](plot.png)\n"
    if plot and draw_curves([outcome.run for outcome in outcomes], folder / "curves.png"):
        text += "\n![training curves](curves.png)\n"
    write_text_atomically(folder / "results.md", text)
    if draw_photos(outcomes, data, folder / "photos.png"):
        text += "\n![photos of the arms](photos.png)\n"
        write_text_atomically(folder / "results.md", text)
    print(f"\n{text}\nwritten: {folder}")
    return SOME_RUN_FAILED if any(outcome.failure for outcome in outcomes) else 0


def _make_runs(study: "Study", arguments: argparse.Namespace) -> "list[Run]":
    from dpsims_hub.ablation.plan import make_runs

    data = arguments.data or Path("DATA")
    files = dict(arguments.weights_of)
    runs = make_runs(
        study,
        study.select(tuple(arguments.arm)),
        [*_forwarded(arguments), *arguments.flags],
        (data / "train", data / "val"),
        arguments.output,
        study.steps if arguments.steps is None else arguments.steps,
        study.seeds if arguments.seeds is None else arguments.seeds,
        files,
    )
    return [dataclasses.replace(run, judge=_judge(run.config, arguments.evaluate, files)) for run in runs]


def _forwarded(arguments: argparse.Namespace) -> list[str]:
    """The flags of the trainer that the options give."""
    given = {name: getattr(arguments, name) or DEFAULTS.get(name) for name in FORWARDED}
    words = [word for name, value in given.items() if value for word in (f"--{name}", value)]
    return [*words, f"--label_suffix={arguments.label_suffix}"]  # its value may begin with a dash


def _judge(config: "TrainConfig", evaluate: str, files: dict[str, dict]) -> tuple[str, ...]:
    """Backbone flags of a run's evaluation.

    Unless --evaluate names a backbone, it is one that the discriminator of the run does not use.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--backbone")
    name = parser.parse_known_args(shlex.split(evaluate))[0].backbone
    if name is None:
        read = config.backbone.partition(".")[0] == EVALUATION_BACKBONE
        name = OTHER_EVALUATION_BACKBONE if read else EVALUATION_BACKBONE
    words = [(f"--{key.replace('_', '-')}", value) for key, value in files.get(name, {}).items()]
    flags = [(flag, value if isinstance(value, str) else json.dumps(value)) for flag, value in words]
    return ("--backbone", name, *(word for pair in flags for word in pair))


def _recipe(arguments: argparse.Namespace, label_suffix: str) -> list[str]:
    """Flags of `dpsims evaluate` that are the same for every run."""
    data = arguments.data or Path("DATA")
    words = ["--data", str(data / "val"), "--train-data", str(data / "train")]
    words += [f"--label-suffix={label_suffix}"] if label_suffix else []
    return [*words, *shlex.split(arguments.evaluate)]


def _checked_data(arguments: argparse.Namespace, runs: "list[Run]") -> "list[Run]":
    """The runs, after a check of their data and weights."""
    from dpsims_hub.labels import FolderDataset

    if arguments.data is None:
        raise ValueError("nothing to train on; give --data DIR, a folder with train/ and val/.")
    for part in ("train", "val"):
        FolderDataset(arguments.data / part, label_suffix=runs[0].config.label_suffix)
    _check_weights(runs)
    return runs


def _check_weights(runs: "list[Run]") -> None:
    """Loads the backbone of each training, so that missing weights are found before the first step."""
    from dpsims_hub.training.build import build_backbone, build_patch_networks

    checked = set()
    for run in runs:
        config = run.config
        names = [field.name for field in dataclasses.fields(config) if "backbone" in field.name]
        facts = json.dumps([getattr(config, name) for name in (*names, "contrastive_strides")])
        if facts in checked or run.is_trained():
            continue
        checked.add(facts)
        try:
            build_patch_networks(config, None if config.backbone == "none" else build_backbone(config))
        except (ValueError, OSError) as error:
            raise type(error)(f"arm {run.arm.name}: {error}") from error


def _check_recipe(recipe: list[str], data: "FolderDataset", size: tuple[int, int]) -> None:
    """Loads the networks of the evaluations, so that errors are found before the first step."""
    from dpsims_hub.commands import OneLineParser
    from dpsims_hub.commands.evaluate import add_arguments, load_measures

    parser = OneLineParser(prog="--evaluate: dpsims evaluate")
    add_arguments(parser)
    load_measures(parser.parse_args(recipe), size, "cpu", data.spec)


def _show(runs: "list[Run]", recipe: list[str]) -> int:
    """Prints every run with its progress and its settings, for --dry-run."""
    from dpsims_hub.ablation.costs import expected_costs, format_costs
    from dpsims_hub.ablation.runner import is_evaluated

    for one in runs:
        one.check()
        done, steps = one.steps_done(), one.config.max_train_steps
        evaluated = "evaluated" if one.is_trained() and is_evaluated(one, recipe) else "not evaluated"
        changes = json.dumps(one.arm.changes, default=dict)  # mapping proxies as objects
        print(f"{one.name}: {done} of {steps} steps, {evaluated}; {one.folder}; {changes}")
    for judge in dict.fromkeys(one.judge for one in runs):
        arms = ", ".join(dict.fromkeys(one.arm.name for one in runs if one.judge == judge))
        print(f"{arms}: evaluated with dpsims evaluate {shlex.join([*judge, *recipe])}")
    print(format_costs(expected_costs(runs), measured=False))
    return 0


def _list_studies() -> int:
    from dpsims_hub.ablation.costs import expected_costs
    from dpsims_hub.ablation.plan import make_runs
    from dpsims_hub.ablation.studies import STUDIES

    for study in STUDIES.values():
        words = ["--resolution", DEFAULTS["resolution"]]
        runs = make_runs(study, study.arms, words, ("train", "val"), Path(), study.steps, study.seeds)
        hours = sum(cost.hours for cost in expected_costs(runs))
        print(_describe(study))
        print(
            f"  {len(runs)} runs ({len(study.arms)} arms, {study.seeds} seeds) of {study.steps} steps, about "
            f"{hours:.1f} hours on two cores at {DEFAULTS['resolution']}\n"
        )
    return 0


def _describe(study: "Study") -> str:
    needs = f"\n  needs {study.needs}" if study.needs else ""
    return f"{study.name}: {study.question}\n  the paper: {study.paper}{needs}"
