"""Noise: the mapping network z -> w and the cross-attention of map features to w.

A = SoftMax(Q K^T / sqrt(d_q)) V with queries from the label-map features and keys and values from w (quoted
in public summaries of the paper). The sizes are our choice. So is the initialisation: with the default of
nn.Linear the noise had no effect.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dpsims_hub.models.initialization import unit_variance_


def normalize_rms(features: Tensor, dim: int) -> Tensor:
    """Scale to root mean square 1 along `dim` (our choice: attention scores keep unit variance)."""
    return features * torch.rsqrt(features.float().square().mean(dim, keepdim=True) + 1e-6).to(features.dtype)


class MappingNetwork(nn.Module):
    """z -> w, an MLP (3 layers in the paper); `normalize` scales both to root mean square 1 (our choice)."""

    def __init__(self, latent_dim: int, width: int, num_layers: int = 3, normalize: bool = True) -> None:
        super().__init__()
        self.normalize = normalize
        sizes = [latent_dim] + [width] * num_layers
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes[:-1], sizes[1:], strict=True))
        for layer in self.layers:
            unit_variance_(layer.weight, gain=2.0**0.5)
            nn.init.zeros_(layer.bias)

    def forward(self, latents: Tensor) -> Tensor:
        """(..., latent_dim) -> (..., width)."""
        hidden = normalize_rms(latents, dim=-1) if self.normalize else latents
        for layer in self.layers:
            hidden = F.leaky_relu(layer(hidden), 0.2)
        return normalize_rms(hidden, dim=-1) if self.normalize else hidden


class NoiseFields(nn.Module):
    """Noise planes that depend only on z: sums of fixed random planes, weighted by z.

    Cross-attention gives all pixels of a uniform region the same noise. Without zero padding nothing else
    varies there, and surfaces such as walls have no texture. Per-pixel noise (StyleGAN) is not determined by
    z. A sum of fixed random planes weighted by z is a Gaussian field that is determined by z and continuous
    in z (our choice, beyond the paper). The planes repeat after `tile` cells of a scale.
    """

    def __init__(self, latent_dim: int, num_fields: int, tile: int = 64) -> None:
        super().__init__()
        # Saved with the weights, because other versions of PyTorch may draw other random numbers.
        self.register_buffer("basis", torch.randn(latent_dim, num_fields, tile, tile))

    def forward(self, latents: Tensor) -> Tensor:
        """(B, R, latent_dim) -> one tile of the fields, (B, R, num_fields, tile, tile), of unit variance."""
        mixture = normalize_rms(latents, dim=-1) * latents.shape[-1] ** -0.5
        return torch.einsum("brz,zfhw->brfhw", mixture, self.basis.to(latents.dtype))

    def at_scales(
        self, latents: Tensor, size: Sequence[int], region_maps: Sequence[Tensor | None]
    ) -> list[Tensor]:
        """Fields at every scale of a map of `size` (H, W), fine to coarse; each has a region map or None."""
        tile, (height, width) = self(latents), size
        return [
            noise_window(tile, (height // 2**scale, width // 2**scale), 23 * scale, region_map)
            for scale, region_map in enumerate(region_maps)
        ]


def noise_window(tile: Tensor, size: tuple[int, int], shift: int, region_map: Tensor | None) -> Tensor:
    """Fields (B, num_fields, H, W) of any `size` (H, W) in cells: the tile repeated over the plane.

    Args:
        tile: (B, R, num_fields, side, side), result of NoiseFields.
        size: (H, W) in cells of the scale.
        shift: start of the window in the tile, different at every scale.
        region_map: (B, H, W) integers in [0, R), or None if R = 1.
    """
    rows, columns = ((torch.arange(length, device=tile.device) + shift) % tile.shape[-1] for length in size)
    fields = tile.index_select(-2, rows).index_select(-1, columns)
    if region_map is None:
        return fields[:, 0]
    own = region_map[:, None, None].expand(-1, 1, fields.shape[2], -1, -1)
    return fields.gather(1, own)[:, 0]


class NoiseCrossAttention(nn.Module):
    """Each pixel of a feature map reads the noise: x + A(x, w), with a single head and an ungated residual.

    The projections of queries and results are folded into the keys and values. A pixel then costs n_k * C
    multiply-adds twice instead of two C x d_q projections, about five times fewer for the same function.

    Args:
        channels: C of the feature map.
        width: length of w.
        num_tokens: n_k, number of keys and values made from one w.
        attention_dim: d_q.
        num_fields: planes of NoiseFields that are added through a 1x1 projection, or 0.
        normalize: scale each pixel's features to root mean square 1 before the queries (our choice).
    """

    def __init__(
        self,
        channels: int,
        width: int,
        num_tokens: int,
        attention_dim: int,
        num_fields: int = 0,
        normalize: bool = True,
    ) -> None:
        super().__init__()
        self.normalize = normalize
        self.num_tokens = num_tokens
        self.attention_dim = attention_dim
        self.to_query = nn.Linear(channels, attention_dim, bias=False)
        self.to_key = nn.Linear(width, num_tokens * attention_dim)
        self.to_value = nn.Linear(width, num_tokens * attention_dim)
        self.to_out = nn.Linear(attention_dim, channels, bias=False)
        for layer in (self.to_query, self.to_key, self.to_value, self.to_out):
            unit_variance_(layer.weight)
        nn.init.zeros_(self.to_key.bias)
        nn.init.zeros_(self.to_value.bias)
        self.from_fields = None
        if num_fields:
            self.from_fields = nn.Conv2d(num_fields, channels, 1, bias=False)
            unit_variance_(self.from_fields.weight, gain=0.5)

    def forward(
        self, features: Tensor, w: Tensor, region_map: Tensor | None = None, fields: Tensor | None = None
    ) -> Tensor:
        """Add the attention result, and the projected fields, to the features (B, C, H, W).

        Args:
            features: (B, C, H, W).
            w: (B, R, width): one vector per region, R = 1 for one per image.
            region_map: (B, H, W) integers in [0, R), the w that each pixel attends to; None if R = 1.
            fields: (B, num_fields, H, W), only for a layer built with them.
        """
        values = self.to_value(w).unflatten(-1, (self.num_tokens, self.attention_dim)).flatten(1, 2)
        update = self.attention(features, w, region_map) @ self.to_out(values)  # (B, H*W, C)
        features = features + update.unflatten(1, features.shape[2:]).permute(0, 3, 1, 2)
        return features if self.from_fields is None else features + self.from_fields(fields)

    def attention(self, features: Tensor, w: Tensor, region_map: Tensor | None = None) -> Tensor:
        """Weights (B, H*W, R * n_k); the row of a pixel sums to 1 over the tokens of its region."""
        keys = self.to_key(w).unflatten(-1, (self.num_tokens, self.attention_dim)).flatten(1, 2)
        folded = self.to_query.weight.t().to(keys.dtype) @ keys.transpose(1, 2)  # (B, C, R*n)
        pixels = normalize_rms(features, dim=1) if self.normalize else features
        pixels = pixels.permute(0, 2, 3, 1).flatten(1, 2)  # (B, H*W, C)
        scores = pixels.to(folded.dtype) @ folded * self.attention_dim**-0.5
        if region_map is not None:
            token_region = torch.arange(w.shape[1], device=w.device).repeat_interleave(self.num_tokens)
            outside = region_map.flatten(1)[:, :, None] != token_region
            scores = scores.masked_fill(outside, float("-inf"))
        return scores.softmax(dim=-1)
