"""Pairing of photos and label maps by the file names that tools write."""

from __future__ import annotations

import os
import re
import shlex
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from dpsims_hub.storage.hidden_files import is_hidden

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
MAP_SUFFIXES = (".png", ".tif", ".tiff", ".bmp")
MAP_ENDINGS = (
    *("_mask", "-mask", "_masks", "_label", "-label", "_labels"),
    *("_seg", "_segmentation", "_gt", "_annotation"),
    *("_labelIds", "_gtFine_labelIds", "_L"),  # Cityscapes, CamVid
    *("_instanceIds", "_gtFine_instanceIds", "_instances", "_instance", "_inst"),
    *PHOTO_SUFFIXES,  # Supervisely: photo.jpg.png
)
"""Texts that tools put between the photo's stem and the ending of the map."""

NEARLY_ALIKE: dict[Callable[[str], str], str] = {
    str.casefold: "in upper and lower case",
    lambda stem: stem.casefold().strip(" ."): "in spaces or dots at an end",
    lambda stem: re.sub(r"(?<!\d)0+(?=\d)", "", stem.casefold().strip(" .")): "in zeros before a number",
    lambda stem: re.sub(r"[\W_]+", "", stem.casefold()): "in signs between letters",
}
"""Normalizations of stems, the weakest first, and the words for the difference that each removes."""


def one_form(name: str) -> str:
    """Return a name in Unicode's composed form; macOS stores decomposed accents."""
    return unicodedata.normalize("NFC", name)


def printable_path(path: str) -> str:
    """Return a path with each byte that is not UTF-8 as an escape."""
    return path.encode("utf-8", "backslashreplace").decode()


def with_stems_of(photos: Collection[tuple[str, str]], maps: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the maps under the stems of their photos, if all map names have one of `MAP_ENDINGS`.

    Maps stay as they are if one of them has a photo's stem. `photos` and `maps` are (stem, path) of each
    file.
    """
    stems = {stem for stem, _ in photos}
    if any(stem in stems for stem, _ in maps):
        return maps
    for ending in MAP_ENDINGS:
        named = [(stem.removesuffix(ending), path) for stem, path in maps]
        if all(stem.endswith(ending) for stem, _ in maps) and any(stem in stems for stem, _ in named):
            return named
    return maps


def check_label_suffix(suffix: str, endings: Sequence[str]) -> None:
    """Refuse a suffix that is a path or contains one of the file `endings`.

    Raises:
        ValueError: If it does.
    """
    if os.path.basename(suffix) != suffix or suffix.lower().endswith(tuple(endings)):
        raise ValueError(
            f"--label_suffix: {suffix!r} must be what stands between the photo's stem and the ending, such "
            "as _mask where 0001_mask.png is the map of 0001.jpg."
        )


def suffix_flag(*suffixes: str) -> str:
    """Return `--label_suffix` with one or several values, quoted for a shell."""
    values = " or ".join(shlex.quote(suffix) for suffix in dict.fromkeys(suffixes))
    return f"--label_suffix{'=' if values.startswith('-') else ' '}{values}"


def suffix_hint(photos: Mapping[str, str], maps: Mapping[str, str]) -> str:
    """Return the suffix to give if all photos have a map with it but files do not pair; else ""."""
    if not photos or photos.keys() == maps.keys():
        return ""
    first = min(photos)
    after = [stem.removeprefix(first) for stem in sorted(maps) if stem.startswith(first) and stem != first]
    common = [
        suffix
        for suffix in after
        if not suffix[0].isalnum() and all(stem + suffix in maps for stem in photos)
    ]
    if not common:
        return ""
    best = next((suffix for suffix in common if suffix in MAP_ENDINGS), common[0])
    if photos.keys() <= maps.keys():
        other = f"move {maps[first + best]} and similar files elsewhere"
        return f"{other}, or give {suffix_flag(best)} if they count"
    if len(common) > 1:
        choice = f"say which maps count: {suffix_flag(best, *common)}"
        if best in MAP_ENDINGS:
            return choice
        names = f"{maps[first + common[0]]}, {maps[first + common[1]]}"
        return f"if each is the mask of one class ({names}), combine them into one map of ids; else {choice}"
    return f"if {maps[first + best]} is the map of {photos[first]}, give {suffix_flag(best)}"


def near_pair_hint(photos: Mapping[str, str], maps: Mapping[str, str]) -> str:
    """Return a photo and a map that seem to belong together, and how to name them; else "".

    `photos` and `maps` are paths by stem of files without a partner.
    """
    for fold, how in NEARLY_ALIKE.items():
        folded = {fold(stem): path for stem, path in maps.items()}
        for stem, photo in sorted(photos.items()):
            if (key := fold(stem)) and (other := folded.get(key)):
                return f"{photo} and {other} differ {how}: name them alike"
    for stem, photo in sorted(photos.items()):
        if ending := next((ending for ending in MAP_ENDINGS if stem + ending in maps), ""):
            other = maps[stem + ending]
            wanted = f"{stem}{os.path.splitext(other)[1]}"
            return f"{other} seems to be the map of {photo}, and not every map ends so: rename it {wanted}"
    return ""


def other_kind_hint(
    base: Path, folder: str, partners: Mapping[str, str], what: str, suffixes: Sequence[str]
) -> str:
    """Return a file of another kind with the stem of a file without a partner; "" for none.

    `folder` of `base` should hold the partners, which are called `what` and end in `suffixes`. `partners` are
    the files without a partner, by stem.
    """
    place = base / folder
    for name in sorted(os.listdir(place)) if partners and place.is_dir() else ():
        stem, suffix = os.path.splitext(name)
        if one_form(stem) in partners and suffix.lower() not in suffixes and not is_hidden(name):
            return f"{folder}/ holds {name}, and {what} are {', '.join(suffixes)}"
    return ""


def no_pair_hint(
    base: Path, folders: Sequence[str], photos: Mapping[str, str], maps: Mapping[str, str]
) -> str:
    """Return why no photo has a map, with two file names as examples; "" without files.

    `folders` are those of photos and maps in `base`. `photos` and `maps` are paths by stem.
    """
    if photos and maps:
        first, other = min(photos.values()), min(maps.values())
        return f"photo and map need one stem, and here are {first} and {other}: rename the maps"
    place = base / folders[1]
    others = sorted(name for name in os.listdir(place) if not is_hidden(name)) if place.is_dir() else []
    if photos and others:
        return f"{folders[1]}/ holds {others[0]}, and label maps are {', '.join(MAP_SUFFIXES)}"
    return ""
