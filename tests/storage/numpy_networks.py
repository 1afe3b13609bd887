"""The networks written once more from their description, in numpy and float64, for one map at a time.

It reads the tensors of a published folder by their names and shares no line with the package: what a stored
checkpoint computes is defined here a second time. Features are (C, H, W).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

Array = np.ndarray
Tensors = Mapping[str, Array]


def below(tensors: Tensors, prefix: str) -> dict[str, Array]:
    """Tensors of a submodule, named as seen from it."""
    return {name[len(prefix) + 1 :]: t for name, t in tensors.items() if name.startswith(f"{prefix}.")}


def count(tensors: Tensors) -> int:
    return 1 + max(int(name.partition(".")[0]) for name in tensors)


def leaky(x: Array) -> Array:
    return np.where(x > 0, x, 0.2 * x)


def rms(x: Array, axis: int) -> Array:
    return x / np.sqrt((x**2).mean(axis, keepdims=True) + 1e-6)


def convolve(x: Array, layer: Tensors, mode: str = "edge") -> Array:
    """Size-keeping convolution, tap by tap; mode "edge" repeats the border, "constant" pads zeros."""
    weight = layer["weight"]
    height, width = x.shape[1:]
    pad = weight.shape[-1] // 2
    padded = np.pad(x, ((0, 0), (pad, pad), (pad, pad)), mode)
    out = np.zeros((len(weight), height, width))
    for dy in range(weight.shape[2]):
        for dx in range(weight.shape[3]):
            out += np.tensordot(weight[:, :, dy, dx], padded[:, dy : dy + height, dx : dx + width], 1)
    return out + layer["bias"][:, None, None] if "bias" in layer else out


def double_axis(x: Array, axis: int) -> Array:
    """Bilinear doubling: new samples lie a quarter cell beside the old ones."""
    x = np.moveaxis(x, axis, 0)
    before, after = np.concatenate([x[:1], x[:-1]]), np.concatenate([x[1:], x[-1:]])
    pairs = np.stack([0.25 * before + 0.75 * x, 0.75 * x + 0.25 * after], axis=1)
    return np.moveaxis(pairs.reshape(-1, *x.shape[1:]), 0, axis)


def double(x: Array) -> Array:
    return double_axis(double_axis(x, 1), 2)


def halve(x: Array) -> Array:
    return (x[:, ::2, ::2] + x[:, 1::2, ::2] + x[:, ::2, 1::2] + x[:, 1::2, 1::2]) / 4


def one_hot(ids: Array, num_classes: int) -> Array:
    return (ids[None] == np.arange(num_classes)[:, None, None]).astype(float)


def cell_middles(ids: Array, stride: int) -> Array:
    return ids[stride // 2 :: stride, stride // 2 :: stride]


def group_norm(x: Array, layer: Tensors) -> Array:
    groups = max(g for g in (1, 2, 4, 8) if len(x) % g == 0)
    parts = x.reshape(groups, -1)
    parts = (parts - parts.mean(1, keepdims=True)) / np.sqrt(parts.var(1, keepdims=True) + 1e-5)
    return parts.reshape(x.shape) * layer["weight"][:, None, None] + layer["bias"][:, None, None]


def encoder_block(x: Array, block: Tensors) -> Array:
    hidden = x
    for step in range(count(below(block, "convolutions"))):
        hidden = convolve(hidden, below(block, f"convolutions.{step}"))
        hidden = leaky(group_norm(hidden, below(block, f"norms.{step}")))
    return convolve(x, below(block, "shortcut")) + hidden


def encode(ids: Array, encoder: Tensors, config: Mapping[str, Any]) -> list[Array]:
    """Features for every scale, fine to coarse."""
    stem = convolve(one_hot(ids, config["num_classes"]), below(encoder, "stem"))
    hidden, exact = stem[: config["encoder_widths"][0]], stem[config["encoder_widths"][0] :]
    skips = []
    for scale in range(count(below(encoder, "down"))):
        hidden = encoder_block(halve(hidden), below(encoder, f"down.{scale}"))
        skips.append(hidden)
    results = [encoder_block(skips[-1], below(encoder, f"up.{len(skips) - 1}"))]
    for scale in reversed(range(len(skips) - 1)):
        joined = np.concatenate([skips[scale], double(results[0])])
        results.insert(0, encoder_block(joined, below(encoder, f"up.{scale}")))
    return [exact + double(convolve(results[0], below(encoder, "to_full_resolution"))), *results]


def mapping(z: Array, layers: Tensors) -> Array:
    hidden = rms(z, 0)
    for step in range(count(layers)):
        hidden = leaky(layers[f"{step}.weight"] @ hidden + layers[f"{step}.bias"])
    return rms(hidden, 0)


def read_noise(x: Array, w: Array, fields: Array, layer: Tensors, config: Mapping[str, Any]) -> Array:
    """Each pixel asks the tokens of w with its own query: A = softmax(Q K' / sqrt(d)) V."""
    tokens, width = config["num_noise_tokens"], config["attention_dim"]
    keys = (layer["to_key.weight"] @ w + layer["to_key.bias"]).reshape(tokens, width)
    values = (layer["to_value.weight"] @ w + layer["to_value.bias"]).reshape(tokens, width)
    queries = np.tensordot(layer["to_query.weight"], rms(x, 0), 1)
    scores = np.tensordot(keys, queries, 1) / np.sqrt(width)
    share = np.exp(scores) / np.exp(scores).sum(0)
    read = np.tensordot(values.T, share, 1)
    return x + np.tensordot(layer["to_out.weight"], read, 1) + convolve(fields, below(layer, "from_fields"))


def noise_fields(z: Array, basis: Array, size: tuple[int, int], scale: int) -> Array:
    rows, columns = ((np.arange(length) + 23 * scale) % basis.shape[-1] for length in size)
    mixture = rms(z, 0) / np.sqrt(len(z))
    return np.tensordot(mixture, basis[:, :, rows][:, :, :, columns], 1)


def modulate(x: Array, condition: Array, layer: Tensors) -> Array:
    mean, var = layer["norm.running_mean"], layer["norm.running_var"]
    x = (x - mean[:, None, None]) / np.sqrt(var + 1e-5)[:, None, None]
    gain, offset = np.split(convolve(condition, below(layer, "gain_offset")), 2)
    return x * (1 + gain) + offset


def picture_block(x: Array, condition: Array, block: Tensors) -> Array:
    shortcut = convolve(x, below(block, "shortcut")) if below(block, "shortcut") else x
    for step in (0, 1):
        x = leaky(modulate(x, condition, below(block, f"modulation_{step}")))
        x = convolve(x, below(block, f"convolution_{step}"))
    return shortcut + x


def photo(ids: Array, z: Array, tensors: Tensors, config: Mapping[str, Any]) -> Array:
    """(H, W) ids and (latent_dim,) z -> (3, H, W) in [-1, 1]: the settings of the preset `small`."""
    tensors = {name: np.asarray(tensor, np.float64) for name, tensor in tensors.items()}
    features, w = encode(ids, below(tensors, "encoder"), config), mapping(z, below(tensors, "mapping.layers"))
    conditions = []
    for scale, feature in enumerate(features):
        fields = noise_fields(z, tensors["fields.basis"], feature.shape[1:], scale)
        layer = below(tensors, f"attentions.{scale}")
        conditions.append(read_noise(feature, w, fields, layer, config))
    levels = count(below(tensors, "blocks"))
    small = cell_middles(ids, 2 ** (levels - 1))
    hidden = convolve(one_hot(small, config["num_classes"]), below(tensors, "start"))
    for level in range(levels):
        hidden = double(hidden) if level else hidden
        hidden = picture_block(hidden, conditions[-1 - level], below(tensors, f"blocks.{level}"))
    image = np.pad(convolve(leaky(hidden), below(tensors, "to_rgb")), ((0, 0), (1, 1), (1, 1)), "edge")
    image = (image[:, :-2] + 2 * image[:, 1:-1] + image[:, 2:]) / 4
    return np.tanh((image[:, :, :-2] + 2 * image[:, :, 1:-1] + image[:, :, 2:]) / 4)


def plain(layer: Tensors) -> dict[str, Array]:
    """Weight and bias of a layer with spectral norm in evaluation."""
    weight = layer["parametrizations.weight.original"]
    matrix = weight.reshape(len(weight), -1)
    norm = layer["parametrizations.weight.0._u"] @ matrix @ layer["parametrizations.weight.0._v"]
    return {"weight": weight / norm, "bias": layer["bias"]}


def nearest_double(x: Array) -> Array:
    return x.repeat(2, axis=1).repeat(2, axis=2)


def logits(features: list[Array], tensors: Tensors) -> Array:
    """Feature maps of one image, fine to coarse, each half the one before -> (N + 1, H, W)."""
    tensors = {name: np.asarray(tensor, np.float64) for name, tensor in tensors.items()}
    skips = []
    for feature in features:
        feature = 1 / (1 + np.exp(-feature))
        mean, var = feature.mean((1, 2), keepdims=True), feature.var((1, 2), keepdims=True)
        skips.insert(0, (feature - mean) / np.sqrt(var + 1e-5))
    hidden = np.zeros((0, *skips[0].shape[1:]))
    for level in range(count(below(tensors, "decoder"))):
        block = below(tensors, f"decoder.{level}")
        hidden = np.concatenate([hidden, skips[level]]) if level < len(skips) else hidden
        shortcut = nearest_double(hidden)
        if below(block, "shortcut"):
            shortcut = convolve(shortcut, plain(below(block, "shortcut")))
        hidden = convolve(nearest_double(leaky(hidden)), plain(below(block, "convolution_0")), "constant")
        hidden = convolve(leaky(hidden), plain(below(block, "convolution_1")), "constant")
        hidden = (shortcut + hidden) / 2
    return convolve(leaky(hidden), plain(below(tensors, "head")))
