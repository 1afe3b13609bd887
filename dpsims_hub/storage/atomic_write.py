"""Atomic writes: a file is complete or absent, whatever happens while it is written."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_file(path: str | Path, advice: str = "", *, hidden: bool = False) -> Iterator[Path]:
    """A path beside the target, renamed to it when the block ends without an error.

    Args:
        path: the target; its folder is made where it is missing.
        advice: what to do if it cannot be written, such as "choose another --output".
        hidden: begin the name of the unfinished file with a dot.

    Raises:
        OSError: the target cannot be written. No unfinished file stays.
    """
    path = Path(path)
    unfinished = path.with_name(f"{'.' if hidden else ''}{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield unfinished
        unfinished.replace(path)
    except OSError as error:
        more = f"; {advice}" if advice else ""
        raise OSError(f"cannot write {path} ({error.strerror or error}){more}.") from error
    finally:
        if path.parent.is_dir():
            unfinished.unlink(missing_ok=True)


@contextmanager
def atomic_new_folder(folder: Path) -> Iterator[Path]:
    """A new folder `NAME.tmp`, renamed to `folder` when the block ends without an error, else deleted.

    Raises:
        OSError: it cannot be written.
    """
    unfinished = folder.with_name(f"{folder.name}.tmp")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        unfinished.mkdir(parents=True)
        yield unfinished
        unfinished.replace(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def check_new_folder(folder: Path) -> None:
    """Raise FileExistsError if the folder of `atomic_new_folder` exists and is not empty."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"{folder} is already there; delete it, or choose another folder.")


def write_text_atomically(path: str | Path, text: str, advice: str = "") -> None:
    """Write a text file in UTF-8; see `atomic_file`."""
    with atomic_file(path, advice) as unfinished:
        unfinished.write_text(text, encoding="utf-8")
