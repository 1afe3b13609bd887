"""The report of `dpsims benchmark inference`: a table and a plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from dpsims_hub.benchmark.variants import SWEPT_FORM
from dpsims_hub.evaluation.recipe import machine_in_words
from dpsims_hub.evaluation.report import format_table
from dpsims_hub.pictures.plots import new_figure, save_figure

_HEADER = (
    "network",
    "form",
    "maps x photos",
    "ms a photo (middle half)",
    "photos/s",
    "times OASIS",
    "G multiply-adds a photo",
    "of ceiling",
    "peak MB (without weights)",
    "first call s",
    "differs by levels",
)


def format_inference(report: Mapping) -> str:
    """The text of a report of `benchmark_inference` with its "machine" and "versions"."""
    size, machine = report["size"], report["machine"]
    ceilings = ", ".join(
        f"{rate / 1e9:.0f} G multiply-adds/s in {dtype}"
        for dtype, rate in report["ceiling"]["multiply_adds_per_second"].items()
    )
    lines = [
        f"{size['width']}x{size['height']}, {report['rounds']} rounds in turns after "
        f"{report['warmup'] + 1} calls to warm up, clock: {report['clock']}"
        + ("; interrupted: this is what was finished" if report["interrupted"] else ""),
        f"machine: {machine_in_words(machine)}",
        f"ceiling: {report['ceiling']['what']}: {ceilings or 'not timed'}",
        "networks: "
        + ", ".join(
            f"{name} {facts['parameters'] / 1e6:.1f} M" for name, facts in report["networks"].items()
        ),
        "versions: " + ", ".join(f"{name} {version}" for name, version in report["versions"].items()),
    ]
    rows = [_HEADER, *map(_cells, report["variants"])]
    notes = [
        f"- {row['name']} does not work here: {row['failure']}"
        for row in report["variants"]
        if "failure" in row
    ]
    notes.append(
        "- Times OASIS: how many times as fast as OASIS as published, float32. Time is that of the network, "
        "maps and photos on the device; form pipeline: from ids in memory to finished pictures. Peak: "
        "weights and live tensors. Differs: largest difference of any value from the photos of the plain "
        "network with the same latents, in levels of 255; the weights may be random."
    )
    return "\n".join([*lines, "", format_table(rows), "", *notes])


def draw_inference(report: Mapping, path: Path) -> None:
    """Draws milliseconds by form and photos per second by batch, as PNG."""
    rows = [row for row in report["variants"] if "seconds" in row]
    single = [row for row in rows if row["photos_made"] == 1]
    figure = new_figure(11, 1.6 + 0.26 * len(single))
    left, right = figure.subplots(1, 2)
    _draw_latency(left, single)
    _draw_throughput(right, rows, list(report["networks"]))
    size, machine = report["size"], report["machine"]
    figure.suptitle(f"{size['width']}x{size['height']}, {machine_in_words(machine)}", fontsize=8)
    save_figure(figure, path)


def _draw_latency(panel, rows: Sequence[Mapping]) -> None:
    times = [row["milliseconds_per_photo"] for row in rows]
    medians = [time["median"] for time in times]
    errors = [
        [median - time["quartiles"][0] for median, time in zip(medians, times, strict=True)],
        [time["quartiles"][1] - median for median, time in zip(medians, times, strict=True)],
    ]
    panel.barh(range(len(rows)), medians, xerr=errors, color="#1b6ca8", ecolor="#444444", capsize=2)
    panel.set_yticks(range(len(rows)), [f"{row['network']}, {row['form']}" for row in rows], fontsize=7)
    panel.invert_yaxis()
    if rows:
        panel.set_xscale("log")
    panel.set_title("milliseconds a photo: median, middle half", fontsize=8)
    panel.tick_params(labelsize=7)


def _draw_throughput(panel, rows: Sequence[Mapping], networks: Sequence[str]) -> None:
    for name in networks:
        own = [r for r in rows if r["network"] == name and r["form"] == SWEPT_FORM and r["photos"] == 1]
        panel.plot([r["maps"] for r in own], [r["photos_per_second"] for r in own], "o-", label=name)
    panel.set_yscale("log")
    panel.set_xlabel("label maps of a call", fontsize=7)
    panel.set_title("photos a second, optimized, float32", fontsize=8)
    panel.tick_params(labelsize=7)
    panel.legend(fontsize=7)
    panel.grid(alpha=0.3)


def _cells(row: Mapping) -> tuple[str, ...]:
    calls = f" in {row['calls']} calls" if row["calls"] > 1 else ""
    what = (row["network"], row["form"], f"{row['maps']} x {row['photos']}{calls}")
    work = f"{row['multiply_adds_per_photo'] / 1e9:.2f}"
    if "failure" in row:
        return (*what, "fails", "", "", work, "", "", "", "")
    memory = row.get("peak_memory_bytes")
    return (
        *what,
        _time(row),
        _number(row, "photos_per_second", ".3g"),
        _number(row, "times_as_fast_as_oasis", ".3g"),
        work,
        _number(row, "share_of_ceiling", ".0%"),
        "" if memory is None else f"{memory / 1e6:.0f} ({row['call_memory_bytes'] / 1e6:.0f})",
        _number(row, "first_call_seconds", ".2f"),
        _number(row, "largest_difference_levels", ".2g"),
    )


def _number(row: Mapping, key: str, style: str) -> str:
    return "" if row.get(key) is None else format(row[key], style)


def _time(row: Mapping) -> str:
    """Median and quartiles, or the median and the number of calls if there are fewer than 3."""
    if "seconds" not in row:
        return "not timed"
    time, count = row["milliseconds_per_photo"], row["seconds"]["n"]
    spread = "{:.1f} to {:.1f}".format(*time["quartiles"]) if count > 2 else f"calls: {count}"
    return f"{time['median']:.1f} ({spread})"
