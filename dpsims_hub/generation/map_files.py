"""The label maps that a command line names, their names, and the paths of their photos."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from dpsims_hub.generation.jobs import Job
from dpsims_hub.labels.sources.pairing import check_label_suffix, printable_path
from dpsims_hub.storage.hidden_files import is_hidden
from dpsims_hub.storage.links import real_path
from dpsims_hub.storage.writable import check_writable

MAP_SUFFIXES = (".png", ".tif", ".tiff", ".bmp", ".gif")
MAX_NAME_BYTES = 200  # of the 255 that file systems allow; the rest is for the number and the suffixes


def find_maps(paths: Sequence[Path], label_suffix: str = "", subfolders: bool = True) -> list[Job]:
    """The label maps of files and folders, each with a unique name (`unique_names`).

    The maps of a folder are sorted by path. Their stems end in `label_suffix`; its other files are ignored.
    With `subfolders` these are searched too, and a folder with `labels/` stands for `labels/`.

    Raises:
        FileNotFoundError: a path does not exist, or a folder holds no image.
        ValueError: a path is not UTF-8, or `label_suffix` holds a path or a file ending.
    """
    check_label_suffix(label_suffix, MAP_SUFFIXES)
    found: list[tuple[Path, str]] = []
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(f"{path}: no such file or folder.")
        found += _maps_of(path, label_suffix, subfolders) if path.is_dir() else [(path, path.name)]
    for path, _ in found:
        if (printable := printable_path(str(path))) != str(path):
            raise ValueError(f"{printable}: its name is not UTF-8; rename it.")
    names = unique_names(source for _, source in found)
    return [Job(*one, name, index) for index, (one, name) in enumerate(zip(found, names, strict=True))]


def check_name_lengths(maps: Sequence[Job]) -> None:
    """Raises ValueError if a map's name is too long for the files of a data set."""
    for one in maps:
        if len(one.name.encode()) > MAX_NAME_BYTES:
            raise ValueError(
                f"{one.path}: its photos would be called {one.name[:20]}..., a name of more than "
                f"{MAX_NAME_BYTES} bytes; shorten the path, or give a folder further down."
            )


def label_folder(folder: Path) -> Path:
    """The `labels/` of a folder if it has one, else the folder itself."""
    return folder / "labels" if (folder / "labels").is_dir() else folder


def unique_names(sources: Iterable[str]) -> list[str]:
    """A name for each relative path, unique without regard to letter case.

    The parts of a path are joined by two underscores: "town/a.png" is called "town__a". Of equal names the
    second and later ones get a number, from 2 on.
    """
    wanted = ["__".join(PurePosixPath(source).with_suffix("").parts) for source in sources]
    taken, last = {name.casefold() for name in wanted}, {}
    for place, name in enumerate(wanted):
        key = name.casefold()
        if key in last:
            number = last[key] + 1
            while f"{key}__{number}" in taken:
                number += 1
            last[key] = number
            taken.add(f"{key}__{number}")
            wanted[place] = f"{name}__{number}"
        else:
            last[key] = 1
    return wanted


def check_apart(paths: Sequence[Path], folder: Path) -> None:
    """Checks that the folder of a data set can be written and does not lie in a folder of its label maps.

    Raises:
        ValueError: it does, so that a later run would read its labels as inputs.
        OSError: the folder cannot be written.
    """
    check_writable(folder)
    place = real_path(folder)
    for path in paths:
        inputs = real_path(label_folder(path))
        if path.is_dir() and place.is_relative_to(inputs):
            raise ValueError(f"{folder}: is in {path}, where the label maps are; choose another folder.")


def photo_path(folder: Path, label_map: Path, number: int) -> Path:
    """The path of photo `number` of a label map, in a folder of photos only."""
    return folder / f"{label_map.stem}_{number}.png"


def check_outputs(maps: Sequence[Path], folder: Path, num_images: int, sheet: str = "") -> None:
    """Checks that the photos of label maps have different paths, and that no output would replace a map.

    `sheet` is the name of the sheet in `folder`; "" without one.

    Raises:
        ValueError: two maps have one name, or an output would replace a map.
        OSError: the folder cannot be written.
    """
    check_writable(folder)
    by_stem: dict[str, Path] = {}
    for path in maps:
        other = by_stem.setdefault(path.stem, path)
        if other is not path:
            raise ValueError(
                f"{other} and {path} have one name, so their photos would too; call once for each."
            )
    inputs = {real_path(path) for path in maps}
    targets = [("photo", photo_path(folder, path, number)) for path in maps for number in range(num_images)]
    for what, target in [*targets, *([("sheet", folder / sheet)] if sheet else [])]:
        if target.exists() and real_path(target) in inputs:
            raise ValueError(f"the {what} {target} would replace a label map; choose another --output.")


def _maps_of(folder: Path, label_suffix: str, subfolders: bool) -> list[tuple[Path, str]]:
    """The label maps in a folder, without hidden files, and their relative paths; sorted by these."""
    found, seen, top = [], set(), label_folder(folder) if subfolders else folder
    for place, folders, files in os.walk(top, followlinks=True):
        link_back = os.path.realpath(place) in seen  # a link to a folder that was searched
        seen.add(os.path.realpath(place))
        folders[:] = [name for name in folders if subfolders and not link_back and not is_hidden(name)]
        for name in () if link_back else files:
            if _is_map(name, label_suffix):
                path = Path(place, name)
                found.append((path, path.relative_to(top).as_posix()))
    if not found:
        hint = ", nor do its subfolders." if subfolders else "."
        if not subfolders and (top / "labels").is_dir():
            hint = f"; did you mean {top / 'labels'}?"
        ending = f" whose names end in {label_suffix}" if label_suffix else ""
        raise FileNotFoundError(f"{top}: holds no label maps{ending} ({', '.join(MAP_SUFFIXES)}){hint}")
    return sorted(found, key=lambda pair: pair[1])


def _is_map(name: str, label_suffix: str) -> bool:
    path = Path(name)
    return path.suffix.lower() in MAP_SUFFIXES and path.stem.endswith(label_suffix) and not is_hidden(name)
