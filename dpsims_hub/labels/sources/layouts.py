"""Layouts of folders of pairs: the plain one, and ADE20K, COCO-Stuff and Cityscapes as distributed.

`TREES` has one or several rows for each layout. Files are listed, not opened. Files without a partner are
listed too.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from dpsims_hub.labels.classes.spec import ClassSpec
from dpsims_hub.labels.sources.folder_names import other_list_hint, other_names_hint
from dpsims_hub.labels.sources.pairing import (
    MAP_SUFFIXES,
    PHOTO_SUFFIXES,
    check_label_suffix,
    near_pair_hint,
    no_pair_hint,
    one_form,
    other_kind_hint,
    printable_path,
    suffix_flag,
    suffix_hint,
    with_stems_of,
)
from dpsims_hub.storage.hidden_files import is_hidden

DERIVED_ENDINGS = ("_labelTrainIds", "_instanceTrainIds")  # maps that Cityscapes' scripts derive


class PairFiles(NamedTuple):
    """The files of one pair: paths relative to the root of the listing, with forward slashes."""

    stem: str
    photo: str
    label: str
    instances: str | None = None


class Tree(NamedTuple):
    """Folders of a layout; `{split}` stands for the name of a split.

    `splits` are the splits that the layout can have (empty: any). `endings` follow the stem in the names of
    photos, maps and instance maps. `nested` means that files are one folder deeper (by city).
    """

    layout: str
    photos: str
    labels: str
    instances: str = ""
    splits: tuple[str, ...] = ()
    endings: tuple[str, str, str] = ("", "", "")
    nested: bool = False


TITLES = {"cityscapes": "Cityscapes", "ade20k": "ADE20K", "coco-stuff": "COCO-Stuff"}
PLAIN = Tree("folder", "images", "labels", "instances")
PLAIN_SPLIT_INSIDE = Tree("folder", "images/{split}", "labels/{split}", "instances/{split}")
TREES = (
    Tree(
        "cityscapes",
        "leftImg8bit/{split}",
        "gtFine/{split}",
        "gtFine/{split}",
        endings=("_leftImg8bit", "_gtFine_labelIds", "_gtFine_instanceIds"),
        nested=True,
    ),
    Tree("ade20k", "images/{split}", "annotations/{split}", splits=("training", "validation")),
    *(
        Tree("coco-stuff", photos, f"{labels}/{{split}}", splits=("train2017", "val2017"))
        for photos in ("{split}", "images/{split}")
        for labels in ("stuffthingmaps_trainval2017", "stuffthingmaps", "annotations")
    ),
    Tree("coco-stuff", "{split}_img", "{split}_label", "{split}_inst", splits=("train", "val")),  # of SPADE
    Tree("folder", "{split}/images", "{split}/labels", "{split}/instances"),
    PLAIN_SPLIT_INSIDE,
)
OTHER_SPLIT_NAMES = {
    "train": ("training", "train2017"),
    "training": ("train", "train2017"),
    "val": ("validation", "val2017"),
    "validation": ("val", "val2017"),
}
INNER_FOLDER = "ADEChallengeData2016"  # what the archive of ADE20K unpacks to


@dataclass(frozen=True)
class Listing:
    """The pairs of a folder, and the files without a partner."""

    root: Path  # all paths are relative to it
    layout: str  # "folder", "ade20k", "coco-stuff" or "cityscapes"
    pairs: list[PairFiles]  # sorted by stem
    unpaired: dict[str, list[str]]  # paths by kind of fault, such as "label map(s) without a photo"
    has_instances: bool  # whether the layout has instance maps
    split: str = ""  # its name in the paths
    hint: str = ""  # why files do not pair, to be appended to a sentence

    def spec(self) -> ClassSpec:
        """Return the classes: the folder's `classes.json`, else the layout's built-in list.

        A plain folder's `classes.json` may also lie in its parent.

        Raises:
            FileNotFoundError: If a plain folder has none.
            ClassSpecError: If the file is not a usable class list.
        """
        folders = [self.root / self.split, self.root]
        if self.layout == "folder":
            folders.append(Path(os.path.realpath(self.root)).parent)
        for folder in folders:
            if (folder / "classes.json").is_file():
                return ClassSpec.load(folder / "classes.json")
        if self.layout != "folder":
            return ClassSpec.load(self.layout)
        raise FileNotFoundError(
            f"{self.root / self.split}: no classes.json in it or in its parent; write one, or name a "
            f"built-in class list{other_list_hint(folders)}."
        )


def list_pairs(root: str | Path, split: str | None = None, label_suffix: str = "") -> Listing:
    """Detect the layout of a folder and list its pairs; no file is opened.

    Args:
        root: A folder with `images/` and `labels/` (optional `instances/`), one with such folders in each
            split or splits in such folders, or ADE20K, COCO-Stuff or Cityscapes as distributed.
        split: "train" or "val" for every layout, or the name of its folders; None and "" read a plain folder
            without splits.
        label_suffix: Text between stem and ending in the names of label maps, such as "_mask"; maps without
            it are ignored. "" takes the layout's default.

    Raises:
        FileNotFoundError: If there is no such folder, no layout in it, or no such split.
        ValueError: If the data set has splits and none was named, or the suffix is invalid.
    """
    base = Path(root)
    check_label_suffix(label_suffix, MAP_SUFFIXES)
    if base.is_file():
        raise ValueError(
            f"{base}: is a file, not a folder with images/, labels/ and a classes.json; unpack an archive, "
            "and name a parquet or webdataset file with --dataset_name."
        )
    if not base.is_dir():
        raise FileNotFoundError(
            f"{base}: no such folder; it should hold images/, labels/ and a classes.json."
        )
    base = base / INNER_FOLDER if (base / INNER_FOLDER).is_dir() else base
    found = [(tree, names) for tree in TREES if (names := _splits(base, tree))]
    if not split:
        if _is_plain(base, found):
            return _listing(base, PLAIN, "", label_suffix)
        raise _no_split_given(base, found)
    for tree, names in found:
        for name in (split, *OTHER_SPLIT_NAMES.get(split, ())):
            if name in names:
                return _listing(base, tree, name, label_suffix)
    raise _no_such_split(base, split, found)


def _splits(base: Path, tree: Tree) -> list[str]:
    """Return the splits for which both the folder of photos and that of maps exist."""
    names = tree.splits or sorted(_subfolders(base / tree.photos.partition("{split}")[0]))
    folders = (tree.photos, tree.labels)
    return [name for name in names if all((base / one.format(split=name)).is_dir() for one in folders)]


def _subfolders(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        return [one.name for one in entries if os.path.isdir(one.path) and not is_hidden(one.name)]


def _is_plain(base: Path, found: list[tuple[Tree, list[str]]]) -> bool:
    """Return whether photos are in `images/` itself and maps in `labels/`."""
    if not all((base / name).is_dir() for name in (PLAIN.photos, PLAIN.labels)):
        return False
    inside = any(tree is PLAIN_SPLIT_INSIDE for tree, _ in found)
    return not inside or any(_files(base, PLAIN.photos, PHOTO_SUFFIXES, "", nested=False))


def _listing(base: Path, tree: Tree, split: str, label_suffix: str) -> Listing:
    """Pair the files of one split by stem."""
    if tree.nested and label_suffix.endswith(DERIVED_ENDINGS):
        raise ValueError(
            f"{base}: maps that end in {label_suffix} hold numbers of 19 classes, and the list has 34; "
            "take _gtFine_labelIds, or make a folder with images/, labels/ and a classes.json of the 19."
        )
    if label_suffix:
        tree = tree._replace(endings=(tree.endings[0], label_suffix, tree.endings[2]))
    folders = [template.format(split=split) for template in (tree.photos, tree.labels, tree.instances)]
    kinds = zip(folders, (PHOTO_SUFFIXES, MAP_SUFFIXES, MAP_SUFFIXES), tree.endings, strict=True)
    files = [list(_files(base, *kind, nested=tree.nested)) for kind in kinds]
    files[1:] = [
        part if ending else with_stems_of(files[0], part)
        for part, ending in zip(files[1:], tree.endings[1:], strict=True)
    ]
    no_utf8 = [printable_path(path) for part in files for _, path in part if printable_path(path) != path]
    files = [[(stem, path) for stem, path in part if printable_path(path) == path] for part in files]
    photos, labels, instances = (dict(reversed(part)) for part in files)  # the first file of each stem
    has_instances = bool(instances) if tree.nested else bool(tree.instances) and (base / folders[2]).is_dir()
    stems = sorted(photos.keys() & labels.keys())
    patterns = [
        f"{folder}/{'*/' if tree.nested else ''}STEM{ending}.png"
        for folder, ending in zip(folders, tree.endings, strict=True)
    ]
    unpaired = {
        f"photo(s) without {patterns[1]}": _without(photos, labels),
        "label map(s) without a photo": _without(labels, photos),
        "photo(s) whose stem another photo has": _others(files[0], photos),
        "label map(s) whose stem another map has": _others(files[1], labels),
        "file(s) whose name is not UTF-8": no_utf8,
        f"folder(s) inside {folders[0]}/ with photos, which are not read": []
        if tree.nested
        else _deeper(base, folders[0]),
    }
    if has_instances:
        unpaired[f"photo(s) without {patterns[2]}"] = _without(photos, instances)
        unpaired["instance map(s) without photo and label map"] = _without(instances, photos | labels)
        unpaired["instance map(s) whose stem another map has"] = _others(files[2], instances)
    return Listing(
        root=base,
        layout=tree.layout,
        pairs=[PairFiles(stem, photos[stem], labels[stem], instances.get(stem)) for stem in stems],
        unpaired={what: names for what, names in unpaired.items() if names},
        has_instances=has_instances,
        split=split,
        hint=_pairing_hint(base, tree, folders, photos, labels),
    )


def _pairing_hint(
    base: Path, tree: Tree, folders: list[str], photos: dict[str, str], labels: dict[str, str]
) -> str:
    """Return why files do not pair, the most specific reason first; "" if unknown."""
    without_map, without_photo = _apart(photos, labels), _apart(labels, photos)
    hint = (
        suffix_hint(photos, labels)
        or near_pair_hint(without_map, without_photo)
        or other_kind_hint(base, folders[0], without_photo, "photos", PHOTO_SUFFIXES)
        or other_kind_hint(base, folders[1], without_map, "label maps", MAP_SUFFIXES)
    )
    if hint or tree.nested:
        return hint or _nested_hint(base, folders[1], photos)
    return "" if photos.keys() & labels.keys() else no_pair_hint(base, folders[:2], photos, labels)


def _files(
    base: Path, folder: str, suffixes: tuple[str, ...], ending: str, *, nested: bool
) -> Iterator[tuple[str, str]]:
    """Yield (stem, relative path) in the order of names, without hidden files and files of other kinds."""
    if not folder or not (base / folder).is_dir():
        return
    if nested:
        for inner in sorted(_subfolders(base / folder)):
            yield from _files(base, f"{folder}/{inner}", suffixes, ending, nested=False)
        return
    for name in sorted(os.listdir(base / folder)):
        stem, suffix = os.path.splitext(name)
        derived = stem.endswith(DERIVED_ENDINGS) and not ending.endswith(DERIVED_ENDINGS)
        if suffix.lower() in suffixes and stem.endswith(ending) and not derived and not is_hidden(name):
            yield one_form(stem.removesuffix(ending)), f"{folder}/{name}"


def _nested_hint(base: Path, folder: str, photos: dict[str, str]) -> str:
    """Return advice on the suffix that selects other maps of the city folders; "" for none."""
    for _, path in _files(base, folder, MAP_SUFFIXES, "", nested=True):
        stem = os.path.splitext(os.path.basename(path))[0]
        for photo in photos:
            if stem.startswith(photo) and stem != photo:
                flag = suffix_flag(stem.removeprefix(photo))
                note = "a classes.json if its ids are not Cityscapes' labelIds"
                return f"there is {path}; give {flag}, and {note}"
    return ""


def _deeper(base: Path, folder: str) -> list[str]:
    """Return the subfolders with photos of a folder that also holds photos itself."""
    inner = [f"{folder}/{name}" for name in sorted(_subfolders(base / folder))]
    is_read = any(_files(base, folder, PHOTO_SUFFIXES, "", nested=False))
    return [name for name in inner if is_read and any(_files(base, name, PHOTO_SUFFIXES, "", nested=False))]


def _apart(files: dict[str, str], partners: dict[str, str]) -> dict[str, str]:
    return {stem: path for stem, path in files.items() if stem not in partners}


def _without(files: dict[str, str], partners: dict[str, str]) -> list[str]:
    return sorted(_apart(files, partners).values())


def _others(files: list[tuple[str, str]], kept: dict[str, str]) -> list[str]:
    """Return the paths of `files` (stem, path) that are not the one kept for their stem."""
    return [path for stem, path in files if kept[stem] != path]


def _no_split_given(base: Path, found: list[tuple[Tree, list[str]]]) -> Exception:
    if found and found[0][0].layout != "folder":
        tree, names = found[0]
        what = f"{TITLES[tree.layout]} as distributed, in splits"
        return ValueError(f"{base}: is {what}; say which one to read: {', '.join(names)}.")
    missing = next((name for name in ("images", "labels") if not (base / name).is_dir()), "")
    fault = f"has no {missing}/ folder" if missing else "has no photos in images/ itself"
    fault += other_names_hint(base) if missing and not found else ""
    hint = "; did you mean split=" + " or split=".join(map(repr, found[0][1])) if found else ""
    return FileNotFoundError(f"{base}: {fault}{hint}.")


def _no_such_split(base: Path, split: str, found: list[tuple[Tree, list[str]]]) -> FileNotFoundError:
    folder = base / split
    if folder.is_dir():
        missing = next((name for name in ("images", "labels") if not (folder / name).is_dir()), "images")
        return FileNotFoundError(f"{folder}: has no {missing}/ folder{other_names_hint(folder)}.")
    splits = ", ".join(dict.fromkeys(name for _, names in found for name in names))
    known = f"the splits of {base} are {splits}" if splits else f"{base} has no splits"
    return FileNotFoundError(f"{folder}: no such folder; {known}{'' if splits else other_names_hint(base)}.")
