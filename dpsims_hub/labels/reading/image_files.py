"""Opening image files that strangers hand in: size known before decoding, every failure one sentence."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from dpsims_hub.labels.classes.errors import LabelMapError
from dpsims_hub.labels.reading.png_chunks import fault_of_chunks
from dpsims_hub.labels.reading.png_rows import has_all_rows
from dpsims_hub.storage.placeholder_files import HEAD, placeholder, remedy_of

MAX_SIDE = 4096  # pixels; our choice: twice the side of a Cityscapes photo, 16 M ids at most
LOSSLESS_FORMATS = ("PNG", "BMP", "TIFF", "GIF", "PPM", "TGA")
LOSSY_FORMATS = (
    "JPEG",
    "MPO",
    "JPEG2000",
    "WEBP",
    "AVIF",
)  # MPO: what Pillow calls a JPEG with a second picture

_WHOLE: set[int] = set()  # hashes of files that this process has found to have all their rows


def open_image(path: str | Path) -> Image.Image:
    """Return the image at `path`, its header read and its pixels not yet decoded.

    Raises:
        FileNotFoundError: If there is nothing at `path`.
        LabelMapError: If it is a folder or a pipe, cannot be read, is no image, or has a side above 4096 px.
    """
    if os.path.isdir(path):
        raise LabelMapError(f"{path}: is a folder, not an image file.")
    if not os.path.exists(path):
        raise FileNotFoundError(f"{path}: no such file.")
    if not os.path.isfile(path):  # reading a pipe would wait for ever
        raise LabelMapError(f"{path}: is a pipe, socket or device, not an image file.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # check_size() is stricter
            image = Image.open(path, formats=_known_formats())
    except Image.DecompressionBombError:
        raise LabelMapError(f"{path}: has a side above {MAX_SIDE} px; make it smaller.", "large") from None
    except Image.UnidentifiedImageError:
        with open(path, "rb") as file:
            instead = placeholder(file.read(HEAD))
        raise LabelMapError(
            f"{path}: is not an image{f' but {instead}' if instead else '; give a PNG'}.",
            remedy_of(instead),
        ) from None
    except Exception as error:  # Pillow's format plugins raise many types on damaged headers
        raise LabelMapError(f"{path}: cannot be opened as an image ({_reason(error)}).") from error
    try:
        check_size(image.height, image.width, str(path))
    except LabelMapError:
        image.close()
        raise
    return image


def _known_formats() -> tuple[str, ...]:
    """Return our formats as far as this build of Pillow reads them; others (EPS runs programs) stay shut."""
    Image.init()
    return tuple(name for name in (*LOSSLESS_FORMATS, *LOSSY_FORMATS) if name in Image.OPEN)


def decode(image: Image.Image, where: str) -> None:
    """Decode the pixels of `image` in place.

    Raises:
        LabelMapError: If the file is cut off, damaged, or holds fewer rows than it says.
    """
    file = getattr(image, "fp", None)  # None once it is decoded
    if image.format == "PNG" and file is not None and (fault := _fault_of_png(file)):
        raise LabelMapError(f"{where}: {fault}; save it again.")
    try:
        image.load()
    except Exception as error:  # Pillow's decoders raise many types on damaged data
        runs = image.info.get("compression") == "tga_rle"
        hint = ", or its run lengths go on from row to row, which few programs read" if runs else ""
        raise LabelMapError(
            f"{where}: is damaged or cut off ({_reason(error)}){hint}; save it again."
        ) from error


def _fault_of_png(file: BinaryIO) -> str:
    """What a decoder would not say of a PNG; of a file on disk asked once: each epoch reads it again."""
    try:
        facts = os.fstat(file.fileno())
    except (AttributeError, OSError):  # bytes in memory
        return _fault_of_parts(file)
    name = hash((facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns))
    if name in _WHOLE:
        return ""
    if not (fault := _fault_of_parts(file)):
        _WHOLE.add(name)
    return fault


def _fault_of_parts(file: BinaryIO) -> str:
    return fault_of_chunks(file) or ("" if has_all_rows(file) else "holds fewer rows than its header says")


def check_size(height: int, width: int, where: str) -> None:
    """Refuse empty maps and sides above 4096 px.

    Raises:
        LabelMapError: If a side is 0 or above the limit.
    """
    if min(height, width) < 1:
        raise LabelMapError(f"{where}: is empty ({height} x {width} px).")
    if max(height, width) > MAX_SIDE:
        raise LabelMapError(
            f"{where}: is {height} x {width} px (height x width); the limit is {MAX_SIDE} px a side.",
            "large",
        )


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
