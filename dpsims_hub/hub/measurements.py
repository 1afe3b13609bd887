"""Measured values on a model card: read from the report of `dpsims evaluate`, never typed in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from huggingface_hub import EvalResult

GENERATED = "generated photos"  # what the report calls them


def evaluation_section(report: Mapping[str, Any]) -> str:
    """The tables of a report, how they were measured, and what a reader must know to read them rightly.

    Args:
        report: The decoded JSON of `dpsims evaluate --output`.

    Raises:
        ValueError: The report lacks a part.
    """
    try:
        return "\n\n".join([_recipe(report), *_tables(report), _speed(report), _notes(report)])
    except (KeyError, TypeError) as error:
        raise _refusal(error) from error


def eval_results(report: Mapping[str, Any]) -> list[EvalResult]:
    """The values of the generated photos, as the Hub's `model-index` wants them.

    Args:
        report: As of `evaluation_section`.

    Raises:
        ValueError: The report lacks a part.
    """
    try:
        data, features = report["data"], report["features"]
        found = [
            ("frechet-distance", f"FD-{features['backbone']}", row["value"])
            for row in report["distances"]
            if row["images"] == GENERATED
        ]
        found += [
            ("mean_iou", "mIoU of the pixel probe", row["probe_mean_iou"])
            for row in report["faithfulness"] or ()
            if row["images"] == GENERATED
        ]
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
    return (
        f"Measured by `dpsims evaluate` on {report['data']['pairs']} pairs of {report['data']['name']} at "
        f"{size['width']}x{size['height']}, seed {report['seed']}. Real photos: "
        f"{report['resizing']['real photos']}; label maps: {report['resizing']['label maps']}. "
        f"Features: {features['backbone']} ({features['weights']}). Machine: {machine['device']}, "
        f"{machine['processor']}."
    )


def _tables(report: Mapping[str, Any]) -> list[str]:
    distances = [("images", "n", "against", "n", f"FD-{report['features']['backbone']}")] + [
        (row["images"], str(row["n"]), row["against"], str(row["n_against"]), f"{row['value']:.4g}")
        for row in report["distances"]
    ]
    diversity = [("pairs of photos", "n", "feature distance", "pixel difference")] + [
        (row["pairs"], str(row["n"]), f"{row['feature_distance']:.3f}", f"{row['pixel_difference']:.3f}")
        for row in report["diversity"]
    ]
    probe = [("images", "n", "mIoU of the pixel probe", "its pixel accuracy")] + [
        (row["images"], str(row["n"]), f"{row['probe_mean_iou']:.1%}", f"{row['probe_pixel_accuracy']:.1%}")
        for row in report["faithfulness"] or ()
    ]
    return [table(rows) for rows in (distances, diversity, probe) if len(rows) > 1]


def _speed(report: Mapping[str, Any]) -> str:
    speed = report["speed"]
    return f"Time per photo: {speed['seconds_per_photo'] * 1000:.0f} ms ({speed['what']}, {speed['dtype']})."


def _notes(report: Mapping[str, Any]) -> str:
    return "\n".join(f"- {note}" for note in report["notes"])
