"""The tables of docs/experiments.md are those of the kept results, computed anew by scipy."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

DOCS = Path(__file__).resolve().parents[2] / "docs"
STUDIES = [path.stem for path in sorted((DOCS / "studies").glob("*.json"))]


def table_of(study: str) -> tuple[list[str], list[list[str]]]:
    """The measures and the cells of the table in the section of a study, without the first column."""
    text = (DOCS / "experiments.md").read_text()
    section = re.split(r"^## ", text[text.index(f"study `{study}`") :], flags=re.MULTILINE)[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    head, *rows = [[cell.strip() for cell in line.split("|")[2:-1]] for line in lines]
    return [name.replace("distance of photos of a map", "feature distance") for name in head], rows


def says(cell: str, values: list[float]) -> bool:
    """Whether "mean ± half" is the mean of the values and half its 95 % interval, to the last digit given."""
    numbers = re.findall(r"-?\d+\.?\d*", cell)
    half = stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)
    expected = (np.mean(values), half)
    steps = [10.0 ** -len(number.partition(".")[2]) for number in numbers]
    close = [
        abs(float(n) - e) <= 0.51 * s + 1e-4 * abs(e)
        for n, e, s in zip(numbers, expected, steps, strict=False)
    ]
    return len(numbers) == 2 and all(close)


def has_row(columns: list[str], rows: list[list[str]], measures: dict) -> bool:
    """Whether a row has these measures; a measure in features of another network has an empty cell."""
    values = [measures.get(name, {}).get("values") for name in columns]
    return any(
        all(says(cell, row) if row else cell == "" for cell, row in zip(cells, values, strict=True))
        for cells in rows
    )


@pytest.mark.parametrize("study", STUDIES)
def test_every_arm_has_a_row_with_its_numbers(study):
    result = json.loads((DOCS / "studies" / f"{study}.json").read_text())
    columns, rows = table_of(study)
    assert "mIoU" in columns
    assert any(name.startswith("feature distance") for name in columns)
    assert len(result["arms"]) > 1
    for name, arm in result["arms"].items():
        assert has_row(columns, rows, arm["measures"]), name
    changes = [arm["minus_reference"] for arm in result["arms"].values() if arm["minus_reference"]]
    shown = [row for row in rows if row[0][0] in "+-"]
    assert shown
    for row in shown:
        assert any(has_row(columns, [row], change) for change in changes), row
    real = [result["real_photos"][name] for name in columns]
    (shown,) = [row for row in rows if "training photos" in row[2]]
    numbers = [float(re.match(r"[\d.]+", cell)[0]) for cell in shown]
    np.testing.assert_allclose(numbers, real, rtol=2e-3)


@pytest.mark.parametrize("study", STUDIES)
def test_the_judge_is_on_record_and_no_place_of_a_machine(study):
    text = (DOCS / "studies" / f"{study}.json").read_text()
    recipe = json.loads(text)["recipe"]
    assert re.fullmatch(r"[0-9a-f]{64}", recipe["segmenter"]["weights_sha256"])
    assert recipe["data"]["pairs"] == 101
    assert not re.search(r'"/\w|/home/|/tmp/', text)
