from __future__ import annotations

import copy

import pytest
import torch

from dpsims_hub.models.truncation import mean_w, truncate_
from tests.tiny import LATENT_DIM, SIZE, tiny_generator

MAPS = torch.randint(0, 3, (2, *SIZE), generator=torch.Generator().manual_seed(0))
LATENTS = torch.randn(2, LATENT_DIM, generator=torch.Generator().manual_seed(1))


class MovedMapping(torch.nn.Module):
    """w is moved towards its mean after the mapping, as the definition says."""

    def __init__(self, mapping: torch.nn.Module, truncation: float) -> None:
        super().__init__()
        self.mapping, self.truncation = mapping, truncation

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        mean, w = mean_w(self.mapping), self.mapping(latents)
        return mean + self.truncation * (w - mean)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"noise_at": "encoder"},
        {"noise_fields": 2, "noise_from_stride": 2},
        {"rms_normalization": False},
    ],
)
@torch.no_grad()
def test_photos_are_those_of_a_moved_w(settings):
    generator = tiny_generator(**settings)
    for attention in generator.attentions:
        if attention is not None:
            attention.to_value.bias.normal_()
    expected = copy.deepcopy(generator)
    expected.mapping = MovedMapping(expected.mapping, 0.4)
    before = generator(MAPS, LATENTS).sample
    truncate_(generator, 0.4)
    photos = generator(MAPS, LATENTS).sample
    assert (photos - before).abs().max() > 1e-3
    torch.testing.assert_close(photos, expected(MAPS, LATENTS).sample, rtol=0, atol=1e-5)
    truncate_(generator, 2.5)
    torch.testing.assert_close(generator(MAPS, LATENTS).sample, before, rtol=0, atol=1e-5)


@torch.no_grad()
def test_the_mean_is_that_of_other_draws():
    mapping = tiny_generator().mapping
    w = mapping(torch.randn(200_000, LATENT_DIM, generator=torch.Generator().manual_seed(9)))
    assert ((mean_w(mapping) - w.mean(0)).abs() < 4 * w.std(0) / 16_384**0.5).all()
    torch.testing.assert_close(mean_w(mapping), mean_w(mapping), rtol=0, atol=0)


@torch.no_grad()
def test_half_precision_is_rounded_once():
    network = tiny_generator().to(torch.bfloat16)
    before = copy.deepcopy(network)
    truncate_(network, 0.6)
    mean = mean_w(before.mapping)
    for old, new in zip(before.attentions, network.attentions, strict=True):
        weight = old.to_value.weight.float()
        assert torch.equal(new.to_value.weight, (0.6 * weight).bfloat16())
        bias = old.to_value.bias.float() + 0.4 * weight @ mean
        torch.testing.assert_close(new.to_value.bias, bias.bfloat16(), rtol=2**-8, atol=0)


def test_1_changes_nothing_of_any_generator():
    network = tiny_generator(noise_injection="spatial")
    before = copy.deepcopy(network.state_dict())
    truncate_(network, 1)
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
def test_a_truncation_above_zero_is_wanted(value):
    with pytest.raises(ValueError, match="truncation must be a finite number above 0, not"):
        truncate_(tiny_generator(), value)


@pytest.mark.parametrize("kind", ["spatial", "none"])
def test_other_noise_is_refused(kind):
    with pytest.raises(
        ValueError, match=f"needs a generator with cross-attention; this one has noise '{kind}'"
    ):
        truncate_(tiny_generator(noise_injection=kind), 0.5)
