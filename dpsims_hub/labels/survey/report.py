"""The result of a survey as JSON-safe facts, and as text."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from dpsims_hub.labels.survey.advice import advice
from dpsims_hub.labels.survey.faults import COLUMNS
from dpsims_hub.labels.survey.survey import FAULT_KINDS, Survey

LINE = 110
HANGING = {"subsequent_indent": "  ", "break_long_words": False, "break_on_hyphens": False}
SHOWN_SIZES, SHOWN_FAULTS = 5, 10
KIND_TITLES = {
    "unpaired": "files without a partner",
    "unreadable": "unreadable files",
    "ids": "maps with ids out of range",
    "format": "files that cannot be a photo, a map or object numbers",
    "size": "pairs of different size",
}


def survey_facts(
    survey: Survey, source: str, warned: Mapping[str, int] = MappingProxyType({})
) -> dict[str, Any]:
    """Return the result of a survey of the data `source` as JSON-safe values.

    Shares of pixels are relative to all pixels of the good pairs, unknown ones included; shares of photos are
    relative to the good pairs. `warned` counts the warnings of reading by their text.
    """
    spec, read = survey.spec, survey.num_pairs
    present = [info for info in spec.classes if survey.pixels[info.id]]
    facts = {
        "source": source,
        "classes": {"name": spec.name, "num_classes": spec.num_classes, "ignore_index": spec.ignore_index},
        "pairs": {"read": read, "good": survey.num_good, "bad": read - survey.num_good},
        "sizes": _size_facts(survey.sizes),
        "formats": {column: dict(survey.kinds[column].most_common()) for column in COLUMNS},
        "present": sorted(
            ({"id": info.id, "name": info.name} | _count_facts(survey, info.id) for info in present),
            key=lambda entry: -entry["pixels"],
        ),
        "never_seen": [info.name for info in spec.classes if not survey.pixels[info.id]],
        "unknown": _count_facts(survey, -1)
        | {"maps_all_unknown": survey.num_all_unknown, "all_unknown": survey.all_unknown},
        "turned_photos": dict(survey.turned.most_common()),
        "other_palettes": survey.num_other_palettes,
        "only_0_and_255": survey.masks.hold_0_and_255(),
        "mixed_masks": survey.masks.mixture(),
        "class_255_in_8_bits": survey.masks.class_255(),
        "objects": survey.num_objects if survey.kinds["instances"] or spec.instance_coding else None,
        "num_errors": sum(survey.num_faults.values()),
        "errors": {
            kind: {
                "count": survey.num_faults[kind],
                "remedies": dict(survey.remedies[kind]),
                "listed": [_fault_facts(fault) for fault in survey.faults[kind]],
            }
            for kind in FAULT_KINDS
        },
    }
    has_things = any(info.kind == "thing" for info in spec.classes)
    return facts | {"advice": advice(facts, has_things=has_things, warned=warned)}


def format_survey(facts: dict[str, Any]) -> str:
    """Return the facts of `survey_facts` as text: counts, a table of the classes, errors and advice."""
    parts = [_head(facts), _class_table(facts)]
    if facts["never_seen"]:
        names = ", ".join(facts["never_seen"])
        parts.append(textwrap.wrap(f"never seen ({len(facts['never_seen'])}): {names}", LINE, **HANGING))
    parts += [_error_lines(kind, errors) for kind, errors in facts["errors"].items() if errors["count"]]
    count = facts["num_errors"]
    parts.append([f"errors: {count}" if count else "no errors"])
    if facts["advice"]:
        parts.append(["what to do, the worst first:"])
    for number, sentence in enumerate(facts["advice"], 1):
        parts[-1] += textwrap.wrap(f"{number}. {sentence}", LINE, **HANGING)
    return "\n\n".join("\n".join(lines) for lines in parts if lines)


def _size_facts(sizes: Counter[tuple[int, int]]) -> dict[str, Any]:
    if not sizes:
        return {"distinct": 0, "counts": []}
    by_area = sorted(sizes, key=lambda size: (size[0] * size[1], size))
    return {
        "distinct": len(sizes),
        "smallest": _size(by_area[0]),
        "largest": _size(by_area[-1]),
        "counts": [_size(size) | {"photos": count} for size, count in sizes.most_common(100)],
    }


def _size(size: tuple[int, int]) -> dict[str, int]:
    return {"width": size[1], "height": size[0]}


def _count_facts(survey: Survey, place: int) -> dict[str, Any]:
    """Return pixels and photos of one class; place -1 is unknown."""
    pixels, photos = int(survey.pixels[place]), int(survey.photos[place])
    return {
        "pixels": pixels,
        "share": pixels / max(int(survey.pixels.sum()), 1),
        "photos": photos,
        "photo_share": photos / max(survey.num_good, 1),
    }


def _fault_facts(fault: Any) -> dict[str, Any]:
    facts = {"name": fault.name, "message": fault.message}
    return facts | {"value": fault.value, "pixels": fault.pixels} if fault.kind == "ids" else facts


def _head(facts: dict[str, Any]) -> list[str]:
    pairs, classes = facts["pairs"], facts["classes"]
    rows = {
        "data": facts["source"],
        "classes": f"{classes['name']}, N = {classes['num_classes']}, {classes['ignore_index']} = unknown",
        "pairs": f"{pairs['read']} read, {pairs['good']} good, {pairs['bad']} bad",
        "sizes": _sizes_text(facts["sizes"]),
    }
    for column, kinds in facts["formats"].items():
        if kinds:
            rows[f"{column} files"] = ", ".join(f"{kind} x {count}" for kind, count in kinds.items())
    if facts["objects"] is not None:
        rows["objects"] = f"{facts['objects']} of thing classes"
    width = max(map(len, rows)) + 2
    return [f"{name:<{width}}{text}" for name, text in rows.items()]


def _sizes_text(sizes: dict[str, Any]) -> str:
    if not sizes["distinct"]:
        return "none"
    most = ", ".join(f"{_text(size)} x {size['photos']}" for size in sizes["counts"][:SHOWN_SIZES])
    if sizes["distinct"] == 1:
        return most
    more = f", ... ({sizes['distinct']} different)" if sizes["distinct"] > SHOWN_SIZES else ""
    return f"{most}{more}; smallest {_text(sizes['smallest'])}, largest {_text(sizes['largest'])}"


def _text(size: dict[str, int]) -> str:
    return f"{size['width']}x{size['height']}"


def _class_table(facts: dict[str, Any]) -> list[str]:
    """Return a heading, a row for each class that has pixels, and a row for unknown."""
    if not facts["pairs"]["good"]:
        return []
    unknown = {"id": facts["classes"]["ignore_index"], "name": "(unknown)"} | facts["unknown"]
    width = max(len(entry["name"]) for entry in (*facts["present"], unknown)) + 2
    lines = [f"{'id':>5}  {'class':<{width}}{'pixels':>9}{'photos':>9}{'in photos':>11}"]
    lines += [
        f"{entry['id']:>5}  {entry['name']:<{width}}{_share(entry['share']):>9}{entry['photos']:>9}"
        f"{entry['photo_share']:>11.1%}"
        for entry in (*facts["present"], unknown)
    ]
    return lines


def _share(share: float) -> str:
    return "< 0.01%" if 0 < share < 1e-4 else f"{share:.2%}"


def _error_lines(kind: str, errors: dict[str, Any]) -> list[str]:
    shown = errors["listed"][:SHOWN_FAULTS]
    more = errors["count"] - len(shown)
    rest = [f"  ... and {more} more (--json lists up to {len(errors['listed'])})"] if more else []
    lines = [fault["message"].replace("\n", " ") for fault in shown]  # file names may contain line breaks
    return [f"{KIND_TITLES[kind]}: {errors['count']}", *(f"  {line}" for line in lines), *rest]
