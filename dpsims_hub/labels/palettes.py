"""Palette images: indices are the ids, and a palette that contradicts them is worth a warning."""

from __future__ import annotations

import warnings

import numpy as np
from PIL import Image

from dpsims_hub.labels.spec import ClassSpec


def warn_of_other_order(image: Image.Image, label_map: np.ndarray, spec: ClassSpec, where: str) -> None:
    """Warn when the colours of a palette image are classes of the spec, but other ones than its indices say.

    Painting programs number the colours of a palette as they please. Nothing is said unless every colour in
    use is one of the spec's: otherwise the palette is decoration.

    Args:
        image: An image of mode P, decoded.
        label_map: What was read from its indices, shape (H, W).
        spec: The classes.
        where: What the message calls the map.
    """
    indices, first = np.unique(np.asarray(image), return_index=True)
    palette = np.array(image.getpalette("RGB"), dtype=np.int64).reshape(-1, 3)
    if indices[-1] >= len(palette):
        return
    owners = _owners(spec)
    painted = [owners.get(tuple(palette[index].tolist()), set()) for index in indices]
    read = label_map.ravel()[first].tolist()
    other = [(i, v) for i, v, ids in zip(indices.tolist(), read, painted, strict=True) if v not in ids]
    if all(painted) and other:
        names = spec.id2label | {spec.ignore_index: "unknown"}
        index, value = other[0]
        colour = tuple(palette[index].tolist())
        warnings.warn(
            f"{where}: index {index} is read as {names[value]}, but its colour {colour} is that of "
            f"{names[min(owners[colour])]}; if the colours are right, save the map as RGB.",
            stacklevel=3,
        )


def _owners(spec: ClassSpec) -> dict[tuple[int, ...], set[int]]:
    """Return the ids of each colour of the spec, unknown included."""
    owners = {rgb: {spec.ignore_index} for rgb in (spec.ignore_rgb, *spec.extra_ignore_rgbs)}
    for info in spec.classes:
        owners.setdefault(info.rgb, set()).add(info.id)
    return owners
