from __future__ import annotations

from inspect import signature

import pytest
import torch

from dpsims_hub.models import GENERATOR_PRESETS, DPSIMSGenerator
from tests.models.generator_kinds import KINDS, assert_same, some_latents, some_maps
from tests.tiny import tiny_generator

every_kind = pytest.mark.parametrize("kind", KINDS)


def random_direction(images: torch.Tensor) -> torch.Tensor:
    return torch.randn(images.shape, generator=torch.Generator().manual_seed(5))


@every_kind
def test_gradient_reaches_every_parameter(kind):
    generator = tiny_generator(**KINDS[kind])  # in evaluation: batch norm would cancel the biases before it
    sample = generator(some_maps(2), some_latents(4)).sample
    (sample * random_direction(sample)).sum().backward()
    untouched = [name for name, p in generator.named_parameters() if p.grad is None or not p.grad.any()]
    assert untouched == []


@every_kind
def test_gradient_in_training_is_finite(kind):
    generator = tiny_generator(**KINDS[kind]).train()
    sample = generator(some_maps(2), some_latents(4)).sample
    (sample * random_direction(sample)).sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in generator.parameters())


def test_gradient_reaches_the_instance_offsets_layer():
    generator = tiny_generator(use_instance_offsets=True)
    offsets = torch.randn(2, 2, 8, 12, generator=torch.Generator().manual_seed(0))
    generator(some_maps(2), some_latents(2), instance_offsets=offsets).sample.sum().backward()
    assert generator.encoder.instance_stem.weight.grad.abs().max() > 0


@every_kind
def test_gradient_checkpointing_changes_neither_gradients_nor_statistics(kind):
    results = []
    for checkpointing in (False, True):
        generator = tiny_generator(**KINDS[kind]).train()
        if checkpointing:
            generator.enable_gradient_checkpointing()
        sample = generator(some_maps(2), some_latents(4)).sample
        (sample * random_direction(sample)).sum().backward()
        assert all(norm.momentum == 0.1 for norm in generator.modules() if hasattr(norm, "momentum"))
        assert all(module.training for module in generator.modules())
        gradients = {name: parameter.grad for name, parameter in generator.named_parameters()}
        results.append((gradients, dict(generator.named_buffers())))
    for plain, checkpointed in zip(*results, strict=True):
        for name, value in plain.items():
            torch.testing.assert_close(checkpointed[name], value, rtol=1e-4, atol=1e-5)


def test_checkpointing_really_runs_the_blocks_twice():
    generator = tiny_generator().train()
    generator.enable_gradient_checkpointing()
    runs = []
    generator.blocks[0].register_forward_pre_hook(lambda *_: runs.append(1))
    generator(some_maps(2), some_latents(2)).sample.sum().backward()
    assert len(runs) == 2


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("kind", ["noise at modulation", "oasis"])
def test_removing_spectral_norm_keeps_the_function(kind, training):
    generator = tiny_generator(**KINDS[kind]).train()
    maps, latents = some_maps(2), some_latents(2)
    with torch.no_grad():
        for parameter in generator.parameters():  # as after a step: the power iteration has to catch up
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
        before = generator.eval()(maps, latents).sample
        assert generator.train(training).remove_spectral_norm() is generator
        after = generator.eval()(maps, latents).sample
    torch.testing.assert_close(after, before, rtol=0, atol=1e-6)
    assert not generator.config.spectral_norm
    plain = tiny_generator(seed=1, **KINDS[kind], spectral_norm=False)
    plain.load_state_dict(generator.state_dict())
    with torch.no_grad():
        assert_same(plain(maps, latents).sample, after)


# Initialisation decides whether the noise lives.


def scaled_down(preset: str) -> dict:
    """The settings of a preset with an eighth of its widths."""
    defaults = {name: value.default for name, value in signature(DPSIMSGenerator.__init__).parameters.items()}
    settings = {**defaults, **GENERATOR_PRESETS[preset]}
    names = ("image_widths", "encoder_widths", "modulation_widths")
    widths = {name: tuple(max(width // 8, 8) for width in settings[name]) for name in names}
    return {**GENERATOR_PRESETS[preset], **widths, "mapping_width": settings["mapping_width"] // 8}


def difference_of_two_latents(settings: dict) -> float:
    torch.manual_seed(0)
    generator = DPSIMSGenerator(num_classes=11, **settings).train()
    blocks = torch.randint(0, 11, (1, 4, 6), generator=torch.Generator().manual_seed(1))
    label_map = blocks.repeat_interleave(16, dim=1).repeat_interleave(16, dim=2)
    latents = torch.randn(2, 64, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        first, second = generator(label_map, latents).sample
    return (first - second).abs().mean().item()


@pytest.mark.parametrize("noise_at", ["modulation", "encoder"])
@pytest.mark.parametrize("preset", ["dpsims", "base", "small"])
def test_two_latents_differ_visibly_at_initialisation(preset, noise_at):
    assert difference_of_two_latents({**scaled_down(preset), "noise_at": noise_at}) > 0.05


def test_two_latents_differ_visibly_at_initialisation_of_the_baseline():
    settings = scaled_down("oasis")  # whose published initialisation starts with faint images
    assert difference_of_two_latents({**settings, "initialization": "unit_variance"}) > 0.05


def test_two_latents_differ_visibly_at_initialisation_of_the_small_preset_itself():
    assert difference_of_two_latents(GENERATOR_PRESETS["small"]) > 0.05
