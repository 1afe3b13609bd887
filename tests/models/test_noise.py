from __future__ import annotations

import math

import pytest
import torch

from dpsims_hub.models.noise import MappingNetwork, NoiseCrossAttention

CHANNELS, WIDTH, TOKENS, DIM = 5, 6, 3, 4


@pytest.fixture
def attention() -> NoiseCrossAttention:
    torch.manual_seed(0)
    layer = NoiseCrossAttention(CHANNELS, WIDTH, TOKENS, DIM).double()
    layer.to_key.bias.data.normal_()
    layer.to_value.bias.data.normal_()
    return layer


@pytest.fixture
def features() -> torch.Tensor:
    return 3 * torch.randn(2, CHANNELS, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def w() -> torch.Tensor:
    """Two images, three regions."""
    return torch.randn(2, 3, WIDTH, dtype=torch.float64, generator=torch.Generator().manual_seed(2))


def attend_pixel_by_pixel(layer, features, w):
    """x + W_o softmax(Q K^T / sqrt(d)) V with explicit queries, keys and values, one w per image."""
    result = features.clone()
    for b in range(features.shape[0]):
        keys = [row.tolist() for row in layer.to_key(w[b]).view(TOKENS, DIM)]
        values = layer.to_value(w[b]).view(TOKENS, DIM)
        for y in range(features.shape[2]):
            for x in range(features.shape[3]):
                pixel = features[b, :, y, x]
                length = math.sqrt(sum(float(value) ** 2 for value in pixel) / CHANNELS)
                query = (layer.to_query.weight @ (pixel / length)).tolist()
                scores = [
                    math.exp(sum(q * k for q, k in zip(query, key, strict=True)) / DIM**0.5) for key in keys
                ]
                read = sum(score / sum(scores) * value for score, value in zip(scores, values, strict=True))
                result[b, :, y, x] += layer.to_out.weight @ read
    return result


def test_folded_attention_equals_explicit_queries_keys_and_values(attention, features, w):
    expected = attend_pixel_by_pixel(attention, features, w[:, 0])
    assert (expected - features).abs().max() > 0.5
    torch.testing.assert_close(attention(features, w[:, :1]), expected, rtol=0, atol=1e-5)


def test_rows_sum_to_one(attention, features, w):
    rows = attention.attention(features, w[:, :1])
    assert rows.shape == (2, 12, TOKENS)
    assert rows.min() > 0
    torch.testing.assert_close(rows.sum(-1), torch.ones(2, 12, dtype=torch.float64))


def test_order_of_the_tokens_does_not_matter(attention, features, w):
    before = attention(features, w[:, :1])
    order = torch.tensor([2, 0, 1])
    for layer in (attention.to_key, attention.to_value):
        layer.weight.data = layer.weight.view(TOKENS, DIM, WIDTH)[order].flatten(0, 1)
        layer.bias.data = layer.bias.view(TOKENS, DIM)[order].flatten()
    torch.testing.assert_close(attention(features, w[:, :1]), before)


def test_pixels_of_a_region_read_only_their_own_w(attention, features, w):
    regions = torch.randint(0, 3, (2, 3, 4), generator=torch.Generator().manual_seed(3))
    result = attention(features, w, regions)
    for region in range(3):
        alone = attention(features, w[:, region : region + 1])
        inside = (regions == region)[:, None].expand_as(result)
        assert inside.any()
        torch.testing.assert_close(result[inside], alone[inside])


def test_rows_are_zero_outside_their_region(attention, features, w):
    regions = torch.randint(0, 3, (2, 3, 4), generator=torch.Generator().manual_seed(3))
    rows = attention.attention(features, w, regions).view(2, 3, 4, 3, TOKENS)
    for b, y, x in [(0, 0, 0), (0, 2, 3), (1, 1, 2)]:
        sums = rows[b, y, x].sum(-1).tolist()
        assert sums == pytest.approx([1.0 if r == regions[b, y, x] else 0.0 for r in range(3)])


def test_noise_moves_the_features_at_initialisation():
    torch.manual_seed(0)
    layer = NoiseCrossAttention(32, 64, 8, 16)
    features, mapped = torch.randn(1, 32, 8, 8), MappingNetwork(16, 64)(torch.randn(2, 1, 16))
    first, second = (layer(features, mapped[i : i + 1]) for i in range(2))
    assert (first - second).std() > 0.3  # beside features of standard deviation 1


def test_w_has_root_mean_square_one():
    torch.manual_seed(0)
    mapped = MappingNetwork(8, 32)(torch.randn(5, 2, 8) * torch.tensor([0.01, 100.0])[:, None])
    lengths = [math.sqrt(sum(float(v) ** 2 for v in vector) / 32) for vector in mapped.detach().view(10, 32)]
    assert lengths == pytest.approx([1.0] * 10, abs=1e-4)


def test_mapping_reads_the_direction_of_z_alone():
    torch.manual_seed(0)
    mapping, latents = MappingNetwork(8, 32), torch.randn(3, 8)
    for layer in mapping.layers:
        layer.bias.data.normal_()  # as after training
    torch.testing.assert_close(mapping(7 * latents), mapping(latents), rtol=1e-4, atol=1e-5)
    assert (mapping(-latents) - mapping(latents)).abs().mean() > 0.3
