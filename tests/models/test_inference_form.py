"""The form for inference computes what the network computes, for every kind of generator."""

import pytest
import torch
import torch.nn.functional as F

from dpsims_hub.models import DPSIMSGenerator
from dpsims_hub.models.inference_form import inference_form
from dpsims_hub.models.packed_convolution import PackedConvolution, replicate_padded
from tests.models.generator_kinds import KINDS, some_latents, some_maps
from tests.tiny import tiny_generator


def lived_in(**settings) -> DPSIMSGenerator:
    """A tiny generator whose batch norms and biases are not those of a new one."""
    network = tiny_generator(**settings)
    random = torch.Generator().manual_seed(1)
    for name, tensor in network.state_dict().items():
        if name.endswith("bias"):
            tensor.normal_(generator=random).mul_(0.3)
    return network


@pytest.mark.parametrize("regions", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_photos_are_those_of_the_network_in_float64(kind, regions):
    regions = 1 if kind == "no noise" else regions
    network = lived_in(**KINDS[kind])
    form = inference_form(network)
    maps, latents = some_maps(2, 16, 24), some_latents(4, *([regions] if regions > 1 else []))
    region_map = some_maps(2, 16, 24, seed=1).clamp(max=2) if regions > 1 else None
    photos = form(maps, latents, region_map).sample
    reference = network.double()(maps, latents.double(), region_map).sample
    torch.testing.assert_close(photos.double(), reference, rtol=0, atol=2e-5)
    assert type(form) is DPSIMSGenerator
    assert not any(tensor.requires_grad for tensor in form.parameters())


@pytest.mark.parametrize("size", [(4, 4), (4, 12), (20, 8)])
@torch.no_grad()
def test_maps_of_any_size_one_after_the_other(size):
    network = lived_in()
    form = inference_form(network)
    for height, width in (size, (8, 12), size, (12, 8)):
        maps, latents = some_maps(1, height, width), some_latents(1)
        torch.testing.assert_close(
            form(maps, latents).sample, network(maps, latents).sample, rtol=0, atol=1e-5
        )


@torch.no_grad()
def test_instance_offsets_and_plain_label_convolutions():
    network = lived_in(use_instance_offsets=True, label_convolution="plain")
    offsets = torch.randn(2, 2, 8, 12, generator=torch.Generator().manual_seed(3))
    given = some_maps(2), some_latents(2), None, offsets
    torch.testing.assert_close(
        inference_form(network)(*given).sample, network(*given).sample, rtol=0, atol=1e-5
    )


@torch.no_grad()
def test_the_network_stays_and_what_it_learns_later_does_not_reach_the_copy():
    network = lived_in(spectral_norm=True)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    form = inference_form(network)
    photo = form(some_maps(1), some_latents(1)).sample
    assert before.keys() == network.state_dict().keys()
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
    for tensor in network.parameters():
        tensor.mul_(0)
    assert torch.equal(form(some_maps(1), some_latents(1)).sample, photo)


@torch.no_grad()
def test_bf16_where_there_is_a_fused_call_and_where_there_is_none(monkeypatch):
    network = lived_in()
    given = some_maps(1), some_latents(1)
    expected = network(*given).sample
    ours = inference_form(network, torch.bfloat16)(*given).sample
    assert ours.dtype == torch.bfloat16
    assert 0 < (ours.float() - expected).abs().mean() < 0.02
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    without = inference_form(network)
    assert not any(layer.fused for layer in without.modules() if isinstance(layer, PackedConvolution))
    torch.testing.assert_close(without(*given).sample, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("activate", [False, True])
@pytest.mark.parametrize("size", [(1, 1), (3, 1), (4, 5)])
def test_padding_repeats_the_border(size, activate):
    features = torch.randn(2, 3, *size)
    expected = F.pad(features, (1,) * 4, mode="replicate")
    expected = torch.where(expected < 0, 0.2 * expected, expected) if activate else expected
    torch.testing.assert_close(replicate_padded(features, activate), expected, rtol=0, atol=0)


@pytest.mark.parametrize("mode", ["replicate", "zeros"])
@pytest.mark.parametrize("side", [1, 3])
def test_packed_convolution_multiplies_and_adds(mode, side):
    weight, bias = torch.randn(5, 4, side, side), torch.randn(5)
    features, other = torch.randn(2, 4, 6, 7), torch.randn(2, 5, 6, 7)
    layer = PackedConvolution(weight, bias, mode)
    planes = F.pad(features, (side // 2,) * 4, mode=mode.replace("zeros", "constant"))
    expected = F.conv2d(planes.double(), weight.double(), bias.double()).float()
    prepared = layer.prepared(features)
    torch.testing.assert_close(layer(prepared), expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(layer(prepared, times=other), expected * other, rtol=1e-5, atol=1e-5)
    total = other.clone(memory_format=torch.channels_last)
    assert layer(prepared, plus_=total).data_ptr() == total.data_ptr()
    torch.testing.assert_close(total, expected + other, rtol=1e-5, atol=1e-5)


def test_few_layouts_are_kept():
    layer = PackedConvolution(torch.randn(5, 4, 3, 3), None)
    for height in range(3, 9):
        layer(layer.prepared(torch.randn(1, 4, height, 5)))
    assert len(layer.packed) == 2
