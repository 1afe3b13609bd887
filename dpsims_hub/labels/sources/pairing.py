"""Which photo and which label map belong together, by their names as tools write them."""

from __future__ import annotations

import os
import re
import shlex
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from dpsims_hub.storage.hidden_files import is_hidden

MAP_ENDINGS = (
    *(
        "_mask",
        "-mask",
        "_masks",
        "_label",
        "-label",
        "_labels",
        "_seg",
        "_segmentation",
        "_gt",
        "_annotation",
    ),
    *("_labelIds", "_gtFine_labelIds", "_L"),  # Cityscapes', CamVid's
    *("_instanceIds", "_gtFine_instanceIds", "_instances", "_instance", "_inst"),
    *(".jpg", ".jpeg", ".png", ".webp"),  # Supervisely's: photo.jpg.png
)
"""What tools put between the photo's stem and the ending of the map."""

NEARLY_ALIKE: dict[Callable[[str], str], str] = {
    str.casefold: "in upper and lower case",
    lambda stem: stem.casefold().strip(" ."): "in spaces or dots at an end",
    lambda stem: re.sub(r"(?<!\d)0+(?=\d)", "", stem.casefold().strip(" .")): "in zeros before a number",
    lambda stem: re.sub(r"[\W_]+", "", stem.casefold()): "in signs between letters",
}
"""Ways in which two stems may be nearly one, the nearest first, and how a sentence calls the difference."""


def one_form(name: str) -> str:
    """Return a name in Unicode's composed form: macOS writes accents apart from their letters."""
    return unicodedata.normalize("NFC", name)


def printable_path(path: str) -> str:
    """Return a path as it can be printed and stored: each byte that is no UTF-8 as an escape."""
    return path.encode("utf-8", "backslashreplace").decode()


def with_stems_of(photos: Collection[tuple[str, str]], maps: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the maps under their photos' stems, if none has one and all have the same of `MAP_ENDINGS`.

    Args:
        photos: (stem, path) of each.
        maps: Likewise.
    """
    stems = {stem for stem, _ in photos}
    if any(stem in stems for stem, _ in maps):
        return maps
    for ending in MAP_ENDINGS:
        named = [(stem.removesuffix(ending), path) for stem, path in maps]
        if (
            named
            and all(stem.endswith(ending) for stem, _ in maps)
            and any(stem in stems for stem, _ in named)
        ):
            return named
    return maps


def check_label_suffix(suffix: str, endings: Sequence[str]) -> None:
    """Refuse what is not merely the part between a photo's stem and the ending of a map's name.

    Raises:
        ValueError: If it is a path or has the ending in it.
    """
    if os.path.basename(suffix) != suffix or suffix.lower().endswith(tuple(endings)):
        raise ValueError(
            f"--label_suffix: {suffix!r} must be what stands between the photo's stem and the ending, such "
            "as _mask where 0001_mask.png is the map of 0001.jpg."
        )


def suffix_flag(*suffixes: str) -> str:
    """Return the flag for a suffix, or for one of several, as a shell takes it."""
    values = " or ".join(shlex.quote(suffix) for suffix in dict.fromkeys(suffixes))
    return f"--label_suffix{'=' if values.startswith('-') else ' '}{values}"


def suffix_hint(photos: Mapping[str, str], maps: Mapping[str, str]) -> str:
    """Return which suffix to give where each photo has a map with it and some files do not pair; else "".

    Args:
        photos: Paths by stem.
        maps: Likewise.
    """
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
        return f"move {maps[first + best]} and its like elsewhere, or give {suffix_flag(best)} if they count"
    if len(common) > 1:
        choice = f"say which maps count: {suffix_flag(best, *common)}"
        if best in MAP_ENDINGS:
            return choice
        names = f"{maps[first + common[0]]}, {maps[first + common[1]]}"
        return f"if each is the mask of one class ({names}), combine them into one map of ids; else {choice}"
    return f"if {maps[first + best]} is the map of {photos[first]}, give {suffix_flag(best)}"


def near_pair_hint(photos: Mapping[str, str], maps: Mapping[str, str]) -> str:
    """Return which map without a photo seems to be that of which photo, and how to name it; "" without such.

    Args:
        photos: Paths of photos without a map, by stem.
        maps: Paths of maps without a photo, by stem.
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
    """Return which file of another kind has the stem of a file without a partner; "" where none has.

    Args:
        base: The folder of the data set.
        folder: In it, where the partners should be.
        partners: Paths of the files without one, by stem.
        what: What the folder holds.
        suffixes: Endings of those.
    """
    place = base / folder
    for name in sorted(os.listdir(place)) if partners and place.is_dir() else ():
        stem, suffix = os.path.splitext(name)
        if one_form(stem) in partners and suffix.lower() not in suffixes and not is_hidden(name):
            return f"{folder}/ holds {name}, and {what} are {', '.join(suffixes)}"
    return ""


def no_pair_hint(
    base: Path,
    folders: Sequence[str],
    photos: Mapping[str, str],
    maps: Mapping[str, str],
    suffixes: Sequence[str],
) -> str:
    """Return why no photo has a map, with two files as they are named; "" where there are none to name.

    Args:
        base: The folder of the data set.
        folders: Of the photos and of the maps, in it.
        photos: Paths by stem.
        maps: Likewise.
        suffixes: Endings of label maps.
    """
    if hint := near_pair_hint(photos, maps):
        return hint
    if photos and maps:
        first, other = min(photos.values()), min(maps.values())
        return f"photo and map need one stem, and here are {first} and {other}: rename the maps"
    place = base / folders[1]
    others = sorted(name for name in os.listdir(place) if not is_hidden(name)) if place.is_dir() else []
    if photos and others:
        return f"{folders[1]}/ holds {others[0]}, and label maps are {', '.join(suffixes)}"
    return ""
