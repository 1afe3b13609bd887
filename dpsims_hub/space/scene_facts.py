"""The description of a scene in a downloaded file: file name, text chunks of the PNG, line under a sheet.

The chunk `dpsims-scene` contains the whole scene as JSON, from which the page can restore it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from dpsims_hub.labels import ClassSpec
from dpsims_hub.space.map_string import encode
from dpsims_hub.space.photo_request import PhotoRequest, shown
from dpsims_hub.storage.setting_checks import is_whole

SCENE_KEY = "dpsims-scene"
PALETTES = ("natural", "data set")
_SCENE_VERSION = 1


def scene_facts(request: Mapping[str, Any], photo_request: PhotoRequest, model: str) -> dict[str, str]:
    """Return the text chunks of a download, from a page's request and the checked form of it.

    Raises:
        ValueError: `palette` is not in `PALETTES`.
    """
    palette = request.get("palette", PALETTES[1])
    if palette not in PALETTES:
        raise ValueError(f"palette must be one of {', '.join(PALETTES)}, not {shown(palette)}.")
    style = {"seed": photo_request.seed, "seed_b": photo_request.seed_b, "mix": photo_request.mix}
    keys = ("class", "region", "seed")
    regions = [{key: one[key] for key in keys if key in one} for one in request.get("regions") or []]
    scene = {
        "version": _SCENE_VERSION,
        "kind": request.get("kind"),
        "model": model,
        "map": encode(photo_request.label_map),
        **style,
        "regions": regions,
        "palette": palette,
    }
    texts = {key: f"{value:g}" if isinstance(value, float) else str(value) for key, value in style.items()}
    return {
        "model": model,
        **texts,
        "rerolls": str(len(regions)),
        "palette": palette,
        SCENE_KEY: json.dumps(scene, separators=(",", ":")),
    }


def file_name(model: str, what: str, photo_request: PhotoRequest, palette: str, scale: int = 1) -> str:
    """Return the name of a download, valid everywhere: model, kind, size, seeds, mix, re-rolls, palette."""
    parts = [safe_stem(model), what, *([f"{scale}x"] if scale > 1 else []), f"seed_{photo_request.seed}"]
    if photo_request.mix:
        parts.append(f"to_{photo_request.seed_b}_mix_{round(100 * photo_request.mix)}")
    if photo_request.regions:
        parts.append(f"rerolls_{len(photo_request.regions)}")
    return "_".join([*parts, safe_stem(palette)]) + ".png"


def safe_stem(title: str) -> str:
    """Return a title as the start of a file name that is valid on every system."""
    return re.sub(r"[^A-Za-z0-9]+", "_", title).strip("_") or "dpsims"


def sentence(model: str, photo_request: PhotoRequest, rerolls: Sequence[str], palette: str) -> str:
    """Return the line under a sheet, with the terms of the page.

    Args:
        model: its name.
        photo_request: the request of the photo.
        rerolls: the name of each re-rolled class, or "region".
        palette: the name of the colours.
    """
    parts = [f"model {model}", f"look {photo_request.seed}"]
    if photo_request.mix:
        parts.append(f"mixed to {photo_request.mix:.0%} with look {photo_request.seed_b}")
    own = [f"{name} look {seed}" for name, (_, seed) in zip(rerolls, photo_request.regions, strict=True)]
    more = ["..."] if len(own) > 6 else []
    return ", ".join([*parts, *own[:6], *more, f"{palette} colours"])


def reroll_names(request: Mapping[str, Any], spec: ClassSpec) -> list[str]:
    """Return the class name of each re-roll of a checked request, or "region"."""
    names = spec.id2label | {spec.ignore_index: "Unknown"}
    return [names[one["class"]] if "class" in one else "region" for one in request.get("regions") or []]


def as_shown(spec: ClassSpec, colours: Any) -> ClassSpec:
    """Return the classes in the colours of the page, [red, green, blue] of 0..255 each; None changes nothing.

    Raises:
        ValueError: the colours are malformed.
    """
    if colours is None:
        return spec
    if not isinstance(colours, list) or len(colours) != spec.num_classes or not all(map(_is_colour, colours)):
        raise ValueError(f"colours must be {spec.num_classes} lists of three numbers from 0 to 255.")
    classes = zip(spec.classes, colours, strict=True)
    return replace(spec, classes=tuple(replace(one, rgb=tuple(colour)) for one, colour in classes))


def _is_colour(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 3 and all(is_whole(one, 0, 255) for one in value)
