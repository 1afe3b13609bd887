"""Faults of a pair that cannot be read, found by reading each of its files alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

import numpy as np
from PIL import ImageOps

from dpsims_hub.labels.classes.errors import LabelMapError
from dpsims_hub.labels.classes.instance_codes import classes_of_numbers
from dpsims_hub.labels.classes.spec import ClassSpec
from dpsims_hub.labels.reading.exact_pixels import NUMBER_MODES, exact_pixels
from dpsims_hub.labels.reading.image_files import decode
from dpsims_hub.labels.reading.label_map import read_label_map
from dpsims_hub.labels.reading.samples import Part

COLUMNS = ("photo", "label", "instances")


class Fault(NamedTuple):
    """One fault.

    `kind` is "unpaired" (a file without a partner), "unreadable" (missing, damaged, no image), "ids" (values
    that are no class), "format" (not usable as photo, map or object numbers) or "size" (photo and map
    differ). For "ids", `value` is the most frequent wrong value, which `pixels` pixels have. `remedy` is that
    of `LabelMapError`.
    """

    kind: str
    name: str
    message: str
    value: int | None = None
    pixels: int | None = None
    remedy: str = ""


class PairParts(NamedTuple):
    """The name of a pair, and a call for each column that opens its undecoded image anew."""

    name: str
    openers: dict[str, Callable[[], Part]]


def find_faults(parts: PairParts, spec: ClassSpec, error: Exception) -> tuple[Fault, ...]:
    """Return the faults of the files of an unreadable pair, or of the pair as a whole.

    `error` is what reading the pair raised; it is the fault if every file alone is valid.
    """
    calls = parts.openers
    damaged = {column: _damage(call, parts.name) for column, call in calls.items()}
    faults = [fault for fault in damaged.values() if fault is not None]
    if damaged["label"] is None and (fault := _label_fault(calls["label"], spec)) is not None:
        faults.append(fault)
    if not faults:
        kind = "size" if len({_upright_size(call) for call in calls.values()}) > 1 else "format"
        faults.append(Fault(kind, parts.name, str(error), remedy=getattr(error, "remedy", "")))
    return tuple(faults)


def _damage(call: Callable[[], Part], name: str) -> Fault | None:
    """Return the fault of a file that cannot be opened or decoded."""
    try:
        with call() as part:
            decode(*part)
    except LabelMapError as error:
        return Fault("unreadable", str(error).partition(": ")[0], str(error), remedy=error.remedy)
    except OSError as error:
        where = str(error.filename or str(error).partition(": ")[0] or name)
        reason = error.strerror or str(error).removeprefix(f"{where}: ").rstrip(".")
        return Fault("unreadable", where, f"{where}: cannot be read ({reason}).")
    return None


def _label_fault(call: Callable[[], Part], spec: ClassSpec) -> Fault | None:
    """Return the fault of a decodable map: wrong ids, or no map of ids."""
    with call() as part, call() as undecoded:
        try:
            read_label_map(part.image, spec, stored=True, name=part.name)
        except LabelMapError as error:
            is_number = undecoded.image.mode in NUMBER_MODES
            wrong = _wrong_values(undecoded, spec) if is_number else Counter()
            if not wrong:
                return Fault("format", part.name, str(error), remedy=error.remedy)
            value, pixels = wrong.most_common(1)[0]
            return Fault("ids", part.name, str(error), value, pixels, error.remedy)
    return None


def _wrong_values(part: Part, spec: ClassSpec) -> Counter[int]:
    """Return the pixels of each value that is no class; empty if the numbers cannot be read."""
    wrong: Counter[int] = Counter()
    with suppress(LabelMapError):
        numbers = exact_pixels(part.image, part.name)
        if spec.instance_coding:
            numbers = classes_of_numbers(numbers, spec.instance_coding, part.name)
        values, counts = np.unique(numbers.astype(np.int64), return_counts=True)  # 1-bit maps are booleans
        table = spec.id_table(stored=True)
        for value, count in zip(values.tolist(), counts.tolist(), strict=True):
            if not 0 <= value < len(table) or table[value] < 0:
                wrong[value] = count
    return wrong


def _upright_size(call: Callable[[], Part]) -> tuple[int, int]:
    with call().image as image:
        return ImageOps.exif_transpose(image).size
