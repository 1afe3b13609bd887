"""Atomic writes: a file or folder is complete or absent, also after an error or a kill during writing."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any


@contextmanager
def atomic_file(path: str | Path, advice: str = "", *, hidden: bool = False) -> Iterator[Path]:
    """A path beside the target, which is renamed to the target when the block ends without an error.

    Args:
        path: the target; its folder is created if it is missing.
        advice: what to do if it cannot be written, such as "choose another --output".
        hidden: begin the name of the unfinished file with a dot.

    Raises:
        OSError: the target cannot be written. The unfinished file is deleted.
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
def atomic_folder(folder: Path) -> Iterator[Path]:
    """A new folder `NAME.tmp`, which replaces `folder` when the block ends, and is deleted on an error.

    Raises:
        OSError: it cannot be written.
    """
    unfinished = folder.with_name(f"{folder.name}.tmp")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        unfinished.mkdir(parents=True)
        yield unfinished
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    put_in_place(unfinished, folder)


def put_in_place(temporary: Path, final: Path) -> None:
    """Sync the folder `temporary`, and rename it to `final`; an older folder of that name is deleted.

    Between two renames the name `final` does not exist; `finish_interrupted` repairs a kill at that moment.
    """
    _sync(temporary)
    retired = final.with_name(f"{final.name}.old")
    shutil.rmtree(retired, ignore_errors=True)
    if final.exists():
        os.replace(final, retired)
    os.replace(temporary, final)
    _sync_folder(final.parent)
    shutil.rmtree(retired, ignore_errors=True)


def finish_interrupted(parent: Path) -> None:
    """Complete the renames that a kill interrupted. Several processes may call it at once."""
    for retired in parent.glob("*.old"):
        final = retired.with_suffix("")
        temporary = final.with_name(f"{final.name}.tmp")
        if not final.exists() and temporary.is_dir():
            with suppress(FileNotFoundError):  # another process was first
                os.replace(temporary, final)


def remove(folder: Path) -> None:
    """Delete a folder; it is renamed first, so that its name never stands for a part of its content."""
    doomed = folder.with_name(f"{folder.name}.tmp")
    os.replace(folder, doomed)
    shutil.rmtree(doomed)


def _sync(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        else:
            _sync_folder(path)
    _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows opens no folders
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check_new_folder(folder: Path) -> None:
    """Raise FileExistsError if the folder of `atomic_folder` exists and is not empty."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"{folder} is already there; delete it, or choose another folder.")


def write_json(path: str | Path, content: Any, advice: str = "") -> None:
    """Write JSON, indented by two; see `atomic_file`."""
    write_text_atomically(path, json.dumps(content, indent=2) + "\n", advice)


def write_text_atomically(path: str | Path, text: str, advice: str = "") -> None:
    """Write a text file in UTF-8; see `atomic_file`."""
    with atomic_file(path, advice) as unfinished:
        unfinished.write_text(text, encoding="utf-8")
