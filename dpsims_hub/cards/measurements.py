"""Measured values on a model card, from the report of `dpsims evaluate`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from huggingface_hub import EvalResult

from dpsims_hub.cards.report_tables import report_tables

GENERATED = "generated photos"  # their name in a report


def evaluation_section(report: Mapping[str, Any]) -> str:
    """Settings, tables, speed and notes of a report (the decoded JSON of `dpsims evaluate --output`).

    Raises:
        ValueError: the report lacks a part.
    """
    try:
        parts = [_recipe(report), *map(table, report_tables(report)), _speed(report)]
        notes = "\n".join(f"- {note}" for note in report["notes"])
        return "\n\n".join([*parts, notes])
    except (KeyError, TypeError) as error:
        raise _refusal(error) from error


def eval_results(report: Mapping[str, Any]) -> list[EvalResult]:
    """The values of the generated photos for the Hub's `model-index`. Raises as `evaluation_section`."""
    try:
        data, found = report["data"], _metrics(report)
        return [
            EvalResult(
                task_type="image-to-image",
                dataset_type=data["name"].replace("/", "-"),
                dataset_name=f"{data['name']} ({data['pairs']} pairs)",
                metric_type=kind,
                metric_name=name,
                metric_value=round(value, 4),
            )
            for kind, name, value in found
        ]
    except (KeyError, TypeError) as error:
        raise _refusal(error) from error


def _metrics(report: Mapping[str, Any]) -> list[tuple[str, str, float]]:
    """Type, name and value of each number of the generated photos; older reports lack some."""
    backbone = report["features"]["backbone"]
    inception = (report.get("inception") or {}).get("distances", ())
    segmenter = report.get("segmentation") or {"segmenter": {"segmenter": ""}, "rows": ()}
    judge = segmenter["segmenter"]["segmenter"]
    distances = {
        "value": ("frechet-distance", f"FD-{backbone}"),
        "kernel_distance": ("kernel-distance", f"KD-{backbone}"),
    }
    scores = {
        "mean_iou": ("mean_iou", f"mIoU of {judge}"),
        "pixel_accuracy": ("accuracy", f"pixel accuracy of {judge}"),
    }
    sources = (
        (report["distances"], distances),
        (inception, {"value": ("fid", "FID"), "kernel_distance": ("kid", "KID")}),
        (segmenter["rows"], scores),
        (report["faithfulness"] or (), {"probe_mean_iou": ("mean_iou", "mIoU of the pixel probe")}),
    )
    return [
        (*named, row[key])
        for rows, metrics in sources
        for row in rows
        for key, named in metrics.items()
        if row["images"] == GENERATED and key in row
    ]


def table(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first row is the header."""
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def _refusal(error: Exception) -> ValueError:
    return ValueError(
        f"the evaluation report lacks {error}; give the JSON that `dpsims evaluate --output` wrote."
    )


def _recipe(report: Mapping[str, Any]) -> str:
    size, features, machine = report["size"], report["features"], report["machine"]
    truncation = report["model"].get("truncation")
    noise = "" if truncation is None else f", truncation {truncation:g}"
    return (
        f"Measured by `dpsims evaluate` on {report['data']['pairs']} pairs of {report['data']['name']} at "
        f"{size['width']}x{size['height']}, seed {report['seed']}{noise}. Real photos: "
        f"{report['resizing']['real photos']}; label maps: {report['resizing']['label maps']}. "
        f"Features: {features['backbone']} ({features['weights']}). Machine: {machine['device']}, "
        f"{machine['processor']}."
    )


def _speed(report: Mapping[str, Any]) -> str:
    speed = report["speed"]
    return f"Time per photo: {speed['seconds_per_photo'] * 1000:.0f} ms ({speed['what']}, {speed['dtype']})."
