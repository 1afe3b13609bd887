"""Class lists as text: one name per line, or CVAT's labelmap.txt.

A missing or split name shifts all ids after it. So every line that may not be a single name is refused with
its number: comments or names that begin with #, numbers, several names, headings.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple
from unicodedata import category

from dpsims_hub.labels.classes.errors import ClassSpecError

NAMES_AS_JSON = 'write the names as a JSON list in the order of the ids, ["road", "sky"]'
LABELMAP_LINE = re.compile(r"([^:]+):(\d+),(\d+),(\d+):[^:]*:[^:]*")
UNKNOWN = "__ignore__"  # of Labelme
NUMBER_FIRST = re.compile(r"(0x[\da-f]+|\d+)(?:\s*[^\w\s]|\s)", re.IGNORECASE)
NUMBER_LAST = re.compile(r"(.*?\S)[\W_]*?(\d+)\W*")
HEADINGS = (
    *("id", "name", "names", "class", "classes", "class name", "class names"),
    *("label", "labels", "label name", "category", "categories"),
)
FAULTS = (
    (re.compile(r".*[\x00-\x08\x0b-\x1f\x7f\ufeff].*"), "has a control character"),
    (re.compile(r"\d+"), "is a number, not a name"),
    (re.compile(r".*(?:[\t;|]|\s\s).*"), "holds more than one name"),
    (re.compile(r".*[,:=]"), "ends in a sign that is no part of a name"),
    (re.compile(r".*(?:[-=]>|[=:])\s*\d+"), "has a number beside the name"),
    (re.compile(r".*\s(?:#|//).*"), "may hold a comment"),
    (re.compile(r"(?:.*\D)?\d+(?:[\s,]+\d+){2}(?:\D.*)?"), "has a colour beside the name"),
)
"""Faults of a single line; the first match is reported."""


class Line(NamedTuple):
    """A line that is not empty, and its number in the file."""

    number: int
    text: str


def classes_of_lines(text: str, path: Path) -> list[Any]:
    """Return the names, or the entries of a labelmap.txt, of a text with one class per line.

    `path` is the name of the file in messages.

    Raises:
        ClassSpecError: If a line may be something other than one name.
    """
    lines = [Line(number, line.strip()) for number, line in enumerate(re.split(r"\r\n|\r|\n", text), start=1)]
    lines = _without_comments([line for line in lines if line.text], path)
    lines = lines[1:] if lines and lines[0].text == UNKNOWN else lines
    rows = [LABELMAP_LINE.fullmatch(line.text) for line in lines]
    if lines and all(rows):
        return [{"name": row[1], "rgb": [int(value) for value in row.groups()[1:]]} for row in rows if row]
    if any(rows):
        raise _refusal(path, lines[rows.index(None)], "is not NAME:RED,GREEN,BLUE:: as others")
    for line in lines:
        if line.text == UNKNOWN:
            raise ClassSpecError(f"{path}: __ignore__ must be the first line, as Labelme writes it.")
        if reason := _fault(line.text):
            raise _refusal(path, line, reason)
    if lines and lines[0].text.casefold().replace("_", " ") in HEADINGS:
        raise _refusal(path, lines[0], "may be a heading, which would be class 0")
    if len(lines) == 1 and re.search(r"[\s,/]", lines[0].text):
        raise _refusal(path, lines[0], "is the only one, and may be one name or several")
    if (numbered := _numbered(lines)) is not None:
        raise _refusal(path, numbered, "has a number beside the name")
    return [line.text for line in lines]


def _refusal(path: Path, line: Line, reason: str) -> ClassSpecError:
    return ClassSpecError(f"{path}: line {line.number} ({line.text[:40]!r}) {reason}; {NAMES_AS_JSON}.")


def _without_comments(lines: Sequence[Line], path: Path) -> list[Line]:
    """Return the lines without comments; refuse those that may be classes.

    A comment is # with white space after it. Below the first name it must not begin with a number.
    """
    kept: list[Line] = []
    for line in lines:
        if not line.text.startswith("#"):
            kept.append(line)
            continue
        words = line.text.lstrip("#")
        if words[:1].strip() or kept and words.strip()[:1].isdigit():
            raise _refusal(path, line, "may be a comment or a class, which moves all ids after it")
    return kept


def _fault(text: str) -> str:
    """Return why a line is not one name; "" if it may be one."""
    if reason := next((reason for form, reason in FAULTS if form.fullmatch(text)), ""):
        return reason
    first = text[0]
    if not first.isalnum() and first != "_" and (first.isascii() or category(first).startswith("P")):
        return f"begins with {first}, which is no part of a name"
    return ""


def _numbered(lines: Sequence[Line]) -> Line | None:
    """Return the first line with a number beside its name, if these numbers count the classes."""
    first = [NUMBER_FIRST.match(line.text) for line in lines]
    values = [int(row[1], 0 if "x" in row[1].lower() else 10) if row else None for row in first]
    counted = [line for place, line in enumerate(lines) if values[place] in (place, place + 1)]
    numbered = [line for line, value in zip(lines, values, strict=True) if value is not None]
    if counted or numbered and len(numbered) in (len(lines), max(2, len(lines) - 1)):
        return (counted or numbered)[0]
    rows = [NUMBER_LAST.fullmatch(line.text) for line in lines]
    places = [place for place, row in enumerate(rows) if row]
    names, last = {row[1] for row in rows if row}, [int(row[2]) for row in rows if row]
    if len(names) < 2:  # "zone 1", "zone 2" are names
        return None
    in_order = any(last == [place + start for place in places] for start in (0, 1))
    permuted = len(last) == len(lines) and sorted(last) == list(range(min(last), min(last) + len(last)))
    return lines[places[0]] if in_order or permuted else None
