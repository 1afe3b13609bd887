"""The files of a Space: the package with its bundled models, the script, the requirements, the README.md.

The package is uploaded as files. The Space therefore runs the version that is installed here, independent of
the version that a package index has.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import dpsims_hub
from dpsims_hub.hub.publish import files_to_upload
from dpsims_hub.storage.atomic_write import atomic_folder, check_new_folder

PACKAGE = Path(dpsims_hub.__file__).parent
OWNED = ("dpsims_hub/",)
"""Path prefixes of the Space: an upload removes other files there."""

_FROM_CLONE = ("space_app.py", "requirements.txt", "LICENSE")


def space_files() -> dict[str, Path]:
    """The files by their path in the Space; raises FileNotFoundError outside a clone of the repository."""
    files = {"README.md": PACKAGE / "space" / "README.md"}
    files |= {name: PACKAGE.parent / name for name in _FROM_CLONE}
    for path in files.values():
        if not path.is_file():
            raise FileNotFoundError(
                f"{path}: is missing; a Space is published from a clone of the repository, where it lies."
            )
    package = {f"{PACKAGE.name}/{name}": path for name, path in files_to_upload(PACKAGE).items()}
    return dict(sorted((files | package).items()))


def write_space(files: Mapping[str, Path], folder: Path) -> None:
    """Write the files of a Space into a new folder, to test the Space there.

    Raises:
        FileExistsError: the folder is not empty.
        OSError: it cannot be written.
    """
    check_new_folder(folder)
    with atomic_folder(folder) as unfinished:
        for name, path in files.items():
            target = unfinished / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
