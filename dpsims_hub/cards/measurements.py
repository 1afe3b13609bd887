"""Measured values on a model card, from the report of `dpsims evaluate`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from huggingface_hub import EvalResult

GENERATED = "generated photos"  # their name in the report
INTERVALS = {"value": "interval", "kernel_distance": "kernel_interval"}


def evaluation_section(report: Mapping[str, Any]) -> str:
    """The tables of a report (the decoded JSON of `dpsims evaluate --output`), its methods and its notes.

    Raises:
        ValueError: the report lacks a part.
    """
    try:
        return "\n\n".join([_recipe(report), *_tables(report), _speed(report), _notes(report)])
    except (KeyError, TypeError) as error:
        raise _refusal(error) from error


def eval_results(report: Mapping[str, Any]) -> list[EvalResult]:
    """The values of the generated photos for the Hub's `model-index`; as of `evaluation_section`."""
    try:
        data, features = report["data"], report["features"]
        found = _metrics(report, f"FD-{features['backbone']}", f"KD-{features['backbone']}")
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


def _metrics(report: Mapping[str, Any], frechet: str, kernel: str) -> list[tuple[str, str, float]]:
    """Type, name and value of each number of the generated photos; older reports lack some."""
    inception = (report.get("inception") or {}).get("distances", ())
    segmenter = report.get("segmentation") or {"segmenter": {"segmenter": ""}, "rows": ()}
    judge = segmenter["segmenter"]["segmenter"]
    sources = (
        (
            report["distances"],
            {"value": ("frechet-distance", frechet), "kernel_distance": ("kernel-distance", kernel)},
        ),
        (inception, {"value": ("fid", "FID"), "kernel_distance": ("kid", "KID")}),
        (
            segmenter["rows"],
            {
                "mean_iou": ("mean_iou", f"mIoU of {judge}"),
                "pixel_accuracy": ("accuracy", f"pixel accuracy of {judge}"),
            },
        ),
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
    return (
        f"Measured by `dpsims evaluate` on {report['data']['pairs']} pairs of {report['data']['name']} at "
        f"{size['width']}x{size['height']}, seed {report['seed']}. Real photos: "
        f"{report['resizing']['real photos']}; label maps: {report['resizing']['label maps']}. "
        f"Features: {features['backbone']} ({features['weights']}). Machine: {machine['device']}, "
        f"{machine['processor']}."
    )


def _tables(report: Mapping[str, Any]) -> list[str]:
    """Distances, scores of a segmenter, diversity, the probe; older reports lack some of them."""
    name = report["features"]["backbone"]
    tables = [_distances(report["distances"], f"FD-{name}", f"KD-{name}")]
    if inception := report.get("inception"):
        tables.append(_distances(inception["distances"], "FID", "KID"))
    if segmentation := report.get("segmentation"):
        tables.append(_scores(segmentation["rows"], "", segmentation["segmenter"]["segmenter"]))
    tables.append(_diversity(report["diversity"]))
    tables.append(_scores(report["faithfulness"] or (), "probe_", "the pixel probe"))
    return [table(rows) for rows in tables if len(rows) > 1]


def _distances(rows: Sequence[Mapping[str, Any]], frechet: str, kernel: str) -> list[tuple[str, ...]]:
    titles = {"value": frechet, "kernel_distance": kernel, "precision": "precision", "recall": "recall"}
    named = {"images": "images", "n": "n", "against": "against", "n_against": "n"}
    return _rows(rows, named, {key: title for key, title in titles.items() if key in rows[0]}, ".3g")


def _diversity(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    titles = {
        "lpips": "LPIPS",
        "feature_distance": "feature distance",
        "pixel_difference": "pixel difference",
    }
    titles = {key: title for key, title in titles.items() if rows and key in rows[0]}
    return _rows(rows, {"pairs": "pairs of photos", "n": "n"}, titles, ".3f")


def _scores(rows: Sequence[Mapping[str, Any]], prefix: str, judge: str) -> list[tuple[str, ...]]:
    titles = {f"{prefix}mean_iou": f"mIoU of {judge}", f"{prefix}pixel_accuracy": "its pixel accuracy"}
    return _rows(rows, {"images": "images", "n": "n"}, titles, ".1%")


def _rows(
    rows: Sequence[Mapping[str, Any]], named: Mapping[str, str], measured: Mapping[str, str], style: str
) -> list[tuple[str, ...]]:
    """Header and rows of a table, from titles by key; measured values have their intervals."""
    return [(*named.values(), *measured.values())] + [
        (*(str(row[key]) for key in named), *(_value(row, key, style) for key in measured)) for row in rows
    ]


def _value(row: Mapping[str, Any], key: str, style: str) -> str:
    """A number with its interval, if it has one."""
    if row[key] is None:
        return "-"
    style = ".4g" if key == "value" else style
    value, ends = format(row[key], style), row.get(INTERVALS.get(key, f"{key}_interval"))
    return value if ends is None else f"{value} [{format(ends[0], style)}, {format(ends[1], style)}]"


def _speed(report: Mapping[str, Any]) -> str:
    speed = report["speed"]
    return f"Time per photo: {speed['seconds_per_photo'] * 1000:.0f} ms ({speed['what']}, {speed['dtype']})."


def _notes(report: Mapping[str, Any]) -> str:
    return "\n".join(f"- {note}" for note in report["notes"])
