from __future__ import annotations

import math

import pytest
import torch

from dpsims_hub.models.modulation import ModulatedBlock, Modulation, convolution

CHANNELS, CONDITION = 4, 3


def make_modulation(kernel_size: int, padding_mode: str) -> Modulation:
    torch.manual_seed(0)
    layer = Modulation(CHANNELS, CONDITION, kernel_size, padding_mode).double()
    layer.gain_offset.bias.data.normal_()
    layer.norm.running_mean.normal_()
    layer.norm.running_var.uniform_(0.3, 3.0)
    return layer


def some_inputs() -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(1)
    features = torch.randn(2, CHANNELS, 4, 5, generator=random, dtype=torch.float64) * 2 + 1
    return features, torch.randn(2, CONDITION, 4, 5, generator=random, dtype=torch.float64)


def modulate_channel_by_channel(layer, features, condition, means, variances):
    """The SPADE rule, norm(x) * (1 + gain) + offset, with gain and offset from the unfolded convolution."""
    gain_offset = layer.gain_offset(condition)
    result = torch.empty_like(features)
    for c in range(CHANNELS):
        normalized = (features[:, c] - means[c]) / math.sqrt(variances[c] + 1e-5)
        result[:, c] = normalized * (1 + gain_offset[:, c]) + gain_offset[:, CHANNELS + c]
    return result


@pytest.mark.parametrize("kernel_size", [1, 3])
@pytest.mark.parametrize("padding_mode", ["replicate", "zeros"])
def test_folded_evaluation_equals_the_slow_formula(kernel_size, padding_mode):
    layer = make_modulation(kernel_size, padding_mode).eval()
    features, condition = some_inputs()
    means, variances = layer.norm.running_mean.tolist(), layer.norm.running_var.tolist()
    expected = modulate_channel_by_channel(layer, features, condition, means, variances)
    torch.testing.assert_close(layer(features, condition), expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("padding_mode", ["replicate", "zeros"])
def test_training_normalises_with_the_statistics_of_the_batch(padding_mode):
    layer = make_modulation(3, padding_mode).train()
    features, condition = some_inputs()
    means = [float(features[:, c].mean()) for c in range(CHANNELS)]
    variances = [float((features[:, c] - means[c]).square().mean()) for c in range(CHANNELS)]
    expected = modulate_channel_by_channel(layer, features, condition, means, variances)
    before = layer.norm.running_mean.clone()
    torch.testing.assert_close(layer(features, condition), expected, rtol=0, atol=1e-10)
    moved = [0.9 * float(before[c]) + 0.1 * means[c] for c in range(CHANNELS)]
    assert layer.norm.running_mean.tolist() == pytest.approx(moved)


def test_padding_mode_reaches_the_convolution():
    features, condition = some_inputs()
    replicate, zeros = (
        make_modulation(3, mode).eval()(features, condition) for mode in ("replicate", "zeros")
    )
    assert torch.allclose(replicate[:, :, 1:-1, 1:-1], zeros[:, :, 1:-1, 1:-1])
    assert not torch.allclose(replicate[:, :, 0], zeros[:, :, 0])


def make_block(in_channels: int, out_channels: int, modulated_shortcut: bool) -> ModulatedBlock:
    torch.manual_seed(0)
    block = ModulatedBlock(
        in_channels,
        out_channels,
        lambda channels: Modulation(channels, CONDITION),
        modulated_shortcut,
        spectral_norm=False,
    )
    # Without its second convolution only the shortcut is left of a block.
    torch.nn.init.zeros_(block.convolution_1.weight)
    return block.double().eval()


def test_shortcut_is_the_input_where_channels_agree():
    block = make_block(CHANNELS, CHANNELS, modulated_shortcut=True)
    features, condition = some_inputs()
    assert torch.equal(block(features, condition), features)


@pytest.mark.parametrize("modulated", [False, True])
def test_shortcut_is_a_product_with_the_input_where_channels_differ(modulated):
    block = make_block(CHANNELS, 2, modulated)
    features, condition = some_inputs()
    source = block.modulation_shortcut(features, condition) if modulated else features
    expected = torch.einsum("oi,bihw->bohw", block.shortcut.weight[:, :, 0, 0], source)
    torch.testing.assert_close(block(features, condition), expected)


def test_spectral_norm_bounds_the_convolution():
    torch.manual_seed(0)
    layer = convolution(6, 8, spectral_norm=True)
    for _ in range(30):
        layer(torch.zeros(1, 6, 2, 2))  # each forward pass in training is one power iteration
    largest = torch.linalg.svdvals(layer.eval().weight.detach().flatten(1))[0]
    assert largest.item() == pytest.approx(1.0, abs=0.01)
