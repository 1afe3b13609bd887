"""Networks, frozen backbones and accelerator, built from the settings."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedType, GradientAccumulationPlugin, ProjectConfiguration

from dpsims_hub.losses import PatchProjection
from dpsims_hub.models import (
    DISCRIMINATOR_PRESETS,
    GENERATOR_PRESETS,
    OASIS_ENCODER_WIDTHS,
    DPSIMSDiscriminator,
    DPSIMSGenerator,
    PretrainedBackbone,
)
from dpsims_hub.storage.written_json import likely_name
from dpsims_hub.training.config import TrainConfig
from dpsims_hub.training.step import levels_at


def make_accelerator(config: TrainConfig) -> Accelerator:
    """Accelerator of the run; it uses the CPU if there is no other device.

    Raises:
        ValueError: the distributed type is neither one process nor DDP, or the package of `--report_to` is
            not installed.
    """
    accelerator = Accelerator(
        # Otherwise torchrun on a machine without a GPU would start independent runs.
        cpu=not torch.accelerator.is_available(),
        mixed_precision=config.mixed_precision,
        # The launcher's environment would override a plain number.
        gradient_accumulation_plugin=GradientAccumulationPlugin(config.gradient_accumulation_steps),
        log_with=None if config.report_to == "none" else config.report_to,
        project_config=ProjectConfiguration(config.output_dir, logging_dir=f"{config.output_dir}/logs"),
    )
    supported = (DistributedType.NO, DistributedType.MULTI_GPU, DistributedType.MULTI_CPU)
    if accelerator.distributed_type not in supported:
        raise ValueError(
            f"distributed type {accelerator.distributed_type.value}: two networks train against each other "
            "here, which is supported on one process or with DDP only; choose that in `accelerate config`."
        )
    if config.report_to != "none" and not accelerator.log_with:
        raise ValueError(
            f"--report_to: {config.report_to} is not installed; pip install {config.report_to}, or use none."
        )
    return accelerator


def build_networks(
    config: TrainConfig, num_classes: int, ignore_index: int
) -> tuple[DPSIMSGenerator, DPSIMSDiscriminator, PretrainedBackbone | None]:
    """Generator, discriminator and backbone of a configuration; no backbone if D has its own encoder.

    Raises:
        ValueError: a setting is unknown or contradicts another.
        FileNotFoundError: the backbone's weights are missing.
    """
    generator = _construct(
        "generator_config",
        DPSIMSGenerator,
        {"num_classes": num_classes, "sample_size": list(config.size), "ignore_index": ignore_index},
        {
            "use_instance_offsets": config.instance_offsets,
            **GENERATOR_PRESETS[config.preset],
            **config.generator_config,
        },
    )
    _check_resolution(config, generator.stride)
    given: dict[str, Any] = {"num_classes": num_classes}
    chosen = {**DISCRIMINATOR_PRESETS[config.preset], **config.discriminator_config}
    backbone = None
    if config.backbone == "none":
        chosen.setdefault("image_encoder_widths", OASIS_ENCODER_WIDTHS)
        _check_depth(config, len(chosen["image_encoder_widths"]))
    else:
        backbone = build_backbone(config)
        given |= {"feature_channels": backbone.channels, "feature_strides": backbone.strides}
        chosen.setdefault("feature_conditioning", config.feature_conditioning)
    return generator, _construct("discriminator_config", DPSIMSDiscriminator, given, chosen), backbone


def build_backbone(config: TrainConfig) -> PretrainedBackbone:
    """The frozen backbone of the discriminator; raises the errors of `PretrainedBackbone`."""
    return PretrainedBackbone(
        config.backbone,
        weights=None if config.backbone_weights == "random" else config.backbone_weights,
        image_size=config.size,
        mean=config.backbone_mean or None,
        std=config.backbone_std or None,
        model_kwargs=config.backbone_kwargs,
    )


def build_patch_networks(
    config: TrainConfig, backbone: PretrainedBackbone | None
) -> tuple[PretrainedBackbone | None, PatchProjection | None]:
    """Backbone of the contrastive loss (None: the discriminator's), and its projection or None.

    `contrastive_choice` has replaced the setting "if_found" before.

    Raises:
        ValueError: none of `contrastive_strides` is a stride of the backbone, or timm cannot build it.
        FileNotFoundError: its weights are missing.
    """
    if not config.weight_contrastive:
        return None, None
    own = None
    if name := config.contrastive_backbone:
        weights = config.contrastive_backbone_weights
        try:
            own = PretrainedBackbone(name, None if weights == "random" else weights, config.size)
        except FileNotFoundError as error:
            raise FileNotFoundError(f"--contrastive_backbone_weights: {error}") from error
    compared = own or backbone
    levels = levels_at(compared, config.contrastive_strides)
    if not levels:
        found = f"has {', '.join(map(str, compared.strides))}" if compared else "is none"
        raise ValueError(
            f"--contrastive_strides: {', '.join(map(str, config.contrastive_strides))} are no strides of the "
            f"backbone, which {found}; choose others, or set --weight_contrastive 0."
        )
    width, channels = config.contrastive_head, [compared.channels[i] for i in levels]
    return own, PatchProjection(channels, width) if width else None


def _construct(flag: str, kind: type, given: dict[str, Any], chosen: dict[str, Any]) -> Any:
    """`kind(**given, **chosen)`, where `chosen` comes from the preset and a JSON flag."""
    known = set(inspect.signature(kind.__init__).parameters) - {"self"} - set(given)
    if unknown := sorted(chosen.keys() - known):
        hint = next((said for name in unknown if (said := likely_name(name, known))), "")
        hint = hint or f"{kind.__name__} has {', '.join(sorted(known))}."
        raise ValueError(f"--{flag}: {', '.join(unknown)} cannot be set here; {hint}")
    try:
        return kind(**given, **chosen)
    except TypeError as error:
        raise ValueError(f"--{flag}: {kind.__name__} cannot be built: {error}.") from error
    except ValueError as error:
        raise ValueError(f"--{flag}: {error}" if chosen else str(error)) from error


def _check_resolution(config: TrainConfig, stride: int) -> None:
    height, width = config.size
    if height % stride or width % stride:
        near_width, near_height = (max(1, round(side / stride)) * stride for side in (width, height))
        raise ValueError(
            f"--resolution: {width}x{height} (width x height) must be multiples of {stride}, the "
            f"generator's stride; the nearest is {near_width}x{near_height}."
        )


def _check_depth(config: TrainConfig, depth: int) -> None:
    if min(config.size) < 2**depth:
        raise ValueError(
            f"--resolution: {config.resolution} is too small for the discriminator's own encoder, which "
            f"halves it {depth} times; use sides of at least {2**depth}."
        )
