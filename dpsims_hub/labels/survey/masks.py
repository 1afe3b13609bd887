"""Detection of black-and-white masks (0 and 255) among maps where 255 means unknown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from warnings import catch_warnings

import numpy as np

from dpsims_hub.labels.classes.errors import LabelMapError
from dpsims_hub.labels.classes.spec import ClassSpec
from dpsims_hub.labels.reading.exact_pixels import NUMBER_MODES
from dpsims_hub.labels.reading.label_map import read_label_map
from dpsims_hub.labels.reading.samples import Part

WHITE = 255
BYTE_MODES = ("L", "P")  # cannot hold 65535, which is unknown in lists of more than 255 classes
OTHER = -1  # all classes stored as neither 0 nor 1
SHOWN = 3  # names in a warning
ONLY_0_AND_255 = (
    "The maps hold only 0 and 255, and 255 means unknown. If they are masks in black and white, write "
    '{"classes": ["background", "object"], "stored": {"values": [0, 255]}} with your two names as '
    "classes.json."
)


class Masks:
    """Counts maps in which 255 means unknown, and decides whether 255 may be the object of a mask.

    Real unknown pixels also appear beside classes other than 0. Maps of 0 and 255 alone are doubtful if no
    map has 255 beside another class, or if none has it beside 1 and some hold only 0 and 1. Maps in colours
    are ignored, and so are lists in which 255 does not mean unknown.

    In lists of more than 255 classes, it counts the 8-bit maps with a class that is stored as 255.
    """

    def __init__(self, spec: ClassSpec) -> None:
        table = spec.id_table(stored=True)
        may_be = table[WHITE] == spec.ignore_index and 0 <= table[0] < spec.num_classes
        only_white = set(spec.ignore_values) <= {WHITE} and spec.ignore_index == WHITE
        self._counts = bool(may_be and only_white and not spec.instance_coding)
        is_class = 0 <= table[WHITE] < spec.num_classes and spec.num_classes > WHITE
        self._class_255 = int(table[WHITE]) if is_class and not spec.instance_coding else None
        self._spec = spec
        self._bytes_255 = 0
        self._zero, self._one, self._unknown = int(table[0]), int(table[1]), spec.num_classes
        self._maps: Counter[frozenset[int]] = Counter()
        self._white: list[str] = []

    def add(self, name: str, pixels: np.ndarray, mode: str) -> None:
        """Add the map `name`, whose image has this mode; `pixels` are those of `count_pixels`."""
        if self._class_255 is not None and mode in BYTE_MODES and pixels[self._class_255]:
            self._bytes_255 += 1
        if not self._counts or mode not in (*NUMBER_MODES, "P"):
            return
        held = set(np.flatnonzero(pixels).tolist())
        others = held - {self._zero, self._one, self._unknown}
        self._maps[frozenset((held - others) | ({OTHER} if others else set()))] += 1
        is_white = held == {self._zero, self._unknown}
        self._white += [name] if is_white and len(self._white) < SHOWN else []

    def hold_0_and_255(self) -> bool:
        """Return whether the maps hold 0 and 255 and no other value."""
        return set().union(*self._maps) == {self._zero, self._unknown}

    def mixture(self) -> str:
        """Return the warning about masks of 0 and 255 among other maps; "" for none."""
        white = self._maps[frozenset({self._zero, self._unknown})]
        beside = set().union(*(held for held in self._maps if self._unknown in held))
        ones = self._maps[frozenset({self._zero, self._one})]
        rest = sum(count for held, count in self._maps.items() if held & {self._one, OTHER})
        apart = not beside & {self._one, OTHER}
        if not white or not (rest and apart or ones and self._one not in beside):
            return ""
        more = f" and {white - SHOWN} more" if white > SHOWN else ""
        among = f"{rest} hold classes without it" if apart else f"{ones} hold only 0 and 1"
        return (
            f"{white} map(s) hold only 0 and 255, and {among}; 255 means unknown. If 255 is the object of a "
            f"mask, write its id in its place, in the maps of {', '.join(self._white)}{more}."
        )

    def class_255(self) -> str:
        """Return the warning about 8-bit maps whose 255 is a class of a long list; "" for none."""
        if not self._bytes_255:
            return ""
        return (
            f"{self._bytes_255} map(s) of 8 bits hold 255, which in this list of {self._spec.num_classes} is "
            f"the class {self._spec.names[self._class_255]!r}, and not unknown. If it means unknown, write "
            '"ignore_values": [255] into the "stored" rule of the classes.json.'
        )


def count_pixels(label_map: np.ndarray, spec: ClassSpec) -> np.ndarray:
    """Return the number of pixels of each class, then of unknown, shape (N + 1,), in ids (H, W)."""
    counts = np.bincount(label_map.ravel(), minlength=spec.ignore_index + 1).astype(np.int64)
    return np.append(counts[: spec.num_classes], counts[spec.ignore_index])


def look_at_masks(labels: Iterable[Callable[[], Part]], spec: ClassSpec) -> list[str]:
    """Return the warnings of `Masks` about some label maps.

    `labels` are calls that open undecoded maps; unreadable maps are ignored.
    """
    masks = Masks(spec)
    for label in labels:
        with suppress(LabelMapError, OSError), catch_warnings(action="ignore"), label() as part:
            label_map = read_label_map(part.image, spec, stored=True, name=part.name)
            masks.add(part.name, count_pixels(label_map, spec), part.image.mode)
    only_two = ONLY_0_AND_255 if masks.hold_0_and_255() else ""
    return [said for said in (only_two, masks.mixture(), masks.class_255()) if said]
