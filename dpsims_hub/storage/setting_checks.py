"""Types and ranges of a network's settings, checked before anything is built.

A configuration may come from an untrusted source. The ranges allow far more than the largest preset needs.
They prevent a number such as 10**9 from costing memory or time.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args, get_origin, get_type_hints

MAX_CLASSES = 65535  # ids are stored in 16 bits and one value is left for "unknown"
MAX_SIDE = 16384  # pixels
_WIDTH, _LEVELS = (1, 16384), (0, 12)

RANGES: dict[str, tuple[float, float]] = {
    "num_classes": (1, MAX_CLASSES),
    "sample_size": (1, MAX_SIDE),
    "ignore_index": (0, MAX_CLASSES),
    "latent_dim": (1, 4096),
    "image_widths": _WIDTH,
    "encoder_widths": _WIDTH,
    "modulation_widths": _WIDTH,
    "encoder_convolutions": (1, 16),
    "mapping_width": _WIDTH,
    "mapping_layers": (1, 64),
    "num_noise_tokens": (1, 4096),
    "attention_dim": (1, 4096),
    "noise_fields": (0, 256),
    "noise_from_stride": (1, 4096),
    "modulation_kernel": (1, 3),
    "modulation_hidden": (0, 16384),
    "output_gain": (0, 100),
    "feature_channels": _WIDTH,
    "feature_strides": (1, 1024),
    "decoder_widths": _WIDTH,
    "image_encoder_widths": _WIDTH,
}
"""Smallest and largest value of each setting; for a list, of each entry."""

LENGTHS: dict[str, tuple[int, int]] = {
    "sample_size": (2, 2),
    "image_widths": (2, 12),
    "encoder_widths": _LEVELS,
    "modulation_widths": _LEVELS,
    "feature_channels": (0, 64),  # a backbone may give one map per block
    "feature_strides": (0, 64),
    "decoder_widths": (1, 12),
    "image_encoder_widths": _LEVELS,
}
"""Smallest and largest number of entries of the settings that are lists."""


def check_types_and_ranges(settings: Mapping[str, Any], constructor: Callable, owner: str) -> None:
    """Refuse settings that do not fit the annotations of a constructor or the ranges above.

    Raises:
        ValueError: names `owner`, the setting and what it may be.
    """
    for name, hint in get_type_hints(constructor).items():
        if name in settings and (wanted := _misfit(name, settings[name], hint)):
            raise ValueError(f"{owner}: {name}={reprlib.repr(settings[name])} {wanted}.")


def _misfit(name: str, value: Any, hint: Any) -> str | None:
    """What the setting must be, or None where it fits."""
    if get_origin(hint) is Literal:
        return None if value in get_args(hint) else f"is none of {', '.join(map(repr, get_args(hint)))}"
    if hint is bool:
        return None if isinstance(value, bool) else "must be true or false"
    if name not in RANGES:
        return None
    low, high = RANGES[name]
    if hint is float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return None if number and low <= value <= high else f"must be a number from {low} to {high}"
    if hint is int:
        return None if is_whole(value, low, high) else f"must be a whole number from {low} to {high}"
    fewest, most = LENGTHS[name]
    fits = isinstance(value, list | tuple) and fewest <= len(value) <= most
    if fits and all(is_whole(entry, low, high) for entry in value):
        return None
    count = f"{fewest}" if fewest == most else f"{fewest} to {most}"
    return f"must be a list of {count} whole numbers from {low} to {high}"


def is_whole(value: Any, low: float, high: float) -> bool:
    """Whether a value is an int, not a bool, in [low, high]."""
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
