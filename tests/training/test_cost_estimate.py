"""A step without values costs what a step with values does."""

from __future__ import annotations

import gc
import json
from functools import lru_cache

import pytest
import torch
from accelerate import Accelerator
from torch.utils.flop_counter import FlopCounterMode

from dpsims_hub.models.costs import LiveMemory
from dpsims_hub.training.build import build_networks
from dpsims_hub.training.command_line import parse_config
from dpsims_hub.training.config import TrainConfig
from dpsims_hub.training.cost_estimate import StepCosts, estimate_costs
from dpsims_hub.training.step import Networks, TrainingStep
from tests.training.tiny_run import tiny_flags

N = 3


def tiny_config(*more: object) -> TrainConfig:
    return parse_config(tiny_flags("data", "out", "--resolution", "64x48", *more))


@lru_cache
def costs_of(*flags: object) -> StepCosts:
    return estimate_costs(tiny_config(*flags), N)


def real_batch(config: TrainConfig) -> dict[str, torch.Tensor]:
    height, width = config.size
    maps = config.train_batch_size
    return {
        "real_images": torch.rand(maps, 3, height, width),
        "label_map": torch.randint(0, N, (maps, height, width)),
        "latents": torch.randn(maps, config.samples_per_map, 6),
    }


def real_step(config: TrainConfig) -> tuple[int, int]:
    """Bytes that a step on the CPU adds to what is there at rest; its multiply-adds."""
    torch.manual_seed(0)
    with LiveMemory() as memory:
        generator, discriminator, backbone = build_networks(config, N, 255)
        if config.gradient_checkpointing:
            generator.enable_gradient_checkpointing()
        adams = [torch.optim.Adam(module.parameters(), 1e-4) for module in (generator, discriminator)]
        networks = Networks(generator.train(), discriminator.train(), backbone, *adams)
        accelerator = Accelerator(cpu=True, mixed_precision=config.mixed_precision)
        step = TrainingStep(networks, config, accelerator, N)
        step(real_batch(config))
        gc.collect()
        at_rest = memory.peak = memory.bytes
        with FlopCounterMode(display=False) as counter:
            step(real_batch(config))
        return memory.peak - at_rest, counter.get_total_flops() // 2


CHECKPOINTING = ("--gradient_checkpointing", "--train_batch_size", 3, "--weight_contrastive", 0)
HALF = ("--mixed_precision", "bf16")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flags", "tolerance"),
    [((), 0.01), (CHECKPOINTING, 0.01), (HALF, 0.2), (CHECKPOINTING + HALF, 0.2)],
)
def test_memory_and_multiply_adds_are_those_of_a_real_step(flags, tolerance):
    """In half precision nearly: the CPU's autocast pads in float32, unlike CUDA's, which is estimated."""
    memory, multiply_adds = real_step(tiny_config(*flags))
    costs = costs_of(*flags)
    assert costs.step_peak == pytest.approx(memory, rel=tolerance)
    assert costs.multiply_adds == multiply_adds


def test_half_precision_and_gradient_checkpointing_save_memory():
    plain = costs_of().step_peak
    assert 0.4 * plain < costs_of(*HALF).step_peak < 0.8 * plain
    assert costs_of(*CHECKPOINTING).step_peak < 0.9 * 1.5 * plain  # of half as many maps again


def test_memory_at_rest_follows_from_the_parameters():
    costs = costs_of()
    generator, discriminator, backbone = build_networks(tiny_config(), N, 255)
    tensors = [*generator.parameters(), *discriminator.parameters()]
    numbers = sum(p.numel() for p in tensors)
    assert costs.trained == 4 * numbers
    assert costs.optimizers == 4 * (2 * numbers + len(tensors))  # two moments, and a count for each tensor
    states = [module.state_dict().values() for module in (generator, discriminator, backbone.network)]
    stored = sum(t.numel() * t.element_size() for state in states for t in state)
    assert costs.weights == pytest.approx(stored, rel=0.02)  # without buffers that are not stored
    assert costs.networks["generator"].parameters == sum(p.numel() for p in generator.parameters())
    assert costs.networks["discriminator"].parameters == sum(p.numel() for p in discriminator.parameters())
    assert costs.networks["backbone"].parameters == sum(p.numel() for p in backbone.parameters())


@pytest.mark.slow
def test_the_backbone_is_neither_read_nor_fetched():
    assert costs_of("--backbone_weights", "no-such-file.safetensors") == costs_of()


@pytest.mark.slow
def test_oasis_with_labelmix_is_estimated_too():
    widths = '{"decoder_widths": [8, 8], "image_encoder_widths": [8, 8]}'
    generator = {"image_widths": [8, 8, 8], "modulation_widths": [6], "latent_dim": 6}
    flags = ("--preset", "oasis", "--backbone", "none", "--samples_per_map", 1, "--weight_diversity", 0)
    config = tiny_config(
        *flags, "--discriminator_config", widths, "--generator_config", json.dumps(generator)
    )
    assert config.weight_labelmix
    memory, multiply_adds = real_step(config)
    costs = estimate_costs(config, N)
    assert set(costs.networks) == {"generator", "discriminator"}
    assert costs.multiply_adds == multiply_adds
    assert costs.step_peak == pytest.approx(memory, rel=0.01)


def test_settings_that_do_not_fit_are_refused_as_in_training():
    with pytest.raises(ValueError, match="--resolution: 66x48"):
        estimate_costs(tiny_config("--resolution", "66x48"), N)
