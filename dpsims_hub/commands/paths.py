"""Which label maps a command line names, and where their photos go, checked before any work."""

import os
from collections.abc import Sequence
from pathlib import Path

MAP_SUFFIXES = (".png", ".tif", ".tiff", ".bmp", ".gif")


def collect_maps(paths: Sequence[Path]) -> list[Path]:
    """The label maps that files and folders stand for; a folder gives its images, sorted by name.

    Raises:
        FileNotFoundError: a path does not exist, or a folder holds no image.
    """
    maps: list[Path] = []
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(f"{path}: no such file or folder.")
        maps += _maps_in(path) if path.is_dir() else [path]
    return maps


def photo_path(folder: Path, label_map: Path, number: int) -> Path:
    """Where photo `number` of a label map goes: {name of the map}_{number}.png."""
    return folder / f"{label_map.stem}_{number}.png"


def check_outputs(maps: Sequence[Path], folder: Path, num_images: int) -> None:
    """Checks that every photo has a place of its own, and that no photo would replace a label map.

    Args:
        maps: the label maps.
        folder: for the photos.
        num_images: photos of each map.

    Raises:
        ValueError: two maps have one name, or a photo would replace a map.
        OSError: the folder cannot be written.
    """
    _check_writable(folder)
    by_stem: dict[str, Path] = {}
    for path in maps:
        other = by_stem.setdefault(path.stem, path)
        if other is not path:
            raise ValueError(
                f"{other} and {path} have one name, so their photos would too; call once for each."
            )
    inputs = {path.resolve() for path in maps}
    for path in maps:
        for number in range(num_images):
            target = photo_path(folder, path, number)
            if target.resolve() in inputs:
                raise ValueError(f"the photo {target} would replace a label map; choose another --output.")


def _maps_in(folder: Path) -> list[Path]:
    maps = sorted(path for path in folder.iterdir() if path.suffix.lower() in MAP_SUFFIXES and path.is_file())
    if not maps:
        hint = f"; did you mean {folder / 'labels'}?" if (folder / "labels").is_dir() else "."
        raise FileNotFoundError(f"{folder}: holds no label maps ({', '.join(MAP_SUFFIXES)}){hint}")
    return maps


def _check_writable(folder: Path) -> None:
    """Looks at the nearest folder that exists, so that nothing is made where nothing will be written."""
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    if not place.is_dir():
        raise OSError(f"cannot write to {folder}: {place} is a file, not a folder; choose another --output.")
    if not os.access(place, os.W_OK | os.X_OK):
        raise OSError(f"cannot write to {folder}: no permission in {place}; choose another --output.")
