"""Comparison sheets (map | photo | photo), enlarged maps and photos, PNG files; drawn with Pillow."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from dpsims_hub.labels import ClassSpec
from dpsims_hub.labels.classes.render import colorize, render_legend
from dpsims_hub.storage.atomic_write import atomic_file

BACKGROUND = (255, 255, 255)
INK = (30, 30, 30)
HEADER_SIZE = 16
CAPTION_SIZE = 13
GAP = 6  # pixels between pictures and around a sheet


def picture_of_map(label_map: np.ndarray, spec: ClassSpec, scale: int = 1) -> Image.Image:
    """A label map (H, W) in its class colours, each pixel as a square of scale x scale pixels."""
    colours = Image.fromarray(colorize(label_map, spec))
    return colours.resize((colours.width * scale, colours.height * scale), Image.Resampling.NEAREST)


def enlarge_photo(photo: Image.Image, scale: int) -> Image.Image:
    """A photo enlarged by a whole factor with Lanczos resampling; factor 1 returns the same object."""
    if scale == 1:
        return photo
    return photo.resize((photo.width * scale, photo.height * scale), Image.Resampling.LANCZOS)


def photo_from_array(photo: np.ndarray) -> Image.Image:
    """An RGB picture of a photo (3, H, W) in [-1, 1], clipped."""
    levels = np.rint((np.clip(photo, -1.0, 1.0) + 1.0) * 127.5).astype(np.uint8)
    return Image.fromarray(levels.transpose(1, 2, 0))


def fold_rows(rows: Sequence[Sequence], groups: int) -> list[list]:
    """Puts `groups` rows side by side, in reading order: [[a], [b], [c]] becomes [[a, b], [c]]."""
    return [
        [cell for row in rows[start : start + groups] for cell in row]
        for start in range(0, len(rows), groups)
    ]


def flow_legend(spec: ClassSpec, ids: Iterable[int], width: int) -> Image.Image:
    """A legend of classes in the order of `ids`, at most `width` pixels wide, for a sheet.

    `ignore_index` is shown as "unknown". A single entry may be wider than `width`.

    Raises:
        ValueError: `ids` is empty or contains a class that does not exist.
    """
    entries = [render_legend(spec, [class_id]) for class_id in ids]
    if not entries:
        raise ValueError("a legend needs at least one class; ids is empty.")
    places, left, top = [], 0, 0
    for entry in entries:
        if left and left + entry.width > width:
            left, top = 0, top + entry.height
        places.append((left, top))
        left += entry.width
    full_width = max(place[0] + entry.width for place, entry in zip(places, entries, strict=True))
    legend = Image.new("RGB", (full_width, top + entries[0].height), BACKGROUND)
    for place, entry in zip(places, entries, strict=True):
        legend.paste(entry, place)
    return legend


def stack_pictures(pictures: Sequence[Image.Image], gap: int = 0) -> Image.Image:
    """Pictures in one RGB column, as wide as the widest, with `gap` pixels between and around them."""
    width = max(picture.width for picture in pictures) + 2 * gap
    height = sum(picture.height + gap for picture in pictures) + gap
    stack = Image.new("RGB", (width, height), BACKGROUND)
    top = gap
    for picture in pictures:
        stack.paste(picture.convert("RGB"), (gap, top))
        top += picture.height + gap
    return stack


def comparison_sheet(
    rows: Sequence[Sequence[Image.Image]],
    headers: Sequence[str] | None = None,
    *,
    captions: Sequence[Sequence[str]] | None = None,
    legend: Image.Image | None = None,
    footer: str | None = None,
) -> Image.Image:
    """An RGB table of pictures: one row for each label map, usually map | photo | photo.

    Args:
        rows: pictures of any size; a column is as wide as its widest picture. Rows may differ in length.
        headers: one text above each column.
        captions: one text below each picture, in the shape of `rows`.
        legend: picture under the table, for example `render_legend(spec)`.
        footer: one line of text at the bottom.

    Raises:
        ValueError: there is no picture, or `headers` or `captions` do not have the shape of `rows`.
    """
    _check_shapes(rows, headers, captions)
    table = _draw_table(rows, headers, captions)
    parts = [table] + ([legend] if legend is not None else []) + ([_text_line(footer)] if footer else [])
    return stack_pictures(parts, GAP)


def save_picture(image: Image.Image, path: str | Path, metadata: Mapping[str, str] | None = None) -> Path:
    """Writes a PNG atomically, with text chunks such as {"seed": "7"}, and returns its path.

    Raises:
        OSError: the file cannot be written there.
    """
    path = Path(path)
    with atomic_file(path, "choose another output path") as unfinished:
        image.save(unfinished, format="PNG", pnginfo=png_text(metadata or {}))
    return path


def png_text(metadata: Mapping[str, str]) -> PngInfo:
    """Metadata as text chunks of a PNG."""
    text = PngInfo()
    for key, value in metadata.items():
        text.add_text(key, value)
    return text


def _check_shapes(
    rows: Sequence[Sequence], headers: Sequence | None, captions: Sequence[Sequence] | None
) -> None:
    lengths = [len(row) for row in rows]
    if sum(lengths) == 0:
        raise ValueError("a comparison sheet needs at least one picture; rows is empty.")
    if headers is not None and len(headers) != max(lengths):
        raise ValueError(f"{len(headers)} headers for {max(lengths)} columns; give one per column.")
    if captions is not None and [len(row) for row in captions] != lengths:
        raise ValueError("captions must have the shape of rows: one text for each picture.")


def _draw_table(
    rows: Sequence[Sequence[Image.Image]],
    headers: Sequence[str] | None,
    captions: Sequence[Sequence[str]] | None,
) -> Image.Image:
    columns = range(max(len(row) for row in rows))
    widths = [max(row[column].width for row in rows if column < len(row)) for column in columns]
    heights = [max((cell.height for cell in row), default=0) for row in rows]
    header_height = HEADER_SIZE + GAP if headers is not None else 0
    caption_height = CAPTION_SIZE + GAP if captions is not None else 0
    height = header_height + sum(heights) + caption_height * len(rows) + GAP * (len(rows) - 1)
    table = Image.new("RGB", (sum(widths) + GAP * (len(widths) - 1), height), BACKGROUND)
    lefts = [sum(widths[:column]) + GAP * column for column in range(len(widths))]
    for left, width, header in zip(lefts, widths, headers or [], strict=False):
        _write(table, header, (left, 0), width, HEADER_SIZE)
    top = header_height
    for index, row in enumerate(rows):
        for column, cell in enumerate(row):
            table.paste(cell.convert("RGB"), (lefts[column], top))
            if captions is not None:
                place = (lefts[column], top + heights[index] + GAP // 2)
                _write(table, captions[index][column], place, widths[column], CAPTION_SIZE)
        top += heights[index] + caption_height + GAP
    return table


def _write(sheet: Image.Image, text: str, place: tuple[int, int], width: int, size: int) -> None:
    """Writes one line of text, shortened with an ellipsis to a width in pixels."""
    font = ImageFont.load_default(size)
    while text and font.getlength(text) > width:
        text = text.rstrip("…")[:-1] + "…" if len(text) > 1 else ""
    ImageDraw.Draw(sheet).text(place, text, fill=INK, font=font)


def _text_line(text: str) -> Image.Image:
    font = ImageFont.load_default(CAPTION_SIZE)
    line = Image.new("RGB", (int(font.getlength(text)) + 2, CAPTION_SIZE + 5), BACKGROUND)
    ImageDraw.Draw(line).text((0, 0), text, fill=INK, font=font)
    return line
