"""The numbers in a report of `dpsims evaluate` by name: those of generated and those of real photos."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_TABLES = {
    ("distances",): {
        "value": "FD-{backbone}",
        "kernel_distance": "KD-{backbone}",
        "precision": "precision{of}",
        "recall": "recall{of}",
    },
    ("inception", "distances"): {"value": "FID", "kernel_distance": "KID"},
    ("segmentation", "rows"): {"mean_iou": "mIoU", "pixel_accuracy": "pixel accuracy"},
    ("diversity",): {
        "lpips": "LPIPS",
        "feature_distance": "feature distance{of}",
        "pixel_difference": "pixel difference",
    },
    ("faithfulness",): {"probe_mean_iou": "probe mIoU", "probe_pixel_accuracy": "probe accuracy"},
}
"""Titles of the numbers in a report's tables, by the keys of the table and of the number."""

_GENERATED = re.compile(r"generated photos|\d+ generated photos of one label map")
_REAL = re.compile(
    r"real photos|real training photos|as many real training photos.*|real photos of different label maps"
)
_LOWER_IS_BETTER = re.compile(r"FD-.*|KD-.*|FID|KID")


def measures_of(report: Mapping[str, Any], several: bool = False) -> dict[str, float]:
    """The numbers of generated photos by title; an empty report has none.

    `several`: the reports of a study differ in the backbone, so all titles of measures on features name it.
    """
    return {title: value for label, title, value in _cells(report, several) if _GENERATED.fullmatch(label)}


def real_of(report: Mapping[str, Any], several: bool = False) -> dict[str, float]:
    """The numbers of real photos by title; for distances those of real training photos.

    If there is a row of as many training photos as evaluated ones, it replaces that of all training photos.
    """
    return {title: value for label, title, value in _cells(report, several) if _REAL.fullmatch(label)}


def backbone_of(report: Mapping[str, Any]) -> str:
    """Name of the backbone whose features are measured."""
    return (report.get("features") or {}).get("backbone", "features")


def is_lower_better(title: str) -> bool:
    """Whether a smaller number is the better one."""
    return bool(_LOWER_IS_BETTER.fullmatch(title))


def _cells(report: Mapping[str, Any], several: bool) -> Iterator[tuple[str, str, float]]:
    """(label of the row, title, value) of every number in a report."""
    backbone = backbone_of(report)
    of = f" ({backbone})" if several else ""
    for path, names in _TABLES.items():
        rows: Any = report
        for key in path:
            rows = (rows or {}).get(key)
        for row in rows or ():
            label = row.get("images") or row.get("pairs") or ""
            for key, name in names.items():
                if row.get(key) is not None:
                    yield label, name.format(backbone=backbone, of=of), float(row[key])
