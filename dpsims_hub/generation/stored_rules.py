"""The rule by which the files of a data set store class ids; its classes must be those of the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from dpsims_hub.generation.map_files import label_folder
from dpsims_hub.labels import ClassSpec
from dpsims_hub.storage.links import real_path


def reading_spec(paths: Sequence[Path], spec: ClassSpec, stored: bool) -> ClassSpec:
    """The model's classes, with the rule for stored values of the data set that the maps come from.

    A data set is a folder with `labels/`. Its classes.json lies in it or in its parent. For other paths the
    rule is that of the model. Without `stored` the files hold plain ids, and the result is `spec`.

    Raises:
        ValueError: a data set has other classes than the model, or two data sets have different rules.
    """
    rules = {}
    for folder in paths:
        file = _class_file(folder)
        if file is not None:
            rules[_matching_rule(file, folder, spec)] = file
    if len(rules) > 1 and stored:
        first, second = list(rules.values())[:2]
        raise ValueError(f"{first} and {second} store ids by different rules; call once for each data set.")
    return next(iter(rules), spec) if stored else spec


def _class_file(folder: Path) -> Path | None:
    """The classes.json of a data set; None for other folders and files."""
    if label_folder(folder) == folder:
        return None
    places = (folder / "classes.json", real_path(folder).parent / "classes.json")
    return next((place for place in places if place.is_file()), None)


def _matching_rule(file: Path, folder: Path, spec: ClassSpec) -> ClassSpec:
    """`spec` with the rule of a classes.json, which must list the same class names in the same order."""
    own = ClassSpec.load(file)
    wanted, given = ([name.casefold() for name in one.names] for one in (spec, own))
    if wanted != given:
        pairs = enumerate(zip(given, wanted, strict=False))
        others = (
            f"class {number} is {here!r}, not {there!r}" for number, (here, there) in pairs if here != there
        )
        which = next(others, f"{len(given)} classes, not {len(wanted)}")
        raise ValueError(
            f"{file}: lists other classes than the model ({which}); "
            f"give {label_folder(folder)} itself if its ids are the model's."
        )
    unknown = () if own.ignore_index in own.stored_values else (own.ignore_index,)
    return replace(
        spec,
        stored_values=own.stored_values,
        ignore_values=(*own.ignore_values, *unknown),
        instance_coding=own.instance_coding,
    )
