"""Class lists of other tools, converted to the forms of `class_file`; unknown keys are refused.

These are mmsegmentation's METAINFO (`classes` and `palette`), transformers' `id2label` and `label2id` (alone
or in a model's config.json), a mapping from name to id, COCO's `categories`, and the `names` of YOLO's
data.yaml and of a `ClassLabel` of `datasets`. Lists that do not give the numbers in the masks are refused
with the name of their tool.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from numbers import Integral
from typing import Any

from dpsims_hub.labels.classes.errors import ClassSpecError
from dpsims_hub.storage.written_json import likely_name

TOP_KEYS = (
    *("name", "classes", "ignore_index", "ignore_rgb", "extra_ignore_rgbs", "stored", "palette"),
    "source",  # a note
)
ENTRY_KEYS = (
    *("id", "name", "rgb", "color", "aliases", "kind", "stuff", "isthing", "ignore"),
    *("supercategory", "train_id", "pixel_ratio"),  # of COCO, Cityscapes and ADE20K; ignored
)
STORED_KEYS = ("offset", "values", "ignore_values", "instances")
COCO_KEYS = ("categories", "info", "licenses", "images", "annotations", "type")
LABEL_KEYS = ("id2label", "label2id")
NAMES_KEYS = (
    *("names", "nc", "path", "train", "val", "test", "download", "roboflow"),  # YOLO's data.yaml
    *("num_classes", "id", "_type", "dtype"),  # a ClassLabel
)
SETTING_KEYS = ("num_classes", "nc", "names", *LABEL_KEYS, "categories", *TOP_KEYS[2:-1])
"""Keys of settings; they are never read as class names."""
AS_CLASSES = 'write the names as {"classes": ["road", "sky"]}'
AS_LIST = "write the names as a list in the order of the masks' ids, the first is 0"


def own_form(data: Any, name: str) -> dict[str, Any]:
    """Return a class list from decoded JSON as `{"classes": ...}` with the keys of `TOP_KEYS` but `palette`.

    `name` is the name of the list in messages.

    Raises:
        ClassSpecError: If a key is unknown, or two of them contradict each other.
    """
    if tool := _foreign(data):
        raise ClassSpecError(f"{name}: is {tool}.")
    if not isinstance(data, Mapping):
        return {"classes": data}
    top = {key.lower() if key in ("CLASSES", "PALETTE") else key: value for key, value in data.items()}
    if "classes" not in top:
        top = (
            _from_labels(top, name)
            or _from_categories(top, name)
            or _from_names(top, name)
            or _from_mapping(top, name)
        )
    refuse_unknown_keys(top, TOP_KEYS, name)
    if isinstance(top["classes"], Mapping):
        top["classes"] = _by_id(top["classes"])
    if "palette" in top:
        top["classes"] = _with_palette(top["classes"], top.pop("palette"), name)
    return top


def _foreign(data: Any) -> str:
    """Return the tool of a file that does not give the numbers in the masks, and what to do; else ""."""
    top = data if isinstance(data, Mapping) else {}
    listed = top.get("classes", data)
    entries = [one for one in listed if isinstance(one, Mapping)] if isinstance(listed, list) else []
    if any("attributes" in entry for entry in entries):
        return (
            'CVAT\'s list of labels, whose ids are not those of masks; export "Segmentation mask" and give '
            f"its labelmap.txt, or {AS_LIST}"
        )
    if any("title" in entry for entry in entries):
        return f"Supervisely's meta.json, which does not say the numbers of its masks; {AS_LIST}"
    if "shapes" in top:
        return "the annotation of one picture by Labelme; give its labels.txt"
    pictures = top.get("annotations")
    pictures = [one for one in pictures if isinstance(one, Mapping)] if isinstance(pictures, list) else []
    if any("segments_info" in one for one in pictures):
        return (
            "COCO's panoptic file, whose maps hold numbers of segments; make maps of class and object with "
            "dpsims_hub.labels.reading.panoptic.write_panoptic_maps, or give its categories alone"
        )
    if isinstance(top.get("features"), Mapping | list):
        return f"the description of a data set of `datasets`; of its ClassLabel {AS_LIST}"
    return ""


def refuse_unknown_keys(given: Collection[Any], known: Collection[str], where: str) -> None:
    """Refuse the first key that is not in `known`, and suggest a similar one.

    Raises:
        ClassSpecError: If there is one.
    """
    for key in given:
        if key not in known:
            hint = likely_name(key, known) or f"known are {', '.join(known)}."
            raise ClassSpecError(f"{where}: {key!r} is no known key; {hint}")


def _from_mapping(top: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the classes of a mapping from id to name, or from name to id; keys of settings are refused."""
    other = next((key for key in top if key in SETTING_KEYS), None)
    lists = [key for key, value in top.items() if isinstance(value, list | Mapping) and not _is_id(key)]
    if other is not None and not any(map(_is_id, top)):
        raise ClassSpecError(f"{name}: has {other!r} and no classes; {AS_CLASSES}.")
    if other is not None:
        raise ClassSpecError(f"{name}: has {other!r} beside ids; {AS_CLASSES}, and {other!r} beside them.")
    if len(lists) == len(top) == 1:
        raise ClassSpecError(f"{name}: {lists[0]!r} is no known key; {AS_CLASSES}.")
    return {"classes": dict(top)}


def is_whole(value: Any) -> bool:
    """Return whether a value is an integer, of Python or numpy, and no boolean."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def _is_id(key: Any) -> bool:
    return str(key).strip().lstrip("-").isdigit()


def _from_labels(top: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    """Return the classes of `id2label` or `label2id`, which must agree if both are given."""
    if not any(isinstance(top.get(key), Mapping) for key in LABEL_KEYS):
        return None
    if "model_type" not in top:  # not the config.json of a model
        refuse_unknown_keys(top, (*TOP_KEYS, *LABEL_KEYS), name)
    both = [_by_id(top[key]) for key in LABEL_KEYS if isinstance(top.get(key), Mapping)]
    first, last = ({str(key): value for key, value in one.items()} for one in (both[0], both[-1]))
    if first != last:
        raise ClassSpecError(f"{name}: id2label and label2id contradict each other; leave one out.")
    mine = {} if "model_type" in top else _own_keys(top)
    return {**mine, "classes": both[0]}


def _own_keys(top: Mapping[str, Any]) -> dict[str, Any]:
    return {key: top[key] for key in TOP_KEYS if key in top}


def _by_id(mapping: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """Return a mapping from id to name; a mapping from name to id is inverted.

    A mapping with two names for one id is not inverted, so that it is refused later.
    """
    by_name = all(map(is_whole, mapping.values())) and not any(map(_is_id, mapping))
    if not by_name or len(set(mapping.values())) < len(mapping):
        return mapping
    return {value: key for key, value in mapping.items()}


def _from_names(top: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    """Return the classes of `names`, a list or a mapping from id."""
    if not isinstance(top.get("names"), list | tuple | Mapping):
        return None
    refuse_unknown_keys(top, (*TOP_KEYS, *NAMES_KEYS), name)
    counts = [top[key] for key in ("nc", "num_classes") if top.get(key) is not None]
    if any(count != len(top["names"]) for count in counts):
        raise ClassSpecError(f"{name}: has {len(top['names'])} names and says that there are {counts[0]}.")
    return {**_own_keys(top), "classes": top["names"]}


def _from_categories(top: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    """Return the classes of COCO's categories, whose ids have gaps and usually begin with 1.

    Files store the category ids; 0 means unknown if no category has it.
    """
    if not isinstance(top.get("categories"), list):
        return None
    refuse_unknown_keys(top, (*TOP_KEYS, *COCO_KEYS), name)
    entries = top["categories"]
    ids = [entry.get("id") if isinstance(entry, Mapping) else None for entry in entries]
    if not all(map(is_whole, ids)):
        raise ClassSpecError(f"{name}: every one of the categories needs an id that is an integer.")
    ordered = sorted(range(len(ids)), key=ids.__getitem__)
    values = [ids[place] for place in ordered]
    stored = {"values": values, "ignore_values": [] if 0 in ids else [0]}
    if isinstance(given := top.get("stored"), Mapping):
        _refuse_other_offset(given, values, name)
        stored |= {key: value for key, value in given.items() if key != "offset"}
    classes = [{**entries[place], "id": number} for number, place in enumerate(ordered)]
    return {**_own_keys(top), "stored": stored, "classes": classes}


def _refuse_other_offset(rule: Mapping[str, Any], values: list[int], name: str) -> None:
    """Refuse an offset that contradicts the ids of the categories."""
    offset = rule.get("offset")
    if isinstance(offset, Integral) and [value - offset for value in values] != list(range(len(values))):
        raise ClassSpecError(
            f"{name}: the ids of the categories, {values[0]} to {values[-1]}, are what files store, and "
            f'"stored" with "offset": {offset} says other numbers; take "offset" away, or give "values".'
        )


def _with_palette(classes: Any, palette: Any, name: str) -> Any:
    """Return the classes with the colours of a list, in the order of the ids."""
    if isinstance(classes, Mapping):
        try:
            ordered = sorted(classes.items(), key=lambda item: int(item[0]))
        except (TypeError, ValueError):
            raise ClassSpecError(f"{name}: with a palette the classes need ids as keys, or a list.") from None
        classes = [{"id": int(key), **_as_entry(value)} for key, value in ordered]
    if not isinstance(classes, list | tuple) or not isinstance(palette, list | tuple):
        raise ClassSpecError(f"{name}: palette and classes must be lists of one length.")
    if len(classes) != len(palette):
        raise ClassSpecError(f"{name}: the palette has {len(palette)} colours for {len(classes)} classes.")
    entries = [_as_entry(one) for one in classes]
    if any({"rgb", "color"} & entry.keys() for entry in entries):
        raise ClassSpecError(f"{name}: has colours in the palette and in the classes; leave one of them out.")
    return [{**entry, "rgb": colour} for entry, colour in zip(entries, palette, strict=True)]


def _as_entry(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {"name": value}
