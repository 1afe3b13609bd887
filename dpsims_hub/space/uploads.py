"""Files of visitors: the size is checked first, one at a time is decoded, and none is written to disk."""

from __future__ import annotations

import base64
import io
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np
from PIL import Image

from dpsims_hub.labels import ClassSpec, LabelMapError, read_label_map
from dpsims_hub.labels.reading.image_files import open_content
from dpsims_hub.space.fitting import fit
from dpsims_hub.space.model_registry import ModelInfo

MAX_FILE_BYTES = 8 * 10**6
_READING = threading.Lock()  # a 4096x4096 colour map takes about 400 MB and 3 s while it is read
_PLACES = threading.BoundedSemaphore(4)  # one file is read and three wait; other threads remain for photos


def read_map_file(
    content: bytes, name: str, model_info: ModelInfo, *, stored: bool = False, whole: bool = False
) -> tuple[np.ndarray, str]:
    """Read a label map file at a model's size; `name` is that of the file, for messages.

    With `stored`, the numbers are those of the data set's own files (ADE20K: id + 1). Without it they are
    read like that, with a note, only if plain ids do not fit the classes. With `whole`, the whole map is kept
    between bands of unknown pixels instead of being cropped.

    Returns:
        Ids at the model's size (H, W), and a note on the reading, which may be "".

    Raises:
        LabelMapError: the file is too large or cannot be read exactly.
    """
    with one_reader():
        label_map, notes = _read_noting(content, clean_name(name), model_info.spec, stored)
    label_map, note = fit(label_map, model_info.size, model_info.spec.ignore_index if whole else None)
    return label_map, " ".join(text for text in (note, *notes) if text)


@contextmanager
def one_reader() -> Iterator[None]:
    """Let one thread at a time decode an image of a visitor, while at most three others wait.

    Raises:
        LabelMapError: three others are waiting already.
    """
    if not _PLACES.acquire(blocking=False):
        raise LabelMapError("many files are being read; try again in a moment.")
    try:
        with _READING:
            yield
    finally:
        _PLACES.release()


def content_of(data: Any, name: str) -> bytes:
    """Return the content of a file that a page sent in base64, with or without the head of a data URL.

    Raises:
        LabelMapError: there are no data, or they are not base64.
    """
    if not isinstance(data, str) or not data:
        raise LabelMapError(f"{name}: came without content; choose the file again.")
    try:
        return base64.b64decode(data[data.find(",") + 1 :], validate=True)
    except ValueError:
        raise LabelMapError(f"{name}: arrived damaged; choose the file again.") from None


def open_upload(content: bytes, name: str) -> Image.Image:
    """Return the undecoded image of a visitor's file; `name` is for messages.

    Raises:
        LabelMapError: the file is too large, is no image, or has a side above 4096 px.
    """
    if len(content) > MAX_FILE_BYTES:
        size = -(-len(content) // 10**5) / 10  # rounded up, so that it is above the limit
        raise LabelMapError(f"{name}: has {size:.1f} MB; the limit is {MAX_FILE_BYTES / 1e6:.0f} MB.")
    return open_content(io.BytesIO(content), name)


def clean_name(name: Any) -> str:
    """Return a visitor's file name for messages: no folders, printable, at most 60 characters."""
    text = PureWindowsPath(PurePosixPath(str(name)).name).name
    printable = "".join(letter for letter in text if letter.isprintable()).strip()
    return printable[-60:] or "the file"


def _read_noting(content: bytes, name: str, spec: ClassSpec, stored: bool) -> tuple[np.ndarray, list[str]]:
    """Read a map as plain ids or, if only those fit, as stored values; warnings become notes."""
    note = ""
    with warnings.catch_warnings(record=True) as caught, open_upload(content, name) as image:
        warnings.simplefilter("always")
        try:
            label_map = read_label_map(image, spec, stored=stored, name=name)
        except LabelMapError as refusal:
            if stored or spec.stores_ids:
                raise
            try:
                label_map = read_label_map(image, spec, stored=True, name=name)
            except LabelMapError:
                raise refusal from None
            note = f"The numbers were read as those of {spec.name}'s own files, not as plain ids."
    warned = [str(one.message) for one in caught if issubclass(one.category, UserWarning)]
    return label_map, [note, *warned]
