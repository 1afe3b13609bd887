"""Advice on the findings of a survey, the most serious findings first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dpsims_hub.labels.survey.masks import ONLY_0_AND_255
from dpsims_hub.storage.placeholder_files import CONVERT, UNPACK

RARE_SHARE = 1e-4  # of all pixels, below which a class gives almost no gradient; our choice
SMALL_SIDE = 64  # pixels, below which coarse features of a backbone are empty; our choice
MANY_UNKNOWN = 0.5  # of all pixels; our choice
SHOWN_NAMES = 12
ERROR_ADVICE = {
    "ids": "Correct the class list or its stored-value rule first: {count} map(s) hold values that are no "
    "class, and their sentences name the likely cause.",
    "format": "Export {count} file(s) again as their sentences say: label maps as 8- or 16-bit PNGs of ids.",
    "size": "Make photo and map of {count} pair(s) equal as their sentences say, maps by nearest neighbour.",
    "unreadable": "Get {count} damaged file(s) again, or leave them out with --skip_bad_samples {count}.",
    "unpaired": "Give {count} file(s) their partners, or move them elsewhere: training refuses the folder.",
}
REMEDIES = {
    "ids": ERROR_ADVICE["ids"],
    "code": 'Write the "stored" rule that the sentences of {count} map(s) name into the classes.json.',
    "mask": "Write the list of two classes that the sentences of {count} map(s) name as classes.json.",
    "turn": "Turn the maps of {count} photo(s) with an EXIF note as their sentences say, or take the notes "
    "away from the photos.",
    "note": "Take the EXIF note away from {count} map(s), for example with `exiftool -Orientation= FILE`, "
    "and look at the picture: maps must lie as their photos are seen.",
    "export": "Export {count} map(s) again as ids, or as RGB in the exact class colours.",
    "git lfs pull": "Fetch {count} file(s) that are pointers of Git LFS with `git lfs pull`.",
    "git annex get": "Fetch {count} file(s) that are pointers of git-annex with `git annex get`.",
    CONVERT: "Convert {count} file(s) of other kinds to PNG, or photos to JPEG, as their sentences say.",
    UNPACK: "Unpack {count} archive(s) that bear the name of an image.",
    "quarter": "Turn photo or map of {count} pair(s) by 90 degrees, so that both lie alike.",
    "names": "Name or convert {count} file(s) so that they pair, as their sentences say.",
    "large": "Make {count} file(s) smaller, photo and map alike, maps by nearest neighbour.",
    "photo": "Save {count} photo(s) as 8-bit PNG or JPEG.",
    "objects": "Save {count} file(s) in instances/ as 8- or 16-bit greyscale PNGs of object numbers.",
}
"""Advice by the `remedy` of an error, where the kind of fault is not specific enough."""


def advice(facts: Mapping[str, Any], *, has_things: bool, warned: Mapping[str, int]) -> list[str]:
    """Return advice on each finding: first maps that may be misread, then errors, then the rest.

    `facts` are those of `survey_facts`. `has_things` means that the class list has classes of kind "thing".
    `warned` counts the warnings of reading by their text.
    """
    return [
        *_wrong_meanings(facts),
        *(f"{count} x {text}" for text, count in warned.items()),
        *_errors(facts["errors"]),
        *_unknown_pixels(facts),
        *_classes(facts),
        *_lesser(facts, has_things),
    ]


def _errors(errors: Mapping[str, Any]) -> list[str]:
    """Return the advice for each remedy of each kind of fault."""
    said = []
    for kind, text in ERROR_ADVICE.items():
        remedies = errors[kind]["remedies"]
        said += [REMEDIES[remedy].format(count=count) for remedy, count in remedies.items()]
        if rest := errors[kind]["count"] - sum(remedies.values()):
            said.append(text.format(count=rest))
    return list(dict.fromkeys(said))


def _wrong_meanings(facts: Mapping[str, Any]) -> list[str]:
    """Return findings about valid maps whose meaning may be wrong."""
    said = []
    if count := facts["other_palettes"]:
        said.append(
            f"{count} palette map(s) give an index another colour than maps before them: a tool has "
            "reordered their colours. Unless a line below says that they are read by colour, ids may be "
            "mistaken: look at the picture, and export the maps again as greyscale ids or in class colours."
        )
    if facts["only_0_and_255"]:
        said.append(ONLY_0_AND_255)
    said += [facts[key] for key in ("mixed_masks", "class_255_in_8_bits") if facts[key]]
    if turned := facts["turned_photos"]:
        how = ", ".join(f"{count} {turn}" for turn, count in turned.items())
        said.append(
            f"{sum(turned.values())} photo(s) have an EXIF note and are read as seen ({how}). See in the "
            "picture whether their maps are turned too; if not, turn the maps alike, or take away the notes."
        )
    return said


def _unknown_pixels(facts: Mapping[str, Any]) -> list[str]:
    unknown = facts["unknown"]
    if count := unknown["maps_all_unknown"]:
        return [
            f"{count} map(s) hold nothing but unknown pixels, and training leaves them out, those of "
            f"{_some(unknown['all_unknown'])}. If that is unexpected, the class list or its stored-value "
            "rule does not fit these files."
        ]
    if unknown["share"] >= MANY_UNKNOWN and facts["pairs"]["good"]:
        return [f"{unknown['share']:.0%} of the pixels are unknown and teach nothing about classes."]
    return []


def _classes(facts: Mapping[str, Any]) -> list[str]:
    said = []
    if facts["never_seen"] and facts["pairs"]["good"]:
        names = facts["never_seen"]
        said.append(
            f"{len(names)} class(es) never appear and cannot be learned: {_some(names)}. Add photos of them, "
            "or take them out of the list; if they should be there, their ids are mistaken."
        )
    if rare := [entry["name"] for entry in facts["present"] if entry["share"] < RARE_SHARE]:
        said.append(
            f"{len(rare)} class(es) have less than {RARE_SHARE:.2%} of the pixels each and will hardly be "
            f"learned: {_some(rare)}. Add photos of them, or join them with others."
        )
    return said


def _lesser(facts: Mapping[str, Any], has_things: bool) -> list[str]:
    said = []
    smallest = facts["sizes"].get("smallest")
    if smallest and min(smallest["width"], smallest["height"]) < SMALL_SIDE:
        said.append(f"The smallest photo has a side below {SMALL_SIDE} px; training enlarges it.")
    if facts["objects"] is not None and not has_things:
        said.append('There are instance maps, but no class has "kind": "thing", so they have no effect.')
    return said


def _some(names: Iterable[str]) -> str:
    names = list(names)
    more = f" and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else ""
    return ", ".join(names[:SHOWN_NAMES]) + more
