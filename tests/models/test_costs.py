"""Parameters and multiply-adds of the presets, against published figures and the project's own limits."""

from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from dpsims_hub.models import DECODER_WIDTHS, GENERATOR_PRESETS, DPSIMSDiscriminator, DPSIMSGenerator

OASIS_ENCODER = (128, 128, 256, 256, 512, 512)


def count_parameters(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def generator_costs(preset: str, num_planes: int, height: int, width: int) -> tuple[float, float]:
    """Parameters in millions; multiply-adds of one photo in thousand millions, without computing it."""
    settings = dict(GENERATOR_PRESETS[preset])
    if preset == "oasis":
        settings["label_convolution"] = "plain"  # as published: on one-hot planes
    with torch.device("meta"):
        generator = DPSIMSGenerator(num_planes, sample_size=(height, width), spectral_norm=False, **settings)
        label_map, latents = torch.zeros(1, height, width, dtype=torch.long), torch.zeros(1, 64)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        generator.eval()(label_map, latents)
    return count_parameters(generator) / 1e6, counter.get_total_flops() / 2e9


@pytest.mark.parametrize(
    ("num_planes", "parameters", "multiply_adds"),
    [(151, 74.3, 194.4), (183, 75.2, 204.0)],  # ADE20K and COCO-Stuff with the unknown class
)
def test_oasis_generator_costs_what_the_published_one_does(num_planes, parameters, multiply_adds):
    costs = generator_costs("oasis", num_planes, 256, 256)
    assert [round(cost, 1) for cost in costs] == [parameters, multiply_adds]


@pytest.mark.parametrize(
    ("preset", "num_planes", "size", "most_parameters", "most_multiply_adds"),
    [
        ("dpsims", 151, (256, 256), 90, 60),
        ("base", 151, (256, 256), 25, 16),
        ("small", 11, (192, 256), 5, 3),
    ],
)
def test_presets_stay_within_their_limits(preset, num_planes, size, most_parameters, most_multiply_adds):
    parameters, multiply_adds = generator_costs(preset, num_planes, *size)
    assert most_parameters / 2 < parameters <= most_parameters
    assert most_multiply_adds / 2 < multiply_adds <= most_multiply_adds


def test_cost_does_not_depend_on_the_number_of_classes():
    few, many = (generator_costs("small", num_planes, 96, 128)[1] for num_planes in (11, 150))
    assert many == few


def test_oasis_discriminator_has_the_published_size():
    with torch.device("meta"):
        model = DPSIMSDiscriminator(
            151, decoder_widths=DECODER_WIDTHS["oasis"], image_encoder_widths=OASIS_ENCODER
        )
    assert round(count_parameters(model) / 1e6, 2) == 22.26


def test_decoder_over_convnext_large_has_about_17_million():
    blocks = [(1536, 512), (512 + 768, 256), (256 + 384, 256), (256 + 192, 128), (128, 64)]
    by_hand = sum(9 * a * b + b + 9 * b * b + b + a * b + b for a, b in blocks) + 64 * 152 + 152
    assert round(by_hand / 1e6, 1) == 17.2
    with torch.device("meta"):
        model = DPSIMSDiscriminator(151, (192, 384, 768, 1536), (4, 8, 16, 32), DECODER_WIDTHS["dpsims"])
    assert count_parameters(model) == by_hand
