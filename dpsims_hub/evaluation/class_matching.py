"""Assignment of a segmenter's classes to ours: by name, by alias, or by a file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dpsims_hub.labels import ClassSpec
from dpsims_hub.storage.written_json import read_written_json

NOTHING = -1  # id outside our classes


@dataclass(frozen=True)
class ClassMatch:
    """A segmenter's classes and ours.

    Args:
        table: (M,) our id for each of its ids, `NOTHING` for a class that we do not have.
        how: how the classes were paired, for the report.
        spec: our classes.
    """

    table: np.ndarray
    how: str
    spec: ClassSpec

    @property
    def missing(self) -> tuple[int, ...]:
        """Ids of our classes that the segmenter does not have."""
        return tuple(c for c in range(self.spec.num_classes) if c not in self.table)

    def translate(self, predicted: np.ndarray) -> np.ndarray:
        """Our ids for the segmenter's; ids outside its table, such as "no object", become `NOTHING`."""
        inside = (predicted >= 0) & (predicted < len(self.table))
        return np.where(inside, self.table[np.where(inside, predicted, 0)], NOTHING)

    def visible(self, label_map: np.ndarray) -> np.ndarray:
        """The true map with the `missing` classes as unknown pixels."""
        return np.where(np.isin(label_map, self.missing), self.spec.ignore_index, label_map)


def match_classes(
    theirs: Mapping[int, str], spec: ClassSpec, chosen: Mapping[str, str | int | None] | None = None
) -> ClassMatch:
    """Finds our class for each class of a segmenter.

    Names are compared without letter case, spaces, hyphens and underscores. Of several synonyms ("car, auto")
    each is tried. Several of its classes may belong to one of ours. A segmenter with as many classes as we
    have, all with names like LABEL_0, is assumed to have our classes in our order.

    Args:
        theirs: its names by id, from 0 on; ids without a name get `NOTHING`.
        spec: our classes.
        chosen: our name or id, or None for no class, by its name or id; overrides matching by name.

    Raises:
        ValueError: no class matches, or `chosen` names a class that does not exist.
    """
    table = np.full(max(theirs, default=-1) + 1, NOTHING, dtype=np.int64)
    unnamed = all(re.fullmatch(r"LABEL_\d+", name) for name in theirs.values())
    if unnamed and len(theirs) == len(table) == spec.num_classes and not chosen:
        return ClassMatch(np.arange(len(theirs)), "by id: the segmenter does not name its classes", spec)
    ours = {_plain(alias): info.id for info in reversed(spec.classes) for alias in info.aliases}
    ours |= {_plain(info.name): info.id for info in spec.classes}
    for number, name in theirs.items():
        fits = [ours[_plain(one)] for one in (name, *re.split(r"[,;/]", name)) if _plain(one) in ours]
        table[number] = fits[0] if fits else NOTHING
    for key, value in (chosen or {}).items():
        table[_their_id(key, theirs)] = _our_id(value, spec)
    if (table == NOTHING).all():
        raise ValueError(
            f"the segmenter's classes ({_some(theirs.values())}) and those of {spec.name} "
            f"({_some(spec.names)}) have no name in common; pair them in a file and give it with "
            "--segmenter-map."
        )
    return ClassMatch(table, "by name and alias" + (", and a file" if chosen else ""), spec)


def read_choices(path: Path) -> dict[str, str | int | None]:
    """The content of a `--segmenter-map` file: {"its name or id": "our name or id", or null}.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file has any other content.
    """
    if not path.is_file():
        raise FileNotFoundError(f"--segmenter-map {path}: no such file.")
    choices = read_written_json(path, f"{path}:")
    if not isinstance(choices, dict) or not all(
        one is None or (isinstance(one, str | int) and not isinstance(one, bool)) for one in choices.values()
    ):
        raise ValueError(f'{path}: must hold pairs such as {{"asphalt": "road", "12": 3, "dog": null}}.')
    return choices


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "", name).casefold()


def _their_id(key: str, theirs: Mapping[int, str]) -> int:
    named = [number for number, name in theirs.items() if _plain(name) == _plain(key)]
    if named:
        return named[0]
    if key.isdecimal() and int(key) in theirs:
        return int(key)
    raise ValueError(f"--segmenter-map: the segmenter has no class {key!r}; it has {_some(theirs.values())}.")


def _our_id(value: str | int | None, spec: ClassSpec) -> int:
    if value is None:
        return NOTHING
    if isinstance(value, int) and 0 <= value < spec.num_classes:
        return value
    if (found := spec.find(str(value))) is None:
        raise ValueError(f"--segmenter-map: {spec.name} has no class {value!r}; it has {_some(spec.names)}.")
    return found


def _some(names) -> str:
    names = list(names)
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
