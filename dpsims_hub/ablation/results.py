"""The result of a study as JSON and Markdown: means over seeds, differences from the first arm."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from dpsims_hub.ablation.measures import backbone_of, is_lower_better, measures_of, real_of
from dpsims_hub.ablation.plan import read_json
from dpsims_hub.ablation.runner import Outcome
from dpsims_hub.ablation.statistics import differences, summarize
from dpsims_hub.ablation.study import Study
from dpsims_hub.evaluation.report import format_table

RECIPE = (
    *("size", "resizing", "data", "train_data", "seed", "photos_per_label_map", "features", "lpips"),
    *("inception", "segmenter", "versions", "machine", "notes"),
)
"""Parts of an evaluation's report that a result contains too."""


def collect(study: Study, outcomes: Sequence[Outcome]) -> dict:
    """All numbers of a study's outcomes, JSON-safe and without absolute paths."""
    arms = {outcome.run.arm.name: outcome.run.arm for outcome in outcomes}
    reports = [outcome.report for outcome in outcomes if outcome.report]
    several = len({backbone_of(report) for report in reports}) > 1
    values = {name: _values([o for o in outcomes if o.run.arm.name == name], several) for name in arms}
    first = next(iter(arms))
    reference = values[first]
    return {
        "study": study.name,
        "question": study.question,
        "paper": study.paper,
        "steps": outcomes[0].run.config.max_train_steps,
        "resolution": outcomes[0].run.config.resolution,
        "reference": first,
        "real_photos": {k: v for report in reversed(reports) for k, v in real_of(report, several).items()},
        "arms": {
            name: {
                "changes": dict(arm.changes),
                "features": next(
                    (o.report["features"] for o in outcomes if o.report and o.run.arm is arm), {}
                ),
                "measures": {
                    title: summarize([value for _, value in pairs]) for title, pairs in values[name].items()
                },
                "minus_reference": {
                    title: summarize(differences(pairs, reference.get(title, ())))
                    for title, pairs in values[name].items()
                    if name != first
                },
            }
            for name, arm in arms.items()
        },
        "runs": [_run_facts(outcome, several) for outcome in outcomes],
        "recipe": _recipe(reports[0]) if reports else {},
    }


def format_result(result: Mapping) -> str:
    """The result as Markdown: heading, means, differences, notes."""
    titles = titles_of(result)
    runs = result["runs"]
    seeds = len({run["seed"] for run in runs})
    heading = (
        f"# Study `{result['study']}`\n\n{result['question']}\nThe paper: {result['paper']}.\n\n"
        f"{len(result['arms'])} arms, {result['steps']} steps each, {seeds} seeds, {result['resolution']}. "
        "Short runs: they show the beginning of the training, at this size."
    )
    marks = [title + (" (lower is better)" if is_lower_better(title) else "") for title in titles]
    means = [["arm", "n", *marks]]
    changes = [[f"minus {result['reference']}, same seed", "n", *titles]]
    for name, arm in result["arms"].items():
        means.append(
            [name, _count(arm["measures"]), *(_cell(arm["measures"].get(title)) for title in titles)]
        )
        if name != result["reference"]:
            cells = [_cell(arm["minus_reference"].get(title), signed=True) for title in titles]
            changes.append([name, _count(arm["minus_reference"]), *cells])
    real = [_number(result["real_photos"][t]) if t in result["real_photos"] else "" for t in titles]
    means.append(["real photos", "", *real])
    parts = [heading, format_table(means)] + ([format_table(changes)] if len(changes) > 1 else [])
    notes = [
        "Mean over seeds, and half the 95 % interval of the mean by Student's distribution: with two seeds "
        "that is 6.4 times their difference, so a difference within the intervals may be chance.",
        *_judges(result["arms"]),
        *(f"{run['arm']}, seed {run['seed']}: failed, {run['failure']}" for run in runs if run["failure"]),
        *(f"{run['arm']}, seed {run['seed']}: not yet run" for run in runs if run["missing"]),
    ]
    spent = f"{sum(run['seconds'] or 0 for run in runs) / 3600:.2f} hours of training in all."
    return "\n\n".join([*parts, "\n".join(f"- {note}" for note in notes), spent]) + "\n"


def _values(outcomes: Sequence[Outcome], several: bool) -> dict[str, list[tuple[int, float]]]:
    """(seed, value) of every run, by measure."""
    values: dict[str, list[tuple[int, float]]] = {}
    for outcome in outcomes:
        for title, value in measures_of(outcome.report or {}, several).items():
            values.setdefault(title, []).append((outcome.run.seed, value))
    return values


def _run_facts(outcome: Outcome, several: bool) -> dict:
    run, facts = outcome.run, read_json(outcome.run.folder / "run.json")
    return {
        "arm": run.arm.name,
        "seed": run.seed,
        "folder": run.folder.name,
        "steps": run.steps_done(),
        "seconds": facts.get("seconds"),
        "failure": outcome.failure,
        "missing": outcome.report is None and not outcome.failure,
        "measures": measures_of(outcome.report or {}, several),
    }


def _recipe(report: Mapping) -> dict:
    """The recipe of the evaluation."""
    known = report | {
        "inception": (report.get("inception") or {}).get("features"),
        "segmenter": (report.get("segmentation") or {}).get("segmenter"),
    }
    return {name: known[name] for name in RECIPE if name in known}


def _judges(arms: Mapping) -> list[str]:
    """A sentence on the backbone of the distances; with several backbones it names the arms of each."""
    names: dict[str, list[str]] = {}
    for name, arm in arms.items():
        if arm["features"]:
            names.setdefault(arm["features"]["backbone"], []).append(name)
    if len(names) < 2:
        return [f"Distances are in features of {backbone}." for backbone in names]
    parts = "; ".join(f"of {backbone} for {', '.join(own)}" for backbone, own in names.items())
    return [
        f"Distances are in features {parts}: an arm whose discriminator reads the evaluation's backbone "
        "has another. Compare those of the same backbone only."
    ]


def titles_of(result: Mapping) -> list[str]:
    """Titles of all measures of a result, each once."""
    return list(dict.fromkeys(title for arm in result["arms"].values() for title in arm["measures"]))


def _count(cells: Mapping) -> str:
    return str(max((cell["n"] for cell in cells.values()), default=0))


def _cell(summary: Mapping | None, signed: bool = False) -> str:
    if summary is None or not summary["n"]:
        return "not measured"
    mean = _number(summary["mean"], signed)
    return mean if summary["half_width_95"] is None else f"{mean} ± {_number(summary['half_width_95'])}"


def _number(value: float, signed: bool = False) -> str:
    """A number with three significant digits and at most three decimals."""
    digits = 3 if value == 0 else min(3, max(0, 2 - math.floor(math.log10(abs(value)))))
    return f"{value:{'+' if signed else ''}.{digits}f}"
