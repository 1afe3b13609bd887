"""Conversion of COCO's panoptic maps, whose classes are in a JSON file, to maps of class and object."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from dpsims_hub.labels.classes.errors import ClassSpecError, LabelMapError
from dpsims_hub.labels.classes.instance_codes import number_of_colours
from dpsims_hub.labels.reading.exact_pixels import exact_pixels
from dpsims_hub.labels.reading.image_files import open_image
from dpsims_hub.storage.atomic_write import atomic_folder

FACTOR = 1000  # of "class*1000+n"


def write_panoptic_maps(annotations: str | Path, maps: str | Path, root: str | Path) -> int:
    """Write `labels/` and `classes.json` of a folder of pairs from COCO's panoptic annotations.

    A pixel of `maps` is a segment number, red + 256 green + 65536 blue; the annotations give the category of
    each segment. A written pixel is class * 1000 + n in the same colour encoding, where n counts the segments
    of one class from 0. Classes are counted from 1 in the order of the category ids; 0 is unknown.

    Args:
        annotations: A file such as `panoptic_val2017.json`.
        maps: The folder of its PNGs.
        root: Target folder; its photos belong in `images/`, under the same stems.

    Returns:
        The number of maps written. Nothing is written if one fails.

    Raises:
        FileNotFoundError: If the annotations or a map is missing.
        FileExistsError: If `root` has a `labels/` or a `classes.json`.
        ClassSpecError: If the annotations are not panoptic annotations of COCO, or two maps have one stem.
        LabelMapError: If a map has a number without a segment, or a class has more than 1000 segments.
    """
    root, content = Path(root), _read(Path(annotations))
    for name in ("labels", "classes.json"):
        if (root / name).exists():
            raise FileExistsError(f"{root / name}: exists already; name another folder.")
    stems = Counter(Path(one["file_name"]).stem for one in content["annotations"])
    if repeated := [stem for stem, count in stems.items() if count > 1]:
        raise ClassSpecError(
            f"{annotations}: {len(repeated)} name(s) of maps occur more than once, the first {repeated[0]}; "
            "photos and maps pair by this name, so write each folder on its own."
        )
    categories = sorted(content["categories"], key=lambda one: one["id"])
    classes = {one["id"]: number for number, one in enumerate(categories, start=1)}
    with atomic_folder(root / "labels") as unfinished:
        for one in content["annotations"]:
            source = Path(maps) / one["file_name"]
            numbers = _recoded(source, one["segments_info"], classes)
            _as_colours(numbers).save(unfinished / f"{source.stem}.png")
        (root / "classes.json").write_text(json.dumps(_class_list(categories), indent=1) + "\n")
    return len(content["annotations"])


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        _ = [(one["file_name"], one["segments_info"]) for one in content["annotations"]]
        _ = [(one["id"], one["name"]) for one in content["categories"]]
    except (ValueError, KeyError, TypeError) as error:
        raise ClassSpecError(
            f"{path}: is not COCO's panoptic JSON, with categories and with annotations that have a "
            "file_name and segments_info."
        ) from error
    return content


def _class_list(categories: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the content of classes.json; the categories are sorted by id."""
    kinds = {1: {"kind": "thing"}, 0: {"kind": "stuff"}}
    classes = [
        {"id": number, "name": one["name"]}
        | kinds.get(one.get("isthing"), {})
        | ({"rgb": one["color"]} if "color" in one else {})
        for number, one in enumerate(categories)
    ]
    rule = {"offset": 1, "ignore_values": [0], "instances": f"class*{FACTOR}+n"}
    return {"stored": rule, "classes": classes}


def _recoded(path: Path, segments: Sequence[Mapping[str, Any]], classes: Mapping[int, int]) -> np.ndarray:
    """Return class * 1000 + n of each pixel, (H, W) int64."""
    with open_image(path) as image:
        pixels = exact_pixels(image, str(path))
    numbers = number_of_colours(pixels, str(path)) if pixels.ndim == 3 else pixels.astype(np.int64)
    codes, seen = {0: 0}, Counter()
    for segment in segments:
        number = classes.get(segment["category_id"])
        if number is None:
            raise LabelMapError(f"{path}: category {segment['category_id']} of a segment is not in the list.")
        if seen[number] == FACTOR:
            raise LabelMapError(f"{path}: has more than {FACTOR} segments of one class.")
        codes[segment["id"]] = number * FACTOR + seen[number]
        seen[number] += 1
    present, places = np.unique(numbers, return_inverse=True)
    if unknown := [number for number in present.tolist() if number not in codes]:
        raise LabelMapError(
            f"{path}: {unknown[0]} is the number of no segment in the annotations; these maps and "
            "annotations may not belong together."
        )
    return np.array([codes[number] for number in present.tolist()])[places].reshape(numbers.shape)


def _as_colours(numbers: np.ndarray) -> Image.Image:
    parts = np.stack([numbers & 255, numbers >> 8 & 255, numbers >> 16], axis=-1)
    return Image.fromarray(parts.astype(np.uint8))
