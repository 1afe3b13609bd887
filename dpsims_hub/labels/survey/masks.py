"""Maps in black and white: whether masks of 0 and 1 lie among those of 0 and 255, where 255 means unknown."""

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
SHOWN = 3  # names in a sentence
ONLY_0_AND_255 = (
    "The maps hold only 0 and 255, and 255 means unknown. If they are masks in black and white, write "
    '{"classes": ["background", "object"], "stored": {"values": [0, 255]}} with your two names as '
    "classes.json."
)


class Masks:
    """Which of the numbers 0, 1 and 255 each map holds, if it holds no others.

    Maps in colours do not count, and nothing is found where 255 is not what means unknown.

    Args:
        spec: The classes.
    """

    def __init__(self, spec: ClassSpec) -> None:
        table = spec.id_table(stored=True)
        may_be = table[WHITE] == spec.ignore_index and 0 <= table[0] < spec.num_classes
        only_white = set(spec.ignore_values) <= {WHITE} and spec.ignore_index == WHITE
        self._spec = spec
        self._counts = bool(may_be and only_white and not spec.instance_coding)
        self._values = {int(table[0]): 0, int(table[1]): 1, spec.num_classes: WHITE}
        self._maps: Counter[frozenset[int]] = Counter()
        self._white: list[str] = []
        self._has_others = False

    def add(self, name: str, pixels: np.ndarray, mode: str) -> None:
        """Add a map.

        Args:
            name: What messages call it.
            pixels: Of each class, and of unknown at the end, shape (N + 1,).
            mode: Of its image.
        """
        if not self._counts or mode not in (*NUMBER_MODES, "P"):
            return
        held = np.flatnonzero(pixels).tolist()
        self._has_others |= any(place not in self._values for place in held)
        if self._has_others:
            return
        values = frozenset(self._values[place] for place in held)
        self._maps[values] += 1
        self._white += [name] if WHITE in values and len(self._white) < SHOWN else []

    def hold_0_and_255(self) -> bool:
        """Return whether the maps hold 0 and 255 and no other number."""
        return not self._has_others and set().union(*self._maps) == {0, WHITE}

    def mixture(self) -> str:
        """Return the sentence about masks of 0 and 1 among those of 0 and 255; "" where there are none."""
        if self._has_others or not {1, WHITE} <= set().union(*self._maps):
            return ""
        ones, whites = (sum(self._maps[key] for key in self._maps if value in key) for value in (1, WHITE))
        more = f" and {whites - SHOWN} more" if whites > SHOWN else ""
        return (
            f"{ones} map(s) hold the number 1, {whites} the number 255, and none any other but 0; 255 means "
            f"unknown. If 255 is the object of a mask, write 1 in its place, in the maps of "
            f"{', '.join(self._white)}{more}."
        )

    def sentences(self) -> list[str]:
        """Return what a person should know before training."""
        return [ONLY_0_AND_255] if self.hold_0_and_255() else [self.mixture()] if self.mixture() else []


def count_pixels(label_map: np.ndarray, spec: ClassSpec) -> np.ndarray:
    """Return the pixels of each class, and of unknown at the end, shape (N + 1,), of ids (H, W)."""
    counts = np.bincount(label_map.ravel(), minlength=spec.ignore_index + 1).astype(np.int64)
    return np.append(counts[: spec.num_classes], counts[spec.ignore_index])


def look_at_masks(labels: Iterable[Callable[[], Part]], spec: ClassSpec) -> list[str]:
    """Read some label maps and return what a person should know about them before training.

    Args:
        labels: Calls that open them, undecoded; maps that cannot be read are passed over.
        spec: The classes.
    """
    masks = Masks(spec)
    for label in labels:
        with suppress(LabelMapError, OSError), catch_warnings(action="ignore"):
            part = label()
            with part.image:
                label_map = read_label_map(part.image, spec, stored=True, name=part.name)
                masks.add(part.name, count_pixels(label_map, spec), part.image.mode)
    return masks.sentences()
