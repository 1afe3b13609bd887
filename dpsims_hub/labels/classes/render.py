"""Pictures of label maps in class colours, and legends with names, ids and pixel shares."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dpsims_hub.labels.classes.class_file import Rgb
from dpsims_hub.labels.classes.errors import LabelMapError
from dpsims_hub.labels.classes.spec import ClassSpec

FONT_SIZE = 14  # pixels, as are the lengths below
SWATCH = 18
PADDING = 8
MAX_ROWS = 30  # in one column of a legend
INK, EDGE, PAPER = (32, 32, 32), (128, 128, 128), (255, 255, 255)


def colorize(label_map: np.ndarray, spec: ClassSpec) -> np.ndarray:
    """Return a map in the colours of the spec, unknown pixels in `ignore_rgb`: shape (H, W, 3), uint8.

    `label_map` has ids in [0, N) or `ignore_index`, shape (H, W), any integer type.

    Raises:
        LabelMapError: If the map is not (H, W) integers or has another value.
    """
    ids = _checked(label_map, spec)
    table = np.zeros((spec.ignore_index + 1, 3), dtype=np.uint8)
    table[: spec.num_classes] = spec.palette
    table[spec.ignore_index] = spec.ignore_rgb
    return table[ids]


def render_legend(
    spec: ClassSpec, ids: Iterable[int] | None = None, *, label_map: np.ndarray | None = None
) -> Image.Image:
    """Return a legend with colour, id and name of each class, and its pixel share if a map is given.

    Args:
        spec: The classes.
        ids: Classes in this order; `ignore_index` means "unknown". None takes those of `label_map`, largest
            first, or all N without a map.
        label_map: Map for the pixel shares, shape (H, W) ids.

    Raises:
        LabelMapError: If the map has a value that is neither an id nor `ignore_index`.
        ValueError: If `ids` is empty or has a class that does not exist.
    """
    shares = None if label_map is None else pixel_shares(label_map, spec)
    shown = list(ids) if ids is not None else list(range(spec.num_classes) if shares is None else shares)
    names = spec.id2label | {spec.ignore_index: "unknown"}
    wrong = [value for value in shown if value not in names] if shown else "none"
    if wrong:
        raise ValueError(f"A legend of {spec.name} needs ids in 0..{spec.num_classes - 1}, not {wrong}.")
    palette = {info.id: info.rgb for info in spec.classes} | {spec.ignore_index: spec.ignore_rgb}
    colours = [palette[value] for value in shown]
    parts = ["" if shares is None else f"  {shares.get(value, 0.0):.1%}" for value in shown]
    texts = [f"{value}  {names[value]}{part}" for value, part in zip(shown, parts, strict=True)]
    return _draw_rows(colours, texts)


def pixel_shares(label_map: np.ndarray, spec: ClassSpec) -> dict[int, float]:
    """Return the share of pixels (0..1) of every id present, `ignore_index` included, largest first.

    Raises:
        LabelMapError: If the map has a value that is neither an id nor `ignore_index`.
    """
    counts = np.bincount(_checked(label_map, spec).ravel())
    present = sorted(np.flatnonzero(counts).tolist(), key=lambda value: (-counts[value], value))
    return {value: float(counts[value] / label_map.size) for value in present}


def _checked(label_map: np.ndarray, spec: ClassSpec) -> np.ndarray:
    """Return the map as indices; refuse values that are neither an id nor `ignore_index`."""
    ids = np.asarray(label_map)
    if ids.ndim != 2 or ids.dtype.kind not in "iu" or not ids.size:
        raise LabelMapError(
            f"A label map must be (height, width) integers, not {ids.dtype} of shape {ids.shape}."
        )
    wrong = ids[((ids < 0) | (ids >= spec.num_classes)) & (ids != spec.ignore_index)]
    if wrong.size:
        raise LabelMapError(
            f"The label map holds {int(wrong[0])}, which is no class of {spec.name} "
            f"(N = {spec.num_classes}); read maps with read_label_map."
        )
    return ids.astype(np.intp)


def _draw_rows(colours: list[Rgb], texts: list[str]) -> Image.Image:
    """Draw rows of swatch and text in columns of at most `MAX_ROWS`."""
    font = ImageFont.load_default(FONT_SIZE)
    text_width = max(int(np.ceil(font.getlength(text))) for text in texts)
    row, column = SWATCH + PADDING, SWATCH + text_width + 3 * PADDING
    columns = -(-len(texts) // MAX_ROWS)
    rows = -(-len(texts) // columns)
    legend = Image.new("RGB", (columns * column + PADDING, rows * row + PADDING), PAPER)
    draw = ImageDraw.Draw(legend)
    for place, (colour, text) in enumerate(zip(colours, texts, strict=True)):
        x, y = PADDING + place // rows * column, PADDING + place % rows * row
        draw.rectangle((x, y, x + SWATCH - 1, y + SWATCH - 1), fill=colour, outline=EDGE)
        draw.text((x + SWATCH + PADDING, y + SWATCH / 2), text, fill=INK, font=font, anchor="lm")
    return legend
