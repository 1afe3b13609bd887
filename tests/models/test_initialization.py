from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from dpsims_hub.models import DISCRIMINATOR_PRESETS, DPSIMSDiscriminator
from dpsims_hub.models.initialization import xavier_
from tests.models.generator_kinds import OASIS
from tests.tiny import tiny_generator


def xavier_deviation(weight: torch.Tensor) -> float:
    receptive = weight[0, 0].numel()
    return 0.02 * (2 / (receptive * (weight.shape[0] + weight.shape[1]))) ** 0.5


def test_every_weight_has_xaviers_deviation_and_every_bias_is_zero():
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv2d(40, 60, 3), nn.Linear(300, 20), nn.BatchNorm2d(7))
    frozen = nn.Conv2d(2, 2, 1).requires_grad_(False)
    before = frozen.weight.clone()
    xavier_(nn.ModuleList([layers, frozen]))
    for layer in layers[:2]:
        assert layer.weight.std().item() == pytest.approx(xavier_deviation(layer.weight), rel=0.05)
        assert layer.bias.abs().max() == 0
    assert torch.equal(layers[2].weight, torch.ones(7))
    assert torch.equal(frozen.weight, before)


def test_spectral_norm_starts_from_the_new_weight():
    torch.manual_seed(0)
    layer = spectral_norm(nn.Conv2d(6, 9, 3))
    xavier_(layer)
    original = layer.parametrizations.weight.original
    assert original.std().item() == pytest.approx(xavier_deviation(original), rel=0.1)
    largest = torch.linalg.svdvals(layer.eval().weight.flatten(1))[0]
    assert largest.item() == pytest.approx(1, abs=0.05)


def test_oasis_starts_as_published_and_the_others_do_not():
    generator = tiny_generator(**OASIS, initialization="xavier")
    assert generator.to_rgb.weight.std().item() == pytest.approx(
        xavier_deviation(generator.to_rgb.weight), rel=0.2
    )
    assert tiny_generator(**OASIS).to_rgb.weight.std() > 1.5 * generator.to_rgb.weight.std()
    settings = {**DISCRIMINATOR_PRESETS["oasis"], "image_encoder_widths": (8, 16), "decoder_widths": (16, 8)}
    head = DPSIMSDiscriminator(30, **settings).head
    assert head.weight.std().item() == pytest.approx(xavier_deviation(head.weight), rel=0.2)
    assert head.bias.abs().max() == 0


@pytest.mark.parametrize("gain", [0.2, 1.0])
def test_the_first_image_has_the_deviation_asked_for(gain):
    generator = tiny_generator(output_gain=gain, seed=3)
    fan_in = generator.to_rgb.weight[0].numel()
    assert generator.to_rgb.weight.std().item() == pytest.approx(gain / fan_in**0.5, rel=0.2)
