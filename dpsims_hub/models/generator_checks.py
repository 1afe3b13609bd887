"""What the generator refuses: settings, maps, latents and regions that do not fit, one sentence each.

Values are looked at on the CPU only: elsewhere the check would make the device wait for every batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from dpsims_hub.storage.setting_checks import check_types_and_ranges


def check_settings(settings: Mapping[str, Any], constructor: Callable) -> None:
    """Refuse settings that contradict each other or that the constructor's annotations do not allow.

    Args:
        settings: the generator's settings by name.
        constructor: its annotated `__init__`.

    Raises:
        ValueError: a setting has another type or size than is allowed, or two settings exclude each other.
    """
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
    """Refuse a label map of wrong type, shape or size, or (on the CPU) with ids out of range.

    Args:
        label_map: what should be (B, H, W) integer ids.
        stride: H and W must be multiples of it.
        num_classes: N.
        ignore_index: the id allowed beside 0 to N - 1.

    Raises:
        ValueError: one of these.
    """
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
    """Refuse offsets that are missing, not wanted or of another size than the label map.

    Args:
        instance_offsets: what should be (B, 2, H, W), or None.
        label_map: (B, H, W).
        wanted: whether the model was built with offsets.

    Raises:
        ValueError: one of these.
    """
    if (instance_offsets is None) == wanted:
        raise ValueError(f"instance_offsets: this model {'needs' if wanted else 'was built without'} them.")
    expected = (label_map.shape[0], 2, *label_map.shape[1:])
    if wanted and tuple(instance_offsets.shape) != expected:
        raise ValueError(f"instance_offsets: expected {expected}, got {tuple(instance_offsets.shape)}.")


def check_latents(latents: Tensor, num_maps: int, latent_dim: int, per_region: bool) -> None:
    """Refuse latents whose shape does not fit the maps.

    Args:
        latents: what should be (B * K, latent_dim) or (B * K, R, latent_dim).
        num_maps: B.
        latent_dim: length of z.
        per_region: whether the model can read one z per region.

    Raises:
        ValueError: another shape, or several regions where the model cannot tell them apart.
    """
    shape = tuple(latents.shape)
    if len(shape) not in (2, 3) or shape[-1] != latent_dim or shape[0] % num_maps or 0 in shape:
        raise ValueError(
            f"latents: expected ({num_maps} * K, {latent_dim}) or ({num_maps} * K, R, {latent_dim}), "
            f"got {shape}."
        )
    if len(shape) == 3 and shape[1] > 1 and not per_region:
        raise ValueError("latents: noise_injection='none' reads none, and so none per region.")


def check_region_map(region_map: Tensor | None, latents: Tensor, label_map: Tensor) -> None:
    """Refuse a region map that is missing, not wanted, of wrong size, or (on the CPU) out of range.

    Args:
        region_map: what should be (B or B * K, H, W) integers in [0, R), or None when R = 1.
        latents: (B * K, latent_dim) or (B * K, R, latent_dim).
        label_map: (B, H, W).

    Raises:
        ValueError: one of these.
    """
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
