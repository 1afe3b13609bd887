"""Whole generators, OASIS's and the preset `paper`, against plain functions on one-hot planes.

Written from the descriptions of the two methods; only the order of the weights' input planes (classes, then
noise) and their names are the package's.
"""

from __future__ import annotations

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.models.generator_kinds import NUM_CLASSES, OASIS, PAPER, some_latents, some_maps
from tests.tiny import LATENT_DIM, tiny_generator


def one_hot(label_map: Tensor) -> Tensor:
    return torch.stack([label_map == c for c in range(NUM_CLASSES)], 1).double()


def conv(x: Tensor, weights: dict[str, Tensor], name: str) -> Tensor:
    weight = weights[f"{name}.weight"]
    return F.conv2d(x, weight, weights.get(f"{name}.bias"), padding=weight.shape[-1] // 2)


def normalized(x: Tensor, weights: dict[str, Tensor], name: str) -> Tensor:
    """Batch norm in evaluation."""
    mean, variance = (weights[f"{name}.{kind}"].view(1, -1, 1, 1) for kind in ("running_mean", "running_var"))
    return (x - mean) / (variance + 1e-5).sqrt()


def spade(x: Tensor, condition: Tensor, weights: dict[str, Tensor], norm: str, shared: str) -> Tensor:
    """norm(x) * (1 + gamma) + beta, both convolved from relu(convolution of the condition)."""
    hidden = conv(condition, weights, shared).clamp(min=0)
    gamma, beta = conv(hidden, weights, f"{norm}.gain_offset").chunk(2, dim=1)
    return normalized(x, weights, f"{norm}.norm") * (1 + gamma) + beta


def picture_network(x: Tensor, modulate, weights: dict[str, Tensor], num_blocks: int) -> Tensor:
    """OASIS's skeleton; `modulate(x, name)` is a SPADE layer."""
    for i in range(num_blocks):
        if i:
            x = F.interpolate(x, scale_factor=2, mode="nearest")
        name, shortcut = f"blocks.{i}", x
        if f"{name}.shortcut.weight" in weights:
            shortcut = conv(modulate(x, f"{name}.modulation_shortcut"), weights, f"{name}.shortcut")
        for half in (0, 1):
            active = F.leaky_relu(modulate(x, f"{name}.modulation_{half}"), 0.2)
            x = conv(active, weights, f"{name}.convolution_{half}")
        x = shortcut + x
    return torch.tanh(conv(F.leaky_relu(x, 0.2), weights, "to_rgb"))


def resized(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, like.shape[2:], mode="nearest")


def oasis(label_map: Tensor, noise: Tensor, weights: dict[str, Tensor]) -> Tensor:
    """Noise: z at each pixel, (B, latent_dim, H, W)."""
    seg = torch.cat([one_hot(label_map), noise], 1)
    start = conv(F.interpolate(seg, scale_factor=0.25, mode="nearest"), weights, "start")

    def modulate(x: Tensor, name: str) -> Tensor:
        return spade(x, resized(seg, x), weights, f"{name}.modulation", f"{name}.shared")

    return picture_network(start, modulate, weights, num_blocks=3)


def test_oasis_with_one_z_an_image():
    generator = tiny_generator(**OASIS, spectral_norm=False).double()
    maps, z = some_maps(2), some_latents(2).double()
    expected = oasis(maps, z[:, :, None, None].expand(-1, -1, *maps.shape[1:]), generator.state_dict())
    torch.testing.assert_close(generator(maps, z).sample, expected, rtol=0, atol=1e-5)


def test_oasis_with_a_z_for_each_pixel():
    generator = tiny_generator(**OASIS, spectral_norm=False).double()
    maps = some_maps(2)
    height, width = maps.shape[1:]
    z = torch.randn(2, LATENT_DIM, height, width, generator=torch.Generator().manual_seed(1)).double()
    regions = torch.arange(height * width).view(1, height, width).expand(2, -1, -1)
    photos = generator(maps, z.flatten(2).transpose(1, 2), regions).sample
    expected = oasis(maps, z, generator.state_dict())
    torch.testing.assert_close(photos, expected, rtol=0, atol=1e-5)


def paper(label_map: Tensor, z: Tensor, weights: dict[str, Tensor], offsets: Tensor | None = None) -> Tensor:
    def mapped(z: Tensor) -> Tensor:
        for layer in range(3):
            name = f"mapping.layers.{layer}"
            z = F.leaky_relu(z @ weights[f"{name}.weight"].T + weights[f"{name}.bias"], 0.2)
        return z

    def block(x: Tensor, name: str) -> Tensor:
        hidden = x
        for layer in range(2):
            hidden = conv(hidden, weights, f"{name}.convolutions.{layer}")
            groups = next(g for g in (8, 4, 2, 1) if hidden.shape[1] % g == 0)
            norm = [weights[f"{name}.norms.{layer}.{kind}"] for kind in ("weight", "bias")]
            hidden = F.leaky_relu(F.group_norm(hidden, groups, *norm), 0.2)
        return conv(x, weights, f"{name}.shortcut") + hidden

    def attended(h: Tensor, w: Tensor, name: str) -> Tensor:
        """h + SoftMax(Q K^T / sqrt(d_q)) V, pixel by pixel."""
        d = weights[f"{name}.to_query.weight"].shape[0]
        keys, values = (
            (w @ weights[f"{name}.{kind}.weight"].T + weights[f"{name}.{kind}.bias"]).unflatten(-1, (-1, d))
            for kind in ("to_key", "to_value")
        )
        result = h.clone()
        for b in range(h.shape[0]):
            for y in range(h.shape[2]):
                for x in range(h.shape[3]):
                    query = weights[f"{name}.to_query.weight"] @ h[b, :, y, x]
                    rows = torch.softmax(keys[b] @ query / d**0.5, dim=0)
                    result[b, :, y, x] += weights[f"{name}.to_out.weight"] @ (rows @ values[b])
        return result

    w = mapped(z)
    planes = one_hot(label_map)
    hidden = conv(planes, weights, "encoder.stem")
    if offsets is not None:
        hidden = hidden + conv(offsets, weights, "encoder.instance_stem")
    skips = [hidden]
    for scale in range(2):
        pooled = hidden.unflatten(2, (-1, 2)).unflatten(4, (-1, 2)).mean((3, 5))
        hidden = attended(block(pooled, f"encoder.down.{scale}"), w, f"attentions.{scale}")
        skips.append(hidden)
    m = [None, None, block(skips[2], "encoder.up.2")]
    for scale in (1, 0):
        coarser = F.interpolate(m[scale + 1], scale_factor=2, mode="nearest")
        m[scale] = block(torch.cat([skips[scale], coarser], 1), f"encoder.up.{scale}")
    of_height = {features.shape[2]: features for features in m}

    def modulate(x: Tensor, name: str) -> Tensor:
        return spade(x, of_height[x.shape[2]], weights, name, f"{name}.shared")

    start = conv(F.interpolate(planes, scale_factor=0.25, mode="nearest"), weights, "start")
    return picture_network(start, modulate, weights, num_blocks=3)


@pytest.mark.parametrize("with_offsets", [False, True])
def test_the_preset_paper(with_offsets):
    generator = tiny_generator(**PAPER, spectral_norm=False, use_instance_offsets=with_offsets).double()
    maps, z = some_maps(2), some_latents(2).double()
    random = partial(torch.rand, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    offsets = random(2, 2, *maps.shape[1:]) if with_offsets else None
    expected = paper(maps, z, generator.state_dict(), offsets)
    photos = generator(maps, z, instance_offsets=offsets).sample
    torch.testing.assert_close(photos, expected, rtol=0, atol=1e-5)
