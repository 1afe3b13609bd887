"""Ids of palette images: the indices, unless the palette has the class colours in another order.

Painting programs and PNG optimisers reorder palettes. If a palette consists of class colours, ids follow from
the colours. The colours of any other palette are ignored.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Sequence

import numpy as np
from PIL import Image

from dpsims_hub.labels.classes.class_file import Rgb, bit_colour, spread_colours
from dpsims_hub.labels.classes.colours import ids_by_colour
from dpsims_hub.labels.classes.errors import LabelMapError
from dpsims_hub.labels.classes.spec import ClassSpec

MANY = 0.5  # share of class colours from which a palette counts as one of classes; our choice
OTHER_ORDER = "its palette holds the class colours in another order than the ids"


def ids_by_palette(
    indices: np.ndarray, image: Image.Image, spec: ClassSpec, stored: bool, where: str
) -> np.ndarray | None:
    """Return the ids (H, W) by colour if the palette has the class colours in another order; else None.

    `indices` (H, W) are those of a decoded image of mode P; `stored` means that they follow the stored-value
    rule; `where` is the map's name in messages.

    Raises:
        LabelMapError: If indices and colours contradict each other and neither is certain.

    Warns:
        UserWarning: If the map is read by its colours.
    """
    colours = palette_colours(image)
    used = np.unique(indices).tolist()
    if used[-1] >= len(colours):
        return None
    owners = ids_by_colour(spec)
    meant = [owners.get(colour, []) for colour in colours]
    by_index = spec.id_table(stored=stored)[: len(colours)].tolist()
    differs = [index for index in used if meant[index] and by_index[index] not in meant[index]]
    if not differs or not _holds_classes(meant, used, by_index, spec):
        _refuse_other_greys(colours, used, spec, stored, where)
        return None
    whole = all(meant[index] for index in used)
    default, invented = _is_default(colours), _are_invented(spec)
    if default and (invented or not whole) or invented and not whole:
        return None
    if default or invented or not whole or any(len(meant[index]) > 1 for index in used):
        index = differs[0]
        raise LabelMapError(
            f"{where}: {OTHER_ORDER}: index {index} has the colour {colours[index]} of "
            f"{_name(min(meant[index]), spec)}, but means {_name(by_index[index], spec)}; "
            "save the ids as a greyscale PNG, or the class colours as RGB."
        )
    warnings.warn(f"{where}: {OTHER_ORDER}, so it is read by its colours.", stacklevel=3)
    table = np.zeros(len(colours), dtype=spec.dtype)
    table[used] = [min(meant[index]) for index in used]
    return table[indices]


def _refuse_other_greys(
    colours: Sequence[Rgb], used: Sequence[int], spec: ClassSpec, stored: bool, where: str
) -> None:
    """Refuse indices if their grey levels are valid values too, but differ from the indices.

    Optimisers turn a greyscale map of ids into a palette of greys in any order.
    """
    levels = [colours[index][0] for index in used]
    grey = all(len(set(colours[index])) == 1 for index in used)
    if grey and levels != used and (spec.id_table(stored=stored)[levels] >= 0).all():
        index, level = next(pair for pair in zip(used, levels, strict=True) if pair[0] != pair[1])
        raise LabelMapError(
            f"{where}: its palette holds greys in another order than its indices: index {index} is the grey "
            f"{level}, and both are values of classes; save the ids as a greyscale PNG."
        )


def palette_colours(image: Image.Image) -> list[Rgb]:
    """Return the colours of a decoded palette image, by index."""
    numbers = image.getpalette("RGB") or []
    return list(zip(numbers[::3], numbers[1::3], numbers[2::3], strict=True))


def _holds_classes(
    meant: Sequence[list[int]], used: Collection[int], by_index: Sequence[int], spec: ClassSpec
) -> bool:
    """Return whether the used colours, or else all, are mostly class colours, and in another order.

    The colour of unknown is not counted: it is usually black, the first colour of many palettes.
    """
    unknown = [spec.ignore_index]
    for entries in (used, range(len(meant))):
        counted = [index for index in entries if meant[index] != unknown]
        of_classes = [index for index in counted if meant[index]]
        if of_classes and len(of_classes) >= MANY * len(counted):
            return any(by_index[index] not in meant[index] for index in of_classes)
    return False


def _is_default(colours: list[Rgb]) -> bool:
    """Return whether a palette is a default one: greys, or the colours of PASCAL VOC."""
    numbers = range(len(colours))
    return colours in ([(number,) * 3 for number in numbers], [bit_colour(number) for number in numbers])


def _are_invented(spec: ClassSpec) -> bool:
    """Return whether the colours are the generated ones of a list without colours."""
    unknown = (spec.ignore_rgb, *spec.extra_ignore_rgbs)
    return [info.rgb for info in spec.classes] == spread_colours(spec.num_classes, unknown)


def _name(value: int, spec: ClassSpec) -> str:
    return (spec.id2label | {spec.ignore_index: "unknown"}).get(value, "no class")
