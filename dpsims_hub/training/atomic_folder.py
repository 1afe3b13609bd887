"""Atomic writes of folders: each is complete or absent, whenever the process is killed."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path


def put_in_place(temporary: Path, final: Path) -> None:
    """Sync the folder `temporary`, and rename it to `final`, which replaces an older one.

    For a moment neither name exists; `finish_interrupted` repairs a kill at that moment.
    """
    _sync(temporary)
    retired = final.with_name(f"{final.name}.old")
    shutil.rmtree(retired, ignore_errors=True)
    if not final.exists():
        os.replace(temporary, final)
    else:
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
            with contextlib.suppress(FileNotFoundError):  # another process was first
                os.replace(temporary, final)


def remove(folder: Path) -> None:
    """Delete a folder; its name disappears before its content does."""
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
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
