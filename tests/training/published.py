"""Tiny published models, and the flags of a run that starts from one."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch

from dpsims_hub.labels import ClassSpec
from dpsims_hub.models import DPSIMSDiscriminator, DPSIMSGenerator
from dpsims_hub.pipelines.pipeline_dpsims import DPSIMSPipeline
from dpsims_hub.training.build import build_networks
from dpsims_hub.training.command_line import parse_config
from dpsims_hub.training.config import TrainConfig
from tests.tiny import TINY, tiny_generator

NAMES = ["road", "sky", "car", "tree"]
OASIS = {
    "label_encoder": "none",
    "noise_injection": "spatial",
    "modulation_widths": (10,),
    "modulation_kernel": 3,
    "modulated_shortcut": True,
}
KINDS = {
    "attention": {},
    "fields": {"noise_fields": 2, "smooth_output": True},
    "spatial": {"noise_injection": "spatial"},
    "oasis": OASIS,
}


def spec(*classes: object) -> ClassSpec:
    return ClassSpec.from_dict({"name": "mine", "classes": list(classes)})


def entry(number: int, name: str, *aliases: str) -> dict:
    return {"id": number, "name": name, "aliases": list(aliases)}


@torch.no_grad()
def publish(folder: Path, names: list[str] | None = None, **settings) -> DPSIMSGenerator:
    """Saves a tiny model as training does: averaged weights, so that no layer's norm is quite 1."""
    names = names or NAMES
    generator = tiny_generator(len(names), **settings).remove_spectral_norm()
    torch.manual_seed(7)
    for parameter in generator.parameters():
        parameter.mul_(0.9 + 0.2 * torch.rand(())).add_(0.01 * torch.randn(parameter.shape))
    DPSIMSPipeline(generator, spec(*names).to_dict()).save_pretrained(folder)
    return generator


def flags(model: object, *more: object) -> TrainConfig:
    """Settings of a run of the preset small (whose own architecture is another one) at 32x24."""
    given = ["--preset", "small", "--pretrained_model_name_or_path", model, "--resolution", "32x24"]
    given += ["--backbone", "test_resnet", "--backbone_weights", "random"]
    return parse_config([str(flag) for flag in (*given, *more)])


@torch.no_grad()
def publish_discriminator(folder: Path, config: TrainConfig) -> DPSIMSDiscriminator:
    """Saves one as training does, with widths of its own."""
    torch.manual_seed(11)
    widened = {**config.discriminator_config, "decoder_widths": [10, 6]}
    plain = dataclasses.replace(config, generator_config=TINY, discriminator_config=widened)
    _, discriminator, _ = build_networks(plain, len(NAMES), 255)
    discriminator.head.bias.normal_()
    discriminator.save_pretrained(folder)
    return discriminator.eval()
