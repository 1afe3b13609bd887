"""Conversion of exact palette colours to ids."""

from __future__ import annotations

import warnings

import numpy as np

from dpsims_hub.labels.classes.class_file import Rgb
from dpsims_hub.labels.classes.errors import LabelMapError
from dpsims_hub.labels.classes.instance_codes import coding_hint, number_of_colours
from dpsims_hub.labels.classes.spec import ClassSpec

BLACK_AND_WHITE = '[{"name": "background", "rgb": [0, 0, 0]}, {"name": "object", "rgb": [255, 255, 255]}]'
CLEAR = 1 << 24  # the code of a fully transparent pixel, after all 2^24 colours


def ids_from_colours(colours: np.ndarray, spec: ClassSpec, where: str) -> np.ndarray:
    """Return the exact ids of a colour map: shape (H, W), `ignore_index` for unknown.

    `colours` are (H, W, 3 or 4) uint8; the fourth channel is opacity. `where` is the map's name in messages.
    A colour of unknown wins over classes of the same colour. Of several classes with one colour the first is
    taken, with a warning. Fully transparent pixels are unknown.

    Raises:
        LabelMapError: If a pixel has no colour of the palette, or is half transparent.
    """
    codes = _codes(colours, where)
    meanings = _meanings(spec)
    table = np.zeros(CLEAR + 1, dtype=np.int32)  # id + 1; 0 = no such colour
    for code, ids in meanings.items():
        table[code] = ids[0] + 1
    found = table[codes]
    if found.min() == 0:
        raise _unknown_colours(codes[found == 0], colours, spec, where)
    for code, ids in meanings.items():
        if len(ids) > 1 and (codes == code).any():
            _warn_of_shared(code, ids, spec, where)
    return (found - 1).astype(spec.dtype)


def _codes(colours: np.ndarray, where: str) -> np.ndarray:
    """Return one number per pixel: red << 16 | green << 8 | blue, or `CLEAR`; shape (H, W), int32."""
    red, green, blue = (colours[..., channel].astype(np.int32) for channel in range(3))
    codes = red << 16 | green << 8 | blue
    if colours.shape[-1] == 4:
        alpha = colours[..., 3]
        partly = (alpha > 0) & (alpha < 255)
        if partly.any():
            raise LabelMapError(
                f"{where}: {partly.mean():.1%} of the pixels are half transparent, so their colours are "
                "mixed; save it without transparency or soft brushes."
            )
        if not alpha.any() and codes.any():  # some renderers write opacity 0 everywhere
            raise LabelMapError(
                f"{where}: all pixels are transparent and have colours, so its opacity may mean nothing; "
                "save it as RGB without opacity."
            )
        codes[alpha == 0] = CLEAR
    return codes


def _meanings(spec: ClassSpec) -> dict[int, list[int]]:
    """Return the ids of each colour code; the first one is taken."""
    return {CLEAR: [spec.ignore_index]} | {_code(rgb): ids for rgb, ids in ids_by_colour(spec).items()}


def ids_by_colour(spec: ClassSpec) -> dict[Rgb, list[int]]:
    """Return the ids of each colour of the spec, unknown first."""
    meanings = {tuple(rgb): [spec.ignore_index] for rgb in (spec.ignore_rgb, *spec.extra_ignore_rgbs)}
    for info in spec.classes:
        meanings.setdefault(tuple(info.rgb), []).append(info.id)
    return meanings


def _code(rgb: Rgb) -> int:
    return rgb[0] << 16 | rgb[1] << 8 | rgb[2]


def _rgb(code: int) -> Rgb:
    return (code >> 16, code >> 8 & 255, code & 255)


def _unknown_colours(unknown: np.ndarray, colours: np.ndarray, spec: ClassSpec, where: str) -> LabelMapError:
    """Return the error for colours outside the palette; `unknown` holds the codes of those pixels."""
    values, counts = np.unique(unknown, return_counts=True)
    share = unknown.size / (colours.shape[0] * colours.shape[1])
    message = (
        f"{where}: {share:.1%} of the pixels have a colour that is not in the palette of {spec.name} "
        f"({len(values)} such colours, most often {_rgb(int(values[counts.argmax()]))} on {counts.max()} px)"
    )
    is_grey = (colours[..., :1] == colours[..., 1:3]).all()
    if is_grey and set(np.unique(colours[..., 0]).tolist()) <= {0, 255}:
        return LabelMapError(
            f"{message}; it holds only black and white, so it may be a mask of two classes: write "
            f"{BLACK_AND_WHITE} with your two names as classes.json.",
            "mask",
        )
    numbers = np.unique(number_of_colours(colours[..., :3], where))
    if hint := coding_hint(numbers, spec.id_table(stored=True) >= 0):
        return LabelMapError(f"{message}; as red + 256 green + 65536 blue {hint}.", "code")
    meanings = _meanings(spec)
    seen = set(np.unique(_codes(colours, where)).tolist()) - {CLEAR}
    if all(_code(_rgb(code)[::-1]) in meanings for code in seen):
        return LabelMapError(
            f"{message}; with red and blue exchanged all are, as OpenCV writes: exchange them when saving."
        )
    if is_grey:
        return LabelMapError(
            f"{message}; it is grey, so it may be an id map saved as RGB: save one channel as an 8-bit PNG."
        )
    if len(values) > max(2 * spec.num_classes, 256):
        return LabelMapError(
            f"{message}; it looks like a photo or a smoothed picture, so give the map of class ids."
        )
    others = colours[..., :3].any(-1)  # than black, which is usually a colour of unknown
    panoptic = "; of COCO's panoptic maps, numbers of segments, make others with `write_panoptic_maps`"
    hint = panoptic if unknown.size == others.sum() else ""
    return LabelMapError(f"{message}; give ids, or the exact colours without smoothing{hint}.")


def _warn_of_shared(code: int, ids: list[int], spec: ClassSpec, where: str) -> None:
    names = [spec.id2label.get(value, "unknown") for value in ids]
    warnings.warn(
        f"{where}: colour {_rgb(code)} is shared by {', '.join(names)}; it is read as {names[0]}, "
        "so give ids where the difference matters.",
        stacklevel=4,
    )
