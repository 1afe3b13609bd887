"""The report of `dpsims benchmark training`: text for one training, a table for several, a plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from dpsims_hub.evaluation.recipe import machine_in_words
from dpsims_hub.evaluation.report import format_table
from dpsims_hub.pictures.plots import new_figure, save_figure

MOST_DATA_WAIT = 0.05
"""Largest acceptable share of the time that is spent waiting for data."""

COLOURS = ("#c44e52", "#1b6ca8", "#8c6bb1", "#2a9d4a", "#e6a532", "#888888")
_HEADER = (
    "training",
    "backbone",
    "s a step (middle half)",
    "of the first",
    "photos/s",
    "G multiply-adds a step",
    "of ceiling",
    "peak MB",
    "first step s",
    "waits for data",
)


def format_training(report: Mapping) -> str:
    """The text of a report of `benchmark_training` with its "data", "machine" and "versions"."""
    size, low, high = report["size"], *report["seconds_per_step"]["quartiles"]
    batch = (
        f"{report['train_batch_size']} label maps x {report['samples_per_map']} photos x "
        f"{report['gradient_accumulation_steps']} micro-batches x {report['processes']} processes"
    )
    shares = ", ".join(f"{phase} {share:.1%}" for phase, share in report["shares"].items())
    waits, memory = report["data_wait_share"], report["peak_memory_bytes"] / 1e6
    verdict = (
        f"below {MOST_DATA_WAIT:.0%}: the loader keeps up"
        if waits < MOST_DATA_WAIT
        else f"{MOST_DATA_WAIT:.0%} or more: add workers, or store smaller photos"
    )
    lines = {
        "run": f"preset {report['preset']}, backbone {report['backbone']}, {size['width']}x{size['height']}, "
        f"{report['num_classes']} classes, precision {report['mixed_precision']}",
        "step": batch,
        "data": f"{report['data']}, {report['pairs'] or 'streamed'} pairs, {report['workers']} workers",
        "photos/s": f"{report['images_per_second']:.2f} generated, for {report['label_maps_per_second']:.2f} "
        "label maps/s",
        "seconds/step": f"{report['seconds_per_step']['median']:.3f} median, {low:.3f} to {high:.3f} the "
        f"middle half of {report['steps']} steps after {report['warmup_steps']} to warm up",
        "time": shares,
        "data wait": f"{waits:.1%} ({verdict})",
        "first step": f"{report['first_step_seconds']:.2f} s",
        "work": _work(report),
        "memory": f"{memory:.0f} MB at most, of the {report['peak_memory_of']}",
        **_where(report),
    }
    return "\n".join(f"{name:<14}{text}" for name, text in lines.items())


def format_comparison(report: Mapping) -> str:
    """A table of trainings; the first one is the reference.

    `report` contains the "trainings" of `compare_trainings`, "machine" and "versions".
    """
    trainings = report["trainings"]
    working = [one for one in trainings if "failure" not in one]
    lines = [f"{name:<14}{text}" for name, text in _where(report).items()]
    if working:
        rounds, steps, warmup = (working[0][name] for name in ("rounds", "steps", "warmup_steps"))
        lines.append(
            f"{'steps':<14}{steps} of each training, in {rounds} rounds, each in a separate process, after "
            f"{warmup} to warm up in each"
        )
    lines += [f"{'ceiling':<14}{_rate(one)} in {_precision(one)}: {one['name']}" for one in working]
    notes = [f"- {one['name']} does not work here: {one['failure']}" for one in trainings if "failure" in one]
    notes.append(
        "- Photos: generated ones. Work: both updates, forward and backward, of one process; its rate at the "
        "median step as a share of the ceiling. Peak: of the "
        + " or ".join(dict.fromkeys(one["peak_memory_of"] for one in working))
        + "."
    )
    return "\n".join([*lines, "", format_table([_HEADER, *_rows(trainings)]), "", *notes])


def draw_training(trainings: Sequence[Mapping], machine: Mapping, path: Path) -> None:
    """Draws the phases of a step of each training, and its photos per second, as PNG.

    Args:
        trainings: of `benchmark_training` with "name", or of `compare_trainings`; at least one worked.
        machine: of `describe_machine`.
        path: of the PNG.
    """
    working = [one for one in trainings if "failure" not in one]
    figure = new_figure(11, 1.7 + 0.35 * len(working))
    left, right = figure.subplots(1, 2, sharey=True)
    places, medians = range(len(working)), [one["seconds_per_step"]["median"] for one in working]
    begun = [0.0] * len(working)
    for phase, colour in zip(working[0]["shares"], COLOURS, strict=True):
        parts = [one["shares"][phase] * median for one, median in zip(working, medians, strict=True)]
        left.barh(places, parts, left=begun, color=colour, label=phase.replace("_", " "))
        begun = [start + part for start, part in zip(begun, parts, strict=True)]
    quartiles = [one["seconds_per_step"]["quartiles"] for one in working]
    low, high = zip(*quartiles, strict=True)
    left.hlines(places, low, high, color="black", linewidth=1.2)
    left.set_yticks(places, [one["name"] for one in working], fontsize=7)
    left.invert_yaxis()
    left.set_title("seconds a step: median by phases; line: middle half", fontsize=8)
    left.legend(fontsize=6, ncols=6, loc="upper center", bbox_to_anchor=(0.5, -0.12), frameon=False)
    right.barh(places, [one["images_per_second"] for one in working], color="#1b6ca8")
    right.set_title("generated photos a second", fontsize=8)
    for panel in (left, right):
        panel.tick_params(labelsize=7)
        panel.grid(axis="x", alpha=0.3)
    figure.suptitle(machine_in_words(machine), fontsize=8)
    save_figure(figure, path)


def _rows(trainings: Sequence[Mapping]) -> list[tuple[str, ...]]:
    reference = trainings[0].get("seconds_per_step", {}).get("median")
    rows = []
    for one in trainings:
        if "failure" in one:
            rows.append((one["name"], "", "fails", *[""] * (len(_HEADER) - 3)))
            continue
        median, (low, high) = one["seconds_per_step"]["median"], one["seconds_per_step"]["quartiles"]
        work, share = one["multiply_adds_per_step"], one["share_of_ceiling"]
        rows.append(
            (
                one["name"],
                one["backbone"],
                f"{median:.3f} ({low:.3f} to {high:.3f})",
                "" if reference is None else f"{median / reference:.2f}",
                f"{one['images_per_second']:.2f}",
                "" if work is None else f"{work / 1e9:.1f}",
                "" if share is None else f"{share:.0%}",
                f"{one['peak_memory_bytes'] / 1e6:.0f}",
                f"{one['first_step_seconds']:.2f}",
                f"{one['data_wait_share']:.1%}",
            )
        )
    return rows


def _work(report: Mapping) -> str:
    share = report["share_of_ceiling"]
    if share is None:
        return "not counted for the architecture of another model"
    return (
        f"{report['multiply_adds_per_step'] / 1e9:.1f} G multiply-adds a step, both updates: "
        f"{share:.0%} of the ceiling of {_rate(report)} ({report['ceiling']['what']}, {_precision(report)})"
    )


def _rate(report: Mapping) -> str:
    return f"{report['ceiling']['multiply_adds_per_second'] / 1e9:.0f} G multiply-adds/s"


def _precision(report: Mapping) -> str:
    return {"no": "float32"}.get(report["mixed_precision"], report["mixed_precision"])


def _where(report: Mapping) -> dict[str, str]:
    versions = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    return {"machine": machine_in_words(report["machine"]), "versions": versions}
