"""The error for a map whose values are not class ids, with the likely cause."""

from __future__ import annotations

import numpy as np

from dpsims_hub.labels.classes.errors import LabelMapError
from dpsims_hub.labels.classes.instance_codes import CODINGS, RULE, coding_hint
from dpsims_hub.labels.classes.spec import ClassSpec

MANY = 24  # distinct wrong values above which a photo is likely; our choice

TO_GREY = "colours turned to grey"
SMOOTHED = "greys between black and white"
REMEDIES = {RULE: "code", TO_GREY: "export", SMOOTHED: "export"}
"""`LabelMapError.remedy` by words of the cause."""


def wrong_ids(
    values: np.ndarray, wrong: np.ndarray, spec: ClassSpec, stored: bool, where: str
) -> LabelMapError:
    """Return the error with the map's name, the most frequent wrong value, N and the likely cause.

    `values` are the numbers (H, W), any integer type. `wrong` is the mask of the invalid ones, at least one.
    `stored` means that the numbers were read by the stored-value rule; `where` is the map's name in messages.
    """
    found, counts = np.unique(values[wrong], return_counts=True)
    top = int(found[counts.argmax()])
    others = f" and {len(found) - 1} other such value(s)" if len(found) > 1 else ""
    kind, valid = ("stored values", spec.stored_values) if stored else ("ids", range(spec.num_classes))
    cause = _likely_cause(np.unique(values), found, spec, stored)
    return LabelMapError(
        f"{where}: value {top} on {counts.max()} of {values.size} px{others} is no class of {spec.name} "
        f"(N = {spec.num_classes}, {kind} {min(valid)}..{max(valid)}, {spec.ignore_index} = unknown): "
        f"{cause}.",
        next((remedy for words, remedy in REMEDIES.items() if words in cause), "ids"),
    )


def _likely_cause(present: np.ndarray, found: np.ndarray, spec: ClassSpec, stored: bool) -> str:
    """Return the first cause that fits the values `present` in the map and the wrong ones, `found`."""
    lowest, highest, count = int(present[0]), int(present[-1]), spec.num_classes
    only_top = len(found) == 1 and highest == int(found[0])
    if lowest < 0:
        return f"ids cannot be negative, so write {spec.ignore_index} for unknown"
    in_files = {*spec.stored_values, *spec.ignore_values, spec.ignore_index}
    if not stored and not spec.stores_ids and set(present.tolist()) <= in_files:
        return (
            f"these are the values of the data set's own files ({_rule(spec)}), so read it with stored=True"
        )
    if only_top and highest in (255, 65535):
        offset = '"offset": 0, ' if spec.stores_ids and not spec.ignore_values else ""
        rule = f'"stored": {{{offset}"ignore_values": [{highest}]}} into the classes.json'
        rule = f", so write {rule}" if stored else ""
        return f"{highest} often means unknown, but here unknown is {spec.ignore_index}{rule}"
    if len(present) > 1 and set(present.tolist()) <= _greys(spec):
        return f"these are the palette's {TO_GREY}, so give the colour map itself or the ids"
    plus_one = '"stored": {"offset": 1, "ignore_values": [0]} into the classes.json'
    if only_top and highest == count and lowest >= 1:
        return (
            "the ids seem to be stored as id + 1, so subtract 1 from each "
            f"and write {spec.ignore_index} where 0 meant unknown" + f", or write {plus_one}" * stored
        )
    if only_top and highest == count:
        rule = f"; if files store id + 1 and 0 for unknown, write {plus_one}" if stored else ""
        return f"ids are counted from 0, so value {count} would be class {count + 1} of {count}{rule}"
    if stored and spec.stored_values == (0, 255) and found.tolist() == [1]:
        return "the second class is stored as 255, and this file has 1 for it: write 255 instead"
    if count <= 2 and {0, 255} <= set(present.tolist()) and len(found) > 1:
        return f"these are {SMOOTHED}, as of a smoothed or resized mask, so make it without smoothing"
    if step := _step(present, spec):
        values = [number * step for number in range(count)]
        unknown = spec.ignore_index * step
        more = f', "ignore_values": [{unknown}]' if highest == unknown else ""
        rule = f', or write "stored": {{"values": {values}{more}}} into the classes.json' if stored else ""
        return f"these are ids times {step}, stretched to be seen, so divide them by {step}{rule}"
    known = spec.id_table(stored=stored) >= 0
    swapped = (present.astype(np.int64) & 255) << 8 | present.astype(np.int64) >> 8
    if count > 256 and highest < len(known) and known[swapped].all():  # else class*256+n fits as well
        return "with the two bytes of each number exchanged all are classes, so write them in the other order"
    if hint := coding_hint(present, spec.id_table(stored=True) >= 0):
        return hint
    if len(found) >= MANY:
        return f"so many values look like a photo or {TO_GREY}, so give the map of class ids"
    return "give only the values above, or add the missing classes to the class list"


def _step(present: np.ndarray, spec: ClassSpec) -> int:
    """Return the factor of multiplied ids, if two or more show it; else 0."""
    step = int(np.gcd.reduce(present.astype(np.int64)))
    is_code = step in {factor for factor, _ in CODINGS.values()}
    if step < 2 or is_code or np.count_nonzero(present) < 2 or not spec.stores_ids:
        return 0
    ids = present // step
    return step if ((ids < spec.num_classes) | (ids == spec.ignore_index)).all() else 0


def _rule(spec: ClassSpec) -> str:
    first = spec.stored_values[0]
    if spec.stored_values == tuple(range(first, first + spec.num_classes)):
        return f"id + {first}"
    return f"numbered {first}..{max(spec.stored_values)} with gaps"


def _greys(spec: ClassSpec) -> set[int]:
    """Return the luminances of all palette colours, rounded as Pillow's convert("L") does (ITU-R 601-2)."""
    colours = np.array([*spec.palette.tolist(), spec.ignore_rgb, *spec.extra_ignore_rgbs], dtype=np.int64)
    return set(((colours @ [19595, 38470, 7471] + 0x8000) >> 16).tolist())
