"""Files that visitors hand in: size known first, one at a time, gone afterwards, refused in one sentence."""

from __future__ import annotations

import base64
import binascii
import tempfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np

from dpsims_hub.labels import ClassSpec, LabelMapError, read_label_map
from dpsims_hub.space.fitting import fit
from dpsims_hub.space.model_registry import ModelInfo

MAX_FILE_BYTES = 8 * 10**6
_ONE_AT_A_TIME = threading.Lock()  # a 4096x4096 colour map takes about 400 MB and 3 s while it is read
_DOOR = threading.BoundedSemaphore(
    4
)  # that many threads may be here; the others of the server go on painting


def read_map_file(
    content: bytes, name: Any, model_info: ModelInfo, *, stored: bool = False, whole: bool = False
) -> tuple[np.ndarray, str]:
    """Read a label map file at a model's size.

    Args:
        content: of the file.
        name: what the visitor called it; messages name nothing else.
        model_info: the model.
        stored: take the numbers as those of the data set's own files (ADE20K: id + 1). They are taken so
            anyway, and the note says it, where they make no sense otherwise.
        whole: set the map into the model's shape with bands of unknown pixels, instead of cropping it.

    Returns:
        Ids of the model's size (H, W), and what the visitor should know about the reading, "" for nothing.

    Raises:
        LabelMapError: the file is too large or cannot be read exactly.
    """
    name = clean_name(name)
    with file_of(content, name) as path:
        try:
            with one_reader():
                label_map, notes = _read_noting(path, name, model_info.spec, stored)
        except LabelMapError as error:
            raise LabelMapError(str(error).replace(str(path), name)) from None
    label_map, note = fit(label_map, model_info.size, model_info.spec.ignore_index if whole else None)
    return label_map, " ".join(text for text in (note, *notes) if text)


@contextmanager
def one_reader() -> Iterator[None]:
    """Hold the right to decode a stranger's image: one at a time, three may wait, others are told so at once.

    Raises:
        LabelMapError: three are waiting already.
    """
    if not _DOOR.acquire(blocking=False):
        raise LabelMapError("many files are being read; try again in a moment.")
    try:
        with _ONE_AT_A_TIME:
            yield
    finally:
        _DOOR.release()


def content_of(data: Any, name: Any) -> bytes:
    """Return the content of a file that a page sent.

    Args:
        data: base64, or a whole data URL.
        name: what the visitor called the file.

    Raises:
        LabelMapError: there are none, or they are no base64.
    """
    name = clean_name(name)
    if not isinstance(data, str) or not data:
        raise LabelMapError(f"{name}: came without content; choose the file again.")
    try:
        return base64.b64decode(data[data.find(",") + 1 :], validate=True)
    except (binascii.Error, ValueError):
        raise LabelMapError(f"{name}: arrived damaged; choose the file again.") from None


@contextmanager
def file_of(content: bytes, name: Any) -> Iterator[Path]:
    """Hold a visitor's content as a temporary file until the block ends; yields its path.

    Raises:
        LabelMapError: there is too much of it.
    """
    if len(content) > MAX_FILE_BYTES:
        raise LabelMapError(_too_large(clean_name(name), len(content)))
    with tempfile.TemporaryDirectory(prefix="dpsims_upload_") as folder:
        path = Path(folder) / "upload"
        path.write_bytes(content)
        yield path


def clean_name(name: Any) -> str:
    """Return a visitor's file name as messages may repeat it: no folders, printable, at most 60 letters."""
    text = PureWindowsPath(PurePosixPath(str(name)).name).name
    printable = "".join(letter for letter in text if letter.isprintable()).strip()
    return printable[-60:] or "the file"


def _read_noting(path: Path, name: str, spec: ClassSpec, stored: bool) -> tuple[np.ndarray, list[str]]:
    """Read a map as plain ids or, where only that makes sense, as stored values; warnings become notes."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            label_map, note = read_label_map(path, spec, stored=stored, name=name), ""
        except LabelMapError:
            if stored or spec.stores_ids:
                raise
            try:
                label_map = read_label_map(path, spec, stored=True, name=name)
            except LabelMapError:
                label_map = None
            if label_map is None:
                raise
            note = f"The numbers were read as those of {spec.name}'s own files, not as plain ids."
    said = [str(one.message) for one in caught if issubclass(one.category, UserWarning)]
    return label_map, [note, *said]


def _too_large(name: str, size: int) -> str:
    return f"{name}: has {size / 1e6:.1f} MB; the limit is {MAX_FILE_BYTES / 1e6:.0f} MB."
