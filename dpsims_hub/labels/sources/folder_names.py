"""Hints for a folder without `images/` and `labels/`: what it holds, and what to do."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from dpsims_hub.labels.sources.pairing import MAP_SUFFIXES, PHOTO_SUFFIXES
from dpsims_hub.storage.hidden_files import is_hidden

ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".7z", ".rar")
OTHER_LISTS = ("classes.txt", "classes.yaml", "labels.txt", "labelmap.txt", "data.yaml", "obj.names")
SUFFIXES = {"images": PHOTO_SUFFIXES, "labels": MAP_SUFFIXES}
ANNOTATIONS = (".json", ".ndjson", ".jsonl", ".xml")
OTHER_FOLDERS = {
    "images": (
        *("images", "JPEGImages", "img", "imgs", "image", "photos", "img_dir", "images_png", "image_2"),
        *("imagesTr", "RGB", "train_x"),
    ),
    "labels": (
        *("labels", "SegmentationClass", "SegmentationClassPNG", "masks", "mask", "masks_machine", "label"),
        *("annotations", "ann_dir", "masks_png", "semantic", "labelsTr", "annot", "train_y", "defaultannot"),
    ),
}
"""Names of these folders in CVAT, Labelme, Labelbox, Supervisely, mmsegmentation, LoveDA, KITTI, nnU-Net."""


def other_names_hint(base: Path) -> str:
    """Return how to make pairs of the content of `base`, to be appended to a sentence; "" without advice."""
    if base.name in OTHER_FOLDERS and all((base.parent / name).is_dir() for name in OTHER_FOLDERS):
        return f"; give the folder above, {base.parent}"
    if hint := _panoptic_hint(base):
        return hint
    if renames := [f"{other}/ to {name}/" for name, other in _renames(base).items()]:
        return f"; rename {' and '.join(renames)}"
    names = _names(base)
    if archives := [name for name in names if name.lower().endswith(ARCHIVES)]:
        return f"; unpack {archives[0]}"
    if any(name.lower().endswith(PHOTO_SUFFIXES) for name in names):
        return "; photos lie in it directly: move them into images/ below it, and the label maps into labels/"
    folders = [name for name in names if (base / name).is_dir()]
    if inner := next((name for name in folders if len(_renames(base / name, given=True)) == 2), None):
        return f"; give the folder below, {base / inner}"
    if note := _annotations(base, folders):
        return f"; {note} holds annotations and is no label map: export masks as PNG with its tool"
    return f"; here are {', '.join(f'{name}/' for name in folders[:4])}" if folders else ""


def other_list_hint(folders: Sequence[Path]) -> str:
    """Return the class list of another tool in the folders, to be appended to a sentence; "" for none."""
    for folder in folders:
        for name in OTHER_LISTS:
            if (folder / name).is_file():
                return f" or {folder / name} with --classes"
    return ""


def _panoptic_hint(base: Path) -> str:
    for place in (base, base / "annotations"):
        if found := sorted(place.glob("panoptic_*.json")) or sorted(place.glob("panoptic*.json")):
            maps = found[0].with_suffix("")
            return (
                f"; {found[0]} is COCO's panoptic file, whose maps hold numbers of segments: write labels/ "
                "and classes.json with dpsims_hub.labels.reading.panoptic.write_panoptic_maps"
                f'("{found[0]}", "{maps if maps.is_dir() else place}", FOLDER), and put the photos into '
                "FOLDER/images/"
            )
    return ""


def _renames(base: Path, *, given: bool = False) -> dict[str, str]:
    """Return the folder to rename to `images` and to `labels`; with `given` also where one exists."""
    there = {name.casefold(): name for name in reversed(_names(base)) if (base / name).is_dir()}
    found = {}
    for name, others in OTHER_FOLDERS.items():
        if (base / name).is_dir() and not given:
            continue
        named = [there[other.casefold()] for other in others if other.casefold() in there]
        held = [other for other in named if _holds(base / other, SUFFIXES[name])]
        found |= {name: held[0]} if held else {}
    return found


def _holds(folder: Path, suffixes: tuple[str, ...]) -> bool:
    """Return whether a folder or one of its subfolders holds a file with one of these endings."""
    places = [folder, *(folder / name for name in _names(folder) if (folder / name).is_dir())]
    return any(name.lower().endswith(suffixes) for place in places for name in _names(place))


def _annotations(base: Path, folders: Sequence[str]) -> str:
    places = ["", *(name for name in folders if name.casefold() in ("annotations", "ann", "labels"))]
    for place in places:
        for name in _names(base / place):
            if name.lower().endswith(ANNOTATIONS) and name not in ("classes.json", "config.json"):
                return f"{place}/{name}" if place else name
    return ""


def _names(folder: Path) -> list[str]:
    try:
        return sorted(name for name in os.listdir(folder) if not is_hidden(name))
    except OSError:
        return []
