"""The numbers of a report of `dpsims evaluate`, by name: those of the model, and those of real photos."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_COUNTS = re.compile(r"n|n_.*|.*_n|count|pairs")
_GENERATED = re.compile(r"generated photos( of .*)?|\d+ generated photos.*")
_REAL = re.compile(r"real photos( of different label maps)?")
_LOWER_IS_BETTER = re.compile(r"^(FD-|FID|KID|KD-|.*[Ff]rechet|.*kernel)")


def measures_of(report: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of the model's own photos, by the name that tables give them.

    Args:
        report: of `dpsims evaluate`.
    """
    return {title: value for label, title, value in _cells(report) if _GENERATED.fullmatch(label)}


def real_of(report: Mapping[str, Any]) -> dict[str, float]:
    """The same of real photos, where the report has it: what could be reached at best.

    Args:
        report: of `dpsims evaluate`.
    """
    return {title: value for label, title, value in _cells(report) if _REAL.fullmatch(label)}


def is_lower_better(title: str) -> bool:
    """Whether a smaller number is the better one."""
    return bool(_LOWER_IS_BETTER.match(title))


def _cells(report: Mapping[str, Any]) -> Iterator[tuple[str, str, float]]:
    """(label of the row, title of the number, value) of every table of the report."""
    backbone = report.get("features", {}).get("backbone", "features")
    tables = (rows for rows in report.values() if isinstance(rows, list))
    for row in (row for rows in tables for row in rows if isinstance(row, Mapping)):
        label = next((text for text in row.values() if isinstance(text, str)), "")
        for name, cell in row.items():
            value = cell.get("value") if isinstance(cell, Mapping) else cell
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if is_number and not _COUNTS.fullmatch(name):
                yield label, f"FD-{backbone}" if name == "value" else name.replace("_", " "), float(value)
