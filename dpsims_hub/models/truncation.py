"""The truncation trick: w is moved towards its mean (StyleGAN, Karras et al. 2019).

This is beyond the paper. Exposure and colours vary less, and the photos of a map are more similar.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from dpsims_hub.models.generator import DPSIMSGenerator
from dpsims_hub.models.noise import MappingNetwork

MEAN_DRAWS = 16_384
"""Number of latents whose w are averaged (our choice: the mean's standard error is below 0.01)."""


@torch.no_grad()
def truncate_(generator: DPSIMSGenerator, truncation: float) -> None:
    """Replace w with mean(w) + truncation * (w - mean(w)), in place and without any cost at inference.

    w enters the generator only through the keys and values of its cross-attention, which are affine in w. So
    their weights and biases can contain the change exactly. A second call multiplies with the first:
    `truncate_(generator, 1 / t)` undoes `truncate_(generator, t)` up to rounding. Noise fields do not change.

    Args:
        generator: a network with `noise_injection="cross_attention"`.
        truncation: above 0; 1 changes nothing, values towards 0 give more similar photos.

    Raises:
        ValueError: truncation is not a finite number above 0, or the generator has no cross-attention.
    """
    if not (math.isfinite(truncation) and truncation > 0):
        raise ValueError(f"truncation must be a finite number above 0, not {truncation!r}.")
    if truncation == 1:
        return
    if generator.mapping is None:
        kind = generator.config.noise_injection
        raise ValueError(f"truncation needs a generator with cross-attention; this one has noise {kind!r}.")
    mean = mean_w(generator.mapping)
    for attention in generator.attentions:
        for layer in (attention.to_key, attention.to_value) if attention is not None else ():
            _move_input(layer, mean, truncation)


def mean_w(mapping: MappingNetwork) -> Tensor:
    """The mean of w over N(0, 1) latents, (width,) in float32; the draws are always the same."""
    first = mapping.layers[0].weight
    draws = torch.randn(MEAN_DRAWS, first.shape[1], generator=torch.Generator().manual_seed(0))
    return mapping(draws.to(first)).float().mean(0)


def _move_input(layer: nn.Linear, mean: Tensor, scale: float) -> None:
    """Make the layer compute W (mean + scale * (x - mean)) + b for an input x."""
    weight = layer.weight.float()
    layer.bias.copy_(layer.bias.float() + (1 - scale) * (weight @ mean))
    layer.weight.copy_(weight * scale)
