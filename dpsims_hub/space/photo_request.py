"""Checks of requests for photos; no value from a page or an API client is trusted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dpsims_hub.space.map_string import decode
from dpsims_hub.space.model_registry import MAX_SEED, ModelInfo
from dpsims_hub.storage.setting_checks import is_whole

LARGEST = 1024  # pixels a side; the limit for decoding a map is at least this, and its size is checked later
MAX_REGIONS = 32  # our choice: each adds to the cost of attention
MAX_PHOTOS = 8  # of one request


@dataclass(frozen=True)
class PhotoRequest:
    """A checked request for one photo.

    Args:
        label_map: (H, W) ids.
        seed: of the latents.
        seed_b: of the latents at the other end of the mix.
        mix: 0 means `seed`, 1 means `seed_b`; values between follow the great circle.
        regions: (pixels (H, W) bool, seed) of parts with other latents; later ones take precedence.
        draft: a stroke is being drawn. Without regions, only the part of the photo around the last change
            may be computed; the rest may be slightly out of date.
    """

    label_map: np.ndarray
    seed: int = 0
    seed_b: int = 0
    mix: float = 0.0
    regions: tuple[tuple[np.ndarray, int], ...] = ()
    draft: bool = False


def read_photo_request(request: Mapping[str, Any], model_info: ModelInfo) -> PhotoRequest:
    """Check a request for a photo.

    Args:
        request: {"map": text, "seed", "seed_b", "mix", "regions": [{"class": id or "region": text, "seed"}],
            "draft": true or absent}.
        model_info: determines classes and size.

    Raises:
        ValueError: a value is wrong or does not fit the model.
    """
    label_map = decode(request.get("map"), model_info.spec, max_side=max(LARGEST, *model_info.size))
    if label_map.shape != model_info.size:
        raise ValueError(
            f"the map is {label_map.shape[1]}x{label_map.shape[0]} px (width x height); this model paints "
            f"{model_info.size[1]}x{model_info.size[0]}."
        )
    seed = read_seed(request.get("seed") or 0)
    other = request.get("seed_b")
    return PhotoRequest(
        label_map,
        seed,
        seed if other is None else read_seed(other),
        _read_mix(request.get("mix") or 0.0),
        _read_regions(request.get("regions") or [], label_map, model_info),
        request.get("draft") is True,
    )


def read_seed(value: Any) -> int:
    """Return a checked seed, in 0..2^31 - 1.

    Raises:
        ValueError: the value is no seed.
    """
    if isinstance(value, float) and value.is_integer():  # some clients send whole numbers as floats
        value = int(value)
    if not is_whole(value, 0, MAX_SEED):
        raise ValueError(
            f"the number of a look (seed) is a whole number from 0 to {MAX_SEED}, not {shown(value)}."
        )
    return value


def read_seeds(request: Mapping[str, Any]) -> list[int]:
    """Return the seeds of several photos: `seeds` as given, or `count` seeds drawn from the seed `seed`.

    Raises:
        ValueError: there are too many or none, or a value is no seed.
    """
    seeds = request.get("seeds")
    if seeds is None:
        count = request.get("count", 4)
        if not is_whole(count, 1, MAX_PHOTOS):
            raise ValueError(f"count must be a whole number from 1 to {MAX_PHOTOS}, not {shown(count)}.")
        first = read_seed(request.get("seed") or 0)
        return np.random.default_rng(first).integers(0, MAX_SEED + 1, count).tolist()
    if not isinstance(seeds, list) or not 1 <= len(seeds) <= MAX_PHOTOS:
        raise ValueError(f"seeds must be a list of 1 to {MAX_PHOTOS} seeds.")
    return [read_seed(seed) for seed in seeds]


def read_class(value: Any, model_info: ModelInfo) -> int:
    """Return a checked id: a class of the model, or `ignore_index`.

    Raises:
        ValueError: the value is no such id.
    """
    spec = model_info.spec
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or not (0 <= value < spec.num_classes or value == spec.ignore_index):
        raise ValueError(f"{shown(value)} is no class of {spec.name}.")
    return value


def shown(value: Any) -> str:
    """Return a visitor's value as short text on one line, for a message."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # numbers of thousands of digits, deeply nested lists
        return f"a {type(value).__name__}"
    return text if len(text) <= 40 else f"{text[:37]}..."


def _read_mix(value: Any) -> float:
    whole = isinstance(value, int | float) and not isinstance(value, bool)
    if not whole or not 0 <= value <= 1:  # NaN fails the comparison too
        raise ValueError(f"mix must be a number from 0 to 1, not {shown(value)}.")
    return float(value)


def _read_regions(
    values: Any, label_map: np.ndarray, model_info: ModelInfo
) -> tuple[tuple[np.ndarray, int], ...]:
    if not isinstance(values, list) or len(values) > MAX_REGIONS:
        raise ValueError(f"regions must be a list of at most {MAX_REGIONS}.")
    if values and not model_info.regions:
        raise ValueError("this model has one look for the whole photo; a region cannot have another one.")
    return tuple(_read_region(value, label_map, model_info) for value in values)


def _read_region(region: Any, label_map: np.ndarray, model_info: ModelInfo) -> tuple[np.ndarray, int]:
    if not isinstance(region, Mapping) or ("class" in region) == ("region" in region):
        forms = 'a region is {"class": id, "seed": s} or {"region": map text of 0 and 1, "seed": s}'
        raise ValueError(f"{forms}.")
    seed = read_seed(region.get("seed") or 0)
    if "class" in region:
        return label_map == read_class(region["class"], model_info), seed
    mask = decode(region["region"], max_side=max(LARGEST, *model_info.size))
    if mask.shape != label_map.shape or mask.max() > 1:
        raise ValueError("a region must be a map text of 0 and 1, of the map's size.")
    return mask.astype(bool), seed
