"""Checks that a file or folder can be written, before the work whose results it will hold."""

import os
from pathlib import Path

from dpsims_hub.storage.links import leads_nowhere


def check_writable(folder: Path) -> None:
    """Check the nearest existing parent of a folder; OSError if it cannot be written. Nothing is created."""
    place = folder.absolute()
    while not place.exists():
        if leads_nowhere(place):
            raise OSError(
                f"cannot write to {folder}: {place} is a link that leads nowhere; choose another place."
            )
        place = place.parent
    if not place.is_dir():
        raise OSError(f"cannot write to {folder}: {place} is a file, not a folder; choose another place.")
    if not os.access(place, os.W_OK | os.X_OK):
        raise OSError(f"cannot write to {folder}: no permission in {place}; choose another place.")


def check_file(path: Path) -> None:
    """Check that a file can be written.

    Raises:
        OSError: the path is a folder or a link that leads nowhere, or its folder cannot be written to.
    """
    if path.is_dir():
        raise OSError(f"cannot write {path}: it is a folder; give a file name.")
    if leads_nowhere(path):
        raise OSError(f"cannot write {path}: the link leads nowhere; choose another place.")
    check_writable(path.parent)
