"""`ClassSpec`: names and colours of the ids of a label map, and the values that files store for them."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from dpsims_hub.labels.classes.class_file import MAX_CLASSES, ClassInfo, Rgb, parse_class_file
from dpsims_hub.labels.classes.class_text import read_class_file
from dpsims_hub.labels.classes.errors import ClassSpecError

BUILT_IN = ("ade20k", "camvid", "cityscapes", "coco-stuff", "outdoor")


@dataclass(frozen=True)
class ClassSpec:
    """The classes of a label map: N classes with ids 0..N-1 and one value for "unknown".

    In this package a label map holds plain ids. Files of a data set may hold other values (ADE20K: id + 1).
    `id_table` converts them by `stored_values` and `ignore_values`.

    Args:
        name: Name of the list, in messages and model cards.
        classes: The N classes in the order of their ids.
        ignore_index: Value of "unknown" pixels, outside 0..N-1.
        ignore_rgb: Colour of unknown pixels.
        extra_ignore_rgbs: Further colours that are read as unknown.
        stored_values: Value of each class in files of the data set; empty means the ids.
        ignore_values: Values that mean unknown in those files; they win over `stored_values`.
        instance_coding: One of `instance_codes.CODINGS` if those files hold class and object in one number.
            `stored_values` and `ignore_values` then refer to the class in that number.

    Raises:
        ClassSpecError: If ids, names, colours or values contradict each other.
    """

    name: str
    classes: tuple[ClassInfo, ...]
    ignore_index: int = 255
    ignore_rgb: Rgb = (0, 0, 0)
    extra_ignore_rgbs: tuple[Rgb, ...] = ()
    stored_values: tuple[int, ...] = ()
    ignore_values: tuple[int, ...] = ()
    instance_coding: str = ""

    def __post_init__(self) -> None:
        if not self.stored_values:
            object.__setattr__(self, "stored_values", tuple(range(len(self.classes))))
        count = len(self.classes)
        if not count or [info.id for info in self.classes] != list(range(count)):
            raise ClassSpecError(f"{self.name}: the class ids must be 0..N-1 in order, at least one.")
        twice = [name for name, times in Counter(map(_folded, self.names)).items() if times > 1]
        if twice:
            raise ClassSpecError(
                f"{self.name}: {len(twice)} name(s) are given to two classes, first {twice[0]!r}."
            )
        if not count <= self.ignore_index <= MAX_CLASSES:
            raise ClassSpecError(
                f"{self.name}: ignore_index {self.ignore_index} must lie outside the ids 0..{count - 1} "
                f"and be at most {MAX_CLASSES}."
            )
        self._check_stored()

    def _check_stored(self) -> None:
        if len(self.stored_values) != len(self.classes):
            raise ClassSpecError(
                f"{self.name}: {len(self.stored_values)} stored values for {len(self.classes)} classes."
            )
        if len(set(self.stored_values)) != len(self.stored_values):
            raise ClassSpecError(f"{self.name}: two classes have the same stored value.")
        values = (*self.stored_values, *self.ignore_values)
        if wrong := [value for value in values if not 0 <= value <= MAX_CLASSES]:
            raise ClassSpecError(f"{self.name}: stored value {wrong[0]} is outside 0..{MAX_CLASSES}.")

    @classmethod
    def load(cls, name_or_path: str | Path) -> ClassSpec:
        """Return a built-in class list, or the one in a file.

        Args:
            name_or_path: "ade20k", "coco-stuff", "cityscapes", "camvid" or "outdoor", else the path of a
                `classes.json` or of its folder. A built-in name wins over a folder of the same name; write
                `./camvid` for the folder.

        Raises:
            FileNotFoundError: If it is neither a built-in name nor an existing file.
            ClassSpecError: If the file is not a usable class list.
        """
        key = str(name_or_path).lower().replace("_", "-")
        if isinstance(name_or_path, str) and key in BUILT_IN:
            folder = resources.files("dpsims_hub.labels.classes") / "data"
            with resources.as_file(folder / f"{key}.json") as path:
                return cls.from_dict(read_class_file(path))
        path = Path(name_or_path)
        path = path / "classes.json" if path.is_dir() else path
        if not path.exists():
            raise FileNotFoundError(
                f"{name_or_path}: neither a built-in class list ({', '.join(BUILT_IN)}) nor a classes.json "
                "or a folder that holds one."
            )
        folder = path.resolve().parent.name.encode("utf-8", "backslashreplace").decode()
        data = read_class_file(path)
        try:
            return cls(**parse_class_file(data, folder or "classes"))
        except ClassSpecError as error:
            raise ClassSpecError(f"{path}: {error}") from error
        except RecursionError:
            raise ClassSpecError(
                f"{path}: an entry holds itself, or entries are nested too deeply."
            ) from None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ClassSpec:
        """Return the spec of `to_dict()`, or of any form of a `classes.json`.

        Raises:
            ClassSpecError: If the content is not a usable class list.
        """
        return cls(**parse_class_file(data, "classes"))

    def to_dict(self) -> dict[str, Any]:
        """Return the spec as JSON-safe values; `from_dict` restores it."""
        offset = int(self.stored_values[0])
        even = self.stored_values == tuple(range(offset, offset + self.num_classes))
        rule: dict[str, Any] = {"offset": offset} if even else {"values": _plain(self.stored_values)}
        rule |= {"instances": self.instance_coding} if self.instance_coding else {}
        classes = [
            vars(c) | {"id": int(c.id), "aliases": list(c.aliases), "rgb": _plain(c.rgb)}
            for c in self.classes
        ]
        return {
            "name": self.name,
            "ignore_index": int(self.ignore_index),
            "ignore_rgb": _plain(self.ignore_rgb),
            "extra_ignore_rgbs": [_plain(rgb) for rgb in self.extra_ignore_rgbs],
            "stored": rule | {"ignore_values": _plain(self.ignore_values)},
            "classes": classes,
        }

    @property
    def num_classes(self) -> int:
        """N, without the unknown value."""
        return len(self.classes)

    @property
    def names(self) -> tuple[str, ...]:
        """The N names, by id."""
        return tuple(info.name for info in self.classes)

    @property
    def id2label(self) -> dict[int, str]:
        """Names by id, with integer keys."""
        return {info.id: info.name for info in self.classes}

    @property
    def palette(self) -> np.ndarray:
        """The colours, shape (N, 3), uint8."""
        return np.array([info.rgb for info in self.classes], dtype=np.uint8)

    @property
    def dtype(self) -> np.dtype:
        """The smallest unsigned type that holds every id and `ignore_index`."""
        return np.dtype(np.uint8 if self.ignore_index <= 255 else np.uint16)

    @property
    def stores_ids(self) -> bool:
        """Whether files of the data set hold plain ids (beside values for unknown)."""
        return self.stored_values == tuple(range(self.num_classes)) and not self.instance_coding

    def class_id(self, name: str) -> int:
        """Return the id of a class by its name, else by an alias, in any letter case.

        Raises:
            KeyError: If no class has that name.
        """
        if (found := self.find(name)) is None:
            raise KeyError(f"{self.name} has no class called {name!r}.")
        return found

    def find(self, name: str) -> int | None:
        """Return what `class_id` does, or None if no class has that name."""
        return self._ids_by_name.get(_folded(name.strip()))

    @cached_property
    def _ids_by_name(self) -> dict[str, int]:
        aliases = {_folded(alias): info.id for info in reversed(self.classes) for alias in info.aliases}
        return aliases | {_folded(info.name): info.id for info in self.classes}

    def id_table(self, *, stored: bool) -> np.ndarray:
        """Return the table from a value in 0..65535 to its id or `ignore_index`, or -1 for invalid values.

        Args:
            stored: Whether values follow the stored-value rule or are plain ids.

        Returns:
            Shape (65536,), int32.
        """
        table = np.full(MAX_CLASSES + 1, -1, dtype=np.int32)
        table[self.ignore_index] = self.ignore_index
        if stored or self.stores_ids:
            table[list(self.stored_values)] = np.arange(self.num_classes)
            table[list(self.ignore_values)] = self.ignore_index
        else:
            table[: self.num_classes] = np.arange(self.num_classes)
        return table


def _folded(name: str) -> str:
    """Return a name in one Unicode form, without letter case."""
    return unicodedata.normalize("NFC", name).casefold()


def _plain(numbers: Iterable[int]) -> list[int]:
    """Return Python's integers for those of numpy."""
    return [int(number) for number in numbers]
