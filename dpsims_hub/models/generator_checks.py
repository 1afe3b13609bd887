"""Checks of the generator's settings and inputs; each ValueError has one sentence.

Values are checked on the CPU only: on another device the host would have to wait for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from dpsims_hub.storage.setting_checks import check_types_and_ranges


def check_settings(settings: Mapping[str, Any], constructor: Callable) -> None:
    """Refuse settings that contradict each other or the annotations of the constructor."""
    check_types_and_ranges(settings, constructor, "DPSIMSGenerator")
    if settings["ignore_index"] < settings["num_classes"]:
        raise ValueError(
            f"DPSIMSGenerator: ignore_index={settings['ignore_index']} must lie outside the ids 0 to "
            f"{settings['num_classes'] - 1}; with many classes use 65535."
        )
    num_scales = len(settings["image_widths"]) - 1
    fewest = 2 if settings["label_encoder"] == "unet" else 1
    if num_scales < fewest or not settings["modulation_widths"]:
        raise ValueError(
            f"DPSIMSGenerator: label_encoder={settings['label_encoder']!r} needs {fewest} blocks "
            "(one entry more in image_widths) and modulation_widths."
        )
    widths = [len(settings[name]) for name in ("encoder_widths", "modulation_widths")]
    if settings["label_encoder"] == "unet" and widths != [num_scales, num_scales]:
        raise ValueError(
            f"DPSIMSGenerator: {num_scales} blocks (image_widths) need {num_scales} encoder_widths and "
            f"modulation_widths, got {widths[0]} and {widths[1]}."
        )
    if settings["label_encoder"] == "none" and settings["noise_injection"] == "cross_attention":
        raise ValueError(
            "DPSIMSGenerator: noise_injection='cross_attention' reads the encoder's features; "
            "use label_encoder='unet', or noise_injection 'spatial' or 'none'."
        )
    for name in ("use_instance_offsets", "modulation_hidden"):
        if settings[name] and settings["label_encoder"] == "none":
            raise ValueError(f"DPSIMSGenerator: {name} needs label_encoder='unet'.")


def check_label_map(label_map: Tensor, stride: int, num_classes: int, ignore_index: int) -> None:
    """Refuse all but (B, H, W) ids, in [0, N) or `ignore_index`, whose sides are multiples of `stride`."""
    if label_map.ndim != 3 or label_map.is_floating_point() or not len(label_map):
        raise ValueError(
            f"label_map: expected integer ids of shape (B, H, W), got {label_map.dtype} of shape "
            f"{tuple(label_map.shape)}."
        )
    height, width = label_map.shape[1:]
    if min(height, width) < stride or height % stride or width % stride:
        raise ValueError(
            f"label_map: height and width must be multiples of {stride}, got {height}x{width}; "
            "resize or crop it first."
        )
    if label_map.device.type == "cpu":
        ids = label_map.long()
        wrong = ((ids < 0) | (ids >= num_classes)) & (ids != ignore_index)
        if wrong.any():
            raise ValueError(
                f"label_map: id {int(ids[wrong][0])} at {int(wrong.sum())} pixels; this model has "
                f"ids 0 to {num_classes - 1} and {ignore_index} for unknown."
            )


def check_instance_offsets(instance_offsets: Tensor | None, label_map: Tensor, wanted: bool) -> None:
    """Refuse offsets that are missing, not wanted or not of shape (B, 2, H, W)."""
    if (instance_offsets is None) == wanted:
        raise ValueError(f"instance_offsets: this model {'needs' if wanted else 'was built without'} them.")
    expected = (label_map.shape[0], 2, *label_map.shape[1:])
    if wanted and tuple(instance_offsets.shape) != expected:
        raise ValueError(f"instance_offsets: expected {expected}, got {tuple(instance_offsets.shape)}.")


def check_latents(latents: Tensor, num_maps: int, latent_dim: int, per_region: bool) -> None:
    """Refuse all but (B * K, latent_dim), or (B * K, R, latent_dim) if noise is read `per_region`."""
    shape = tuple(latents.shape)
    if len(shape) not in (2, 3) or shape[-1] != latent_dim or shape[0] % num_maps or 0 in shape:
        raise ValueError(
            f"latents: expected ({num_maps} * K, {latent_dim}) or ({num_maps} * K, R, {latent_dim}), "
            f"got {shape}."
        )
    if len(shape) == 3 and shape[1] > 1 and not per_region:
        raise ValueError("latents: noise_injection='none' reads none, and so none per region.")


def check_region_map(region_map: Tensor | None, latents: Tensor, label_map: Tensor) -> None:
    """Refuse all but (B or B * K, H, W) integers in [0, R), and None if and only if R = 1."""
    regions = latents.shape[1] if latents.ndim == 3 else 1
    if (region_map is None) != (regions == 1):
        raise ValueError(
            f"region_map: {'missing' if regions > 1 else 'given'}, with {regions} latents a map."
        )
    if region_map is None:
        return
    batches = sorted({label_map.shape[0], latents.shape[0]})
    shapes = [(batch, *label_map.shape[1:]) for batch in batches]
    if region_map.is_floating_point() or tuple(region_map.shape) not in shapes:
        raise ValueError(
            f"region_map: expected integers of shape {' or '.join(map(str, shapes))}, got "
            f"{region_map.dtype} of shape {tuple(region_map.shape)}."
        )
    if region_map.device.type == "cpu":
        low, high = int(region_map.min()), int(region_map.max())
        if low < 0 or high >= regions:
            raise ValueError(
                f"region_map: regions {low} to {high}, but there are latents for 0 to {regions - 1}."
            )
