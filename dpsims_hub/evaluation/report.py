"""The report of an evaluation as text and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from dpsims_hub.cards.report_tables import report_tables
from dpsims_hub.storage.atomic_write import write_json


def format_report(report: Mapping) -> str:
    """Heading, tables, speed, recipe and notes as text."""
    size = report["size"]
    truncation = report["model"].get("truncation")
    heading = (
        f"model {report['model']['name']}, data {report['data']['name']} ({report['data']['pairs']} pairs), "
        f"{size['width']}x{size['height']}, seed {report['seed']}"
    )
    heading += "" if truncation is None else f", truncation {truncation:g}"
    notes = "\n".join(f"- {note}" for note in report["notes"])
    tables = [format_table(rows) for rows in report_tables(report, "the segmenter", classes=True)]
    return "\n\n".join([heading, *tables, _timing(report), _recipe(report), notes])


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
    write_json(path, report, "choose another --output")


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
