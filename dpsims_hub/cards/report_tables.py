"""The tables of an evaluation report: distances, scores, diversity, brightness."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

DASH = "-"
INTERVALS = {"value": "interval", "kernel_distance": "kernel_interval"}
IMAGES = {"images": "images", "n": "n"}
DIVERSITY = {
    "lpips": ("LPIPS", ".3f"),
    "feature_distance": ("feature distance", ".3f"),
    "pixel_difference": ("pixel difference", ".3f"),
}
EXPOSURE = {
    "brightness": ("brightness", ".1f"),
    "brightness_deviation": ("its deviation", ".1f"),
    "white_share": ("white pixels", ".1%"),
    "black_share": ("black pixels", ".1%"),
}

Rows = list[tuple[str, ...]]
"""The cells of a table; the first row is its header."""


def report_tables(report: Mapping[str, Any], judge: str = "", classes: bool = False) -> list[Rows]:
    """The tables of a report; older reports lack some of them, and some of their columns.

    Args:
        report: the decoded JSON of `dpsims evaluate --output`.
        judge: the segmenter's name in the headers; by default its name in the report.
        classes: whether there is a table of the IoU of each class.

    Raises:
        KeyError, TypeError: the report lacks a part.
    """
    name = report["features"]["backbone"]
    tables = [_distances(report["distances"], f"FD-{name}", f"KD-{name}")]
    if inception := report.get("inception"):
        tables.append(_distances(inception["distances"], "FID", "KID"))
    if segmentation := report.get("segmentation"):
        rows = segmentation["rows"]
        tables.append(_scores(rows, "", judge or segmentation["segmenter"]["segmenter"]))
        tables += [_class_table(rows)] if classes else []
    tables.append(_table(report["diversity"], {"pairs": "pairs of photos", "n": "n"}, DIVERSITY))
    tables.append(_table(report.get("exposure") or (), IMAGES, EXPOSURE))
    tables.append(_scores(report["faithfulness"] or (), "probe_", "the pixel probe"))
    return [rows for rows in tables if len(rows) > 1]


def _distances(rows: Sequence[Mapping], frechet: str, kernel: str) -> Rows:
    measured = {"value": (frechet, ".4g"), "kernel_distance": (kernel, ".3g")}
    measured |= {key: (key, ".2f") for key in ("precision", "recall")}
    return _table(rows, IMAGES | {"against": "against", "n_against": "n"}, measured)


def _scores(rows: Sequence[Mapping], prefix: str, judge: str) -> Rows:
    titles = {"mean_iou": f"mIoU of {judge}", "pixel_accuracy": "its pixel accuracy"}
    return _table(rows, IMAGES, {f"{prefix}{key}": (title, ".1%") for key, title in titles.items()})


def _class_table(rows: Sequence[Mapping]) -> Rows:
    """The IoU of each class by the segmenter; one column for generated and one for real photos."""
    shown = [row for row in rows if row["images"] in ("generated photos", "real photos")]
    columns = [row["class_iou"] for row in shown]
    return [("IoU of the segmenter", *(row["images"] for row in shown))] + [
        (name, *(DASH if one[name] is None else format(one[name], ".1%") for one in columns))
        for name in columns[0]
    ]


def _table(
    rows: Sequence[Mapping], named: Mapping[str, str], measured: Mapping[str, tuple[str, str]]
) -> Rows:
    """Header and rows of a table.

    `named` holds the titles of text columns, `measured` the titles and number formats of columns of measured
    values, both by their key in `rows`. Measured columns that the first row lacks are left out.
    """
    measured = {key: value for key, value in measured.items() if rows and key in rows[0]}
    return [(*named.values(), *(title for title, _ in measured.values()))] + [
        (
            *(str(row[key]) for key in named),
            *(_value(row, key, style) for key, (_, style) in measured.items()),
        )
        for row in rows
    ]


def _value(row: Mapping[str, Any], key: str, style: str) -> str:
    """A number with its interval, if it has one."""
    if row[key] is None:
        return DASH
    value, ends = format(row[key], style), row.get(INTERVALS.get(key, f"{key}_interval"))
    return value if ends is None else f"{value} [{format(ends[0], style)}, {format(ends[1], style)}]"
