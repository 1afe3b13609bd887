"""Opening of image files from users: sizes are checked before decoding, and every error is one sentence."""

from __future__ import annotations

import os
import warnings
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from dpsims_hub.labels.classes.errors import LabelMapError
from dpsims_hub.labels.reading.png_faults import fault_of_chunks, has_all_rows
from dpsims_hub.storage.error_text import first_line
from dpsims_hub.storage.placeholder_files import HEAD, placeholder, remedy_of

MAX_SIDE = 4096  # pixels; our choice: twice the longer side of a Cityscapes photo
LOSSLESS_FORMATS = ("PNG", "BMP", "TIFF", "GIF", "PPM", "TGA")
LOSSY_FORMATS = ("JPEG", "MPO", "JPEG2000", "WEBP", "AVIF")  # MPO: a JPEG with a second picture

FEWER_ROWS = "holds fewer rows than its header says"
_WHOLE: set[int] = set()  # hashes of files that this process has checked


def open_image(path: str | Path) -> Image.Image:
    """Return the undecoded image at `path`.

    Raises:
        FileNotFoundError: If there is nothing at `path`.
        LabelMapError: If it is a folder or a pipe, cannot be read, is no image, or has a side above 4096 px.
    """
    if os.path.isdir(path):
        raise LabelMapError(f"{path}: is a folder, not an image file.")
    if not os.path.exists(path):
        raise FileNotFoundError(f"{path}: no such file.")
    if not os.path.isfile(path):  # reading a pipe would block
        raise LabelMapError(f"{path}: is a pipe, socket or device, not an image file.")
    return open_content(path, str(path))


def open_content(source: str | Path | BytesIO, name: str) -> Image.Image:
    """Return the undecoded image of a file or of bytes; `name` is its name in messages.

    Raises:
        LabelMapError: If it cannot be read, is no image, or has a side above 4096 px.
    """
    Image.init()  # a Pillow build may lack some formats; no others are opened (EPS runs programs)
    formats = [kind for kind in (*LOSSLESS_FORMATS, *LOSSY_FORMATS) if kind in Image.OPEN]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # check_size() is stricter
            image = Image.open(source, formats=formats)
    except Image.DecompressionBombError:
        raise LabelMapError(f"{name}: has a side above {MAX_SIDE} px; make it smaller.", "large") from None
    except Image.UnidentifiedImageError:
        instead = placeholder(_head(source))
        raise LabelMapError(
            f"{name}: is not an image{f' but {instead}' if instead else '; give a PNG'}.",
            remedy_of(instead),
        ) from None
    except Exception as error:  # Pillow's format plugins raise many types on damaged headers
        raise LabelMapError(f"{name}: cannot be opened as an image ({first_line(error)}).") from error
    try:
        check_size(image.height, image.width, name)
    except LabelMapError:
        image.close()
        raise
    return image


def _head(source: str | Path | BytesIO) -> bytes:
    if isinstance(source, BytesIO):
        return source.getvalue()[:HEAD]
    with open(source, "rb") as file:
        return file.read(HEAD)


def decode(image: Image.Image, where: str) -> None:
    """Decode the pixels of `image` in place; `where` is its name in messages.

    Raises:
        LabelMapError: If the file is truncated, damaged, or holds fewer rows than its header says.
    """
    file = getattr(image, "fp", None) if image.format == "PNG" else None  # None once it is decoded
    if file is not None and (fault := _fault_of_png(file)):
        raise LabelMapError(f"{where}: {fault}; save it again.")
    try:
        image.load()
    except Exception as error:  # Pillow's decoders raise many types on damaged data
        runs = image.info.get("compression") == "tga_rle"
        hint = ", or its run lengths go on from row to row, which few programs read" if runs else ""
        raise LabelMapError(
            f"{where}: is damaged or cut off ({first_line(error)}){hint}; save it again."
        ) from error
    if isinstance(file, BytesIO) and _may_lack_rows(image) and not has_all_rows(file):
        raise LabelMapError(f"{where}: {FEWER_ROWS}; save it again.")


def _may_lack_rows(image: Image.Image) -> bool:
    """Return whether rows of a decoded PNG may be missing: decoders fill the last ones with 0."""
    last = image.crop((0, image.height - 1, image.width, image.height))
    return "interlace" in image.info or not np.asarray(last).any()


def _fault_of_png(file: BinaryIO) -> str:
    """Return the fault that a decoder would not report; files on disk are checked once per process.

    The rows of a PNG in memory are not counted here: `decode` counts them afterwards if the last one is 0.
    """
    try:
        facts = os.fstat(file.fileno())
    except (AttributeError, OSError):  # bytes in memory
        return fault_of_chunks(file) if isinstance(file, BytesIO) else _fault_of_parts(file)
    name = hash((facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns))
    fault = "" if name in _WHOLE else _fault_of_parts(file)
    if not fault:
        _WHOLE.add(name)
    return fault


def _fault_of_parts(file: BinaryIO) -> str:
    return fault_of_chunks(file) or ("" if has_all_rows(file) else FEWER_ROWS)


def check_size(height: int, width: int, where: str) -> None:
    """Refuse empty maps and sides above 4096 px; `where` is their name in messages.

    Raises:
        LabelMapError: If a side is 0 or above the limit.
    """
    if min(height, width) < 1:
        raise LabelMapError(f"{where}: is empty ({width} x {height} px).")
    if max(height, width) > MAX_SIDE:
        raise LabelMapError(
            f"{where}: is {width} x {height} px (width x height); the limit is {MAX_SIDE} px a side.",
            "large",
        )
