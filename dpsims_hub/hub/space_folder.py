"""The files of a Space: the package with its bundled model, the script, what to install, the front page.

The package goes up as files, so that the Space runs what is installed here, whatever any index has.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import dpsims_hub
from dpsims_hub.hub.publish import files_to_upload

PACKAGE = Path(dpsims_hub.__file__).parent
OWNED = ("dpsims_hub/",)
"""Beginnings of paths that belong to the Space: what an upload does not bring is removed."""

_FROM_CLONE = ("space_app.py", "requirements.txt", "LICENSE")


def space_files() -> dict[str, Path]:
    """The files by their path in the Space.

    Raises:
        FileNotFoundError: the package lies alone, without the scripts of the repository, or lacks a file.
    """
    files = {"README.md": PACKAGE / "space" / "README.md"}
    files |= {name: PACKAGE.parent / name for name in _FROM_CLONE}
    for path in files.values():
        if not path.is_file():
            raise FileNotFoundError(
                f"{path}: is missing; a Space is published from a clone of the repository, where it lies."
            )
    package = {f"{PACKAGE.name}/{name}": path for name, path in files_to_upload(PACKAGE).items()}
    return dict(sorted((files | package).items()))


def write_space(folder: Path) -> None:
    """Write the files into a new folder, to try the Space from there.

    Raises:
        FileExistsError: the folder is there and holds something.
        OSError: it cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"{folder} is already there; delete it, or choose another folder.")
    unfinished = folder.with_name(f"{folder.name}.tmp")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        for name, path in space_files().items():
            target = unfinished / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        unfinished.replace(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
