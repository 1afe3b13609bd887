"""The report of an evaluation as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from dpsims_hub.storage.atomic_write import write_text_atomically

DASH = "-"


def format_report(report: Mapping) -> str:
    """Heading, tables, speed, recipe and notes as text."""
    size = report["size"]
    heading = (
        f"model {report['model']['name']}, data {report['data']['name']} ({report['data']['pairs']} pairs), "
        f"{size['width']}x{size['height']}, seed {report['seed']}"
    )
    notes = "\n".join(f"- {note}" for note in report["notes"])
    tables = [format_table(rows) for rows in report_tables(report)]
    return "\n\n".join([heading, *tables, _timing(report), _recipe(report), notes])


def report_tables(report: Mapping) -> list[list[tuple[str, ...]]]:
    """The tables of a report that have rows; the first row of each is its header."""
    name = report["features"]["backbone"]
    tables = [_distances(report["distances"], f"FD-{name}", f"KD-{name}")]
    if report["inception"]:
        tables.append(_distances(report["inception"]["distances"], "FID", "KID"))
    if report["segmentation"]:
        rows = report["segmentation"]["rows"]
        tables += [_scores(rows, "", "segmenter"), _class_table(rows)]
    tables += [_diversity(report["diversity"]), _exposure(report["exposure"])]
    if report["faithfulness"]:
        tables.append(_scores(report["faithfulness"], "probe_", "pixel probe"))
    return tables


def format_table(rows: Sequence[Sequence[str]]) -> str:
    """Aligned columns as a Markdown table; the first row is the header."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])


def save_report(report: Mapping, path: str | Path) -> None:
    """Writes the report as JSON, atomically.

    Raises:
        OSError: the file cannot be written there.
    """
    write_text_atomically(path, json.dumps(report, indent=2) + "\n", "choose another --output")


def _distances(rows: Sequence[Mapping], frechet: str, kernel: str) -> list[tuple[str, ...]]:
    header = ("images", "n", "against", "n", frechet, kernel, "precision", "recall")
    return [header] + [
        (
            row["images"],
            str(row["n"]),
            row["against"],
            str(row["n_against"]),
            _number(row, "value", "interval", ".4g"),
            _number(row, "kernel_distance", "kernel_interval", ".3g"),
            _number(row, "precision", "precision_interval", ".2f"),
            _number(row, "recall", "recall_interval", ".2f"),
        )
        for row in rows
    ]


def _diversity(rows: Sequence[Mapping]) -> list[tuple[str, ...]]:
    columns = {"feature_distance": "feature distance", "pixel_difference": "pixel difference"}
    if "lpips" in rows[0]:
        columns = {"lpips": "LPIPS"} | columns
    return [("pairs of photos", "n", *columns.values())] + [
        (row["pairs"], str(row["n"]), *(_number(row, key, f"{key}_interval", ".3f") for key in columns))
        for row in rows
    ]


def _exposure(rows: Sequence[Mapping]) -> list[tuple[str, ...]]:
    header = ("images", "n", "brightness", "its deviation", "white pixels", "black pixels")
    levels, shares = ("brightness", "brightness_deviation"), ("white_share", "black_share")
    return [header] + [
        (
            row["images"],
            str(row["n"]),
            *(format(row[key], ".1f") for key in levels),
            *(format(row[key], ".1%") for key in shares),
        )
        for row in rows
    ]


def _scores(rows: Sequence[Mapping], prefix: str, judge: str) -> list[tuple[str, ...]]:
    keys = (f"{prefix}mean_iou", f"{prefix}pixel_accuracy")
    return [("images", "n", f"mIoU of the {judge}", "its pixel accuracy")] + [
        (row["images"], str(row["n"]), *(_number(row, key, f"{key}_interval", ".1%") for key in keys))
        for row in rows
    ]


def _class_table(rows: Sequence[Mapping]) -> list[tuple[str, ...]]:
    """IoU of each class by the segmenter, one column for each kind of image."""
    shown = [row for row in rows if row["images"] in ("generated photos", "real photos")]
    header = ("IoU of the segmenter", *(row["images"] for row in shown))
    columns = [row["class_iou"] for row in shown]
    return [header] + [
        (name, *(DASH if one[name] is None else format(one[name], ".1%") for one in columns))
        for name in columns[0]
    ]


def _number(row: Mapping, key: str, interval: str, style: str) -> str:
    if row[key] is None:
        return DASH
    ends = row.get(interval)
    value = format(row[key], style)
    return value if ends is None else f"{value} [{format(ends[0], style)}, {format(ends[1], style)}]"


def _timing(report: Mapping) -> str:
    speed, machine = report["speed"], report["machine"]
    peak = f"{speed['peak_memory_bytes'] / 2**20:.0f} MiB, {speed['memory_of']}"
    return (
        f"{speed['seconds_per_photo'] * 1000:.0f} ms per photo ({speed['photos_per_second']:.3g} photos/s; "
        f"{speed['what']}, {speed['dtype']}; {machine['device']}, {machine['processor']}, "
        f"{machine['torch_threads']} of {machine['cores']} threads, load {machine['load_of_last_minute']}); "
        f"peak memory {peak}"
    )


def _recipe(report: Mapping) -> str:
    features, resizing = report["features"], report["resizing"]
    return (
        f"features: {features['pooling']}, {features['dimension']} dimensions, {features['weights']}; "
        f"real photos: {resizing['real photos']}; label maps: {resizing['label maps']}"
    )
