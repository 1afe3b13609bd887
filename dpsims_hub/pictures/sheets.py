"""Pictures for people: comparison sheets (map | photo | photo), enlarged maps and photos, safe saving.

Deliberately small: PIL only, no plotting library, so that the command line, the demo and the trainer's
previews draw the same sheet everywhere without a further dependency.
"""

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


def picture_of_map(label_map: np.ndarray, spec: ClassSpec, scale: int = 1) -> Image.Image:
    """Colours a label map for looking at, enlarged without blending ids.

    Args:
        label_map: (H, W) integer ids.
        spec: gives the colours.
        scale: whole factor; every pixel becomes a scale x scale square.

    Returns:
        RGB picture of (scale * W, scale * H) pixels.
    """
    colours = Image.fromarray(np.ascontiguousarray(colorize(label_map, spec)))
    return colours.resize((colours.width * scale, colours.height * scale), Image.Resampling.NEAREST)


def enlarge_photo(photo: Image.Image, scale: int) -> Image.Image:
    """Enlarges a photo by a whole factor with Lanczos resampling; factor 1 returns it as it is."""
    if scale == 1:
        return photo
    return photo.resize((photo.width * scale, photo.height * scale), Image.Resampling.LANCZOS)


def photo_from_array(photo: np.ndarray) -> Image.Image:
    """Turns a (3, H, W) float photo in [-1, 1], as the models give it, into an RGB picture, clipped."""
    levels = np.rint((np.clip(photo, -1.0, 1.0) + 1.0) * 127.5).astype(np.uint8)
    return Image.fromarray(np.ascontiguousarray(levels.transpose(1, 2, 0)))


def fold_rows(rows: Sequence[Sequence], groups: int) -> list[list]:
    """Puts `groups` rows side by side, in reading order: [[a], [b], [c]] becomes [[a, b], [c]]."""
    return [
        [cell for row in rows[start : start + groups] for cell in row]
        for start in range(0, len(rows), groups)
    ]


def flow_legend(spec: ClassSpec, ids: Iterable[int], width: int) -> Image.Image:
    """A legend whose entries run from left to right and wrap, to fit under a sheet.

    Args:
        spec: names and colours.
        ids: the classes to show, in this order; `ignore_index` shows "unknown".
        width: pixels to fill at most; a single entry may be broader.

    Raises:
        ValueError: `ids` is empty or names a class that does not exist.
    """
    entries = [render_legend(spec, [class_id]) for class_id in ids]
    if not entries:
        raise ValueError("a legend needs at least one class; ids is empty.")
    lines: list[list[Image.Image]] = [[]]
    for entry in entries:
        if lines[-1] and sum(other.width for other in lines[-1]) + entry.width > width:
            lines.append([])
        lines[-1].append(entry)
    height = entries[0].height
    legend = Image.new(
        "RGB", (max(sum(e.width for e in line) for line in lines), height * len(lines)), BACKGROUND
    )
    for row, line in enumerate(lines):
        for column, entry in enumerate(line):
            legend.paste(entry, (sum(other.width for other in line[:column]), row * height))
    return legend


def stack_pictures(pictures: Sequence[Image.Image]) -> Image.Image:
    """Pictures below each other, as wide as the widest."""
    width = max(picture.width for picture in pictures)
    stack = Image.new("RGB", (width, sum(picture.height for picture in pictures)), BACKGROUND)
    top = 0
    for picture in pictures:
        stack.paste(picture, (0, top))
        top += picture.height
    return stack


def comparison_sheet(
    rows: Sequence[Sequence[Image.Image]],
    headers: Sequence[str] | None = None,
    *,
    captions: Sequence[Sequence[str]] | None = None,
    legend: Image.Image | None = None,
    footer: str | None = None,
    gap: int = 6,
) -> Image.Image:
    """Lays pictures out in a table: one row per label map, usually map | photo | photo.

    Args:
        rows: pictures of any size; a column is as wide as its widest picture. Rows may differ in length.
        headers: one text above each column.
        captions: one text below each picture, in the shape of `rows`.
        legend: picture pasted under the table, for example `render_legend(spec)`.
        footer: one line of text at the very bottom.
        gap: pixels between pictures and around the sheet.

    Returns:
        RGB sheet.

    Raises:
        ValueError: there is no picture, or `headers` or `captions` do not have the shape of `rows`.
    """
    _check_shapes(rows, headers, captions)
    table = _draw_table(rows, headers, captions, gap)
    parts = [table] + ([legend] if legend is not None else []) + ([_text_line(footer)] if footer else [])
    width = max(part.width for part in parts) + 2 * gap
    sheet = Image.new("RGB", (width, sum(part.height for part in parts) + gap * (len(parts) + 1)), BACKGROUND)
    top = gap
    for part in parts:
        sheet.paste(part.convert("RGB"), (gap, top))
        top += part.height + gap
    return sheet


def save_picture(image: Image.Image, path: str | Path, metadata: Mapping[str, str] | None = None) -> Path:
    """Writes a PNG that is either complete or absent: written beside the target, then renamed over it.

    Args:
        image: what to save.
        path: target file; its folder is made where it is missing.
        metadata: PNG text chunks, for example {"seed": "7"}.

    Returns:
        The path written.

    Raises:
        OSError: the file cannot be written there; the sentence names the path.
    """
    path = Path(path)
    text = PngInfo()
    for key, value in (metadata or {}).items():
        text.add_text(key, value)
    with atomic_file(path, "choose another output path") as unfinished:
        image.save(unfinished, format="PNG", pnginfo=text)
    return path


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
    gap: int,
) -> Image.Image:
    widths = _column_widths(rows)
    heights = [max((cell.height for cell in row), default=0) for row in rows]
    header_height = HEADER_SIZE + gap if headers is not None else 0
    caption_height = CAPTION_SIZE + gap if captions is not None else 0
    height = header_height + sum(heights) + caption_height * len(rows) + gap * (len(rows) - 1)
    table = Image.new("RGB", (sum(widths) + gap * (len(widths) - 1), height), BACKGROUND)
    lefts = [sum(widths[:column]) + gap * column for column in range(len(widths))]
    for left, width, header in zip(lefts, widths, headers or [], strict=False):
        _write(table, header, (left, 0), width, HEADER_SIZE)
    top = header_height
    for index, row in enumerate(rows):
        for column, cell in enumerate(row):
            table.paste(cell.convert("RGB"), (lefts[column], top))
            if captions is not None:
                place = (lefts[column], top + heights[index] + gap // 2)
                _write(table, captions[index][column], place, widths[column], CAPTION_SIZE)
        top += heights[index] + caption_height + gap
    return table


def _column_widths(rows: Sequence[Sequence[Image.Image]]) -> list[int]:
    columns = max(len(row) for row in rows)
    return [max(row[column].width for row in rows if column < len(row)) for column in range(columns)]


def _write(sheet: Image.Image, text: str, place: tuple[int, int], width: int, size: int) -> None:
    """Writes one line, cut with an ellipsis so that it never runs into the next column."""
    font = ImageFont.load_default(size)
    while text and font.getlength(text) > width:
        text = text.rstrip("…")[:-1] + "…" if len(text) > 1 else ""
    ImageDraw.Draw(sheet).text(place, text, fill=INK, font=font)


def _text_line(text: str) -> Image.Image:
    font = ImageFont.load_default(CAPTION_SIZE)
    line = Image.new("RGB", (int(font.getlength(text)) + 2, CAPTION_SIZE + 5), BACKGROUND)
    ImageDraw.Draw(line).text((0, 0), text, fill=INK, font=font)
    return line
