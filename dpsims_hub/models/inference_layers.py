"""The generator's layers with constants folded: the same functions, without gradients.

Each is built from a trained layer. Batch-norm statistics, products of the attention's projections and label
tables are folded once instead of in every call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dpsims_hub.models.label_convolution import LabelConvolution
from dpsims_hub.models.label_encoder import EncoderBlock
from dpsims_hub.models.modulation import ModulatedBlock, Modulation
from dpsims_hub.models.noise import NoiseCrossAttention
from dpsims_hub.models.packed_convolution import SLOPE, PackedConvolution


def packed(layer: nn.Conv2d) -> PackedConvolution:
    """An ordinary convolution in its form for inference."""
    return PackedConvolution(layer.weight, layer.bias, layer.padding_mode)


class FoldedModulation(nn.Module):
    """`Modulation` as two convolutions: the features are multiplied by one, and the other is added."""

    def __init__(self, layer: Modulation) -> None:
        super().__init__()
        weight, bias = layer.folded()
        (scale, shift), (scale_bias, shift_bias) = weight.chunk(2), bias.chunk(2)
        mode = layer.gain_offset.padding_mode
        self.shared = None if layer.shared is None else packed(layer.shared)
        self.scale = PackedConvolution(scale, scale_bias, mode)
        self.shift = PackedConvolution(shift, shift_bias, mode)

    def forward(self, features: Tensor, condition: Tensor) -> Tensor:
        """As `Modulation.forward`."""
        if self.shared is not None:
            condition = F.relu_(self.shared(self.shared.prepared(condition)))
        condition = self.scale.prepared(condition)
        return self.shift(condition, plus_=self.scale(condition, times=features))


class FoldedBlock(nn.Module):
    """`ModulatedBlock` over folded modulations and packed convolutions."""

    def __init__(self, block: ModulatedBlock) -> None:
        super().__init__()
        self.modulation_0, self.modulation_1 = block.modulation_0, block.modulation_1
        self.convolution_0, self.convolution_1 = packed(block.convolution_0), packed(block.convolution_1)
        self.shortcut = None if block.shortcut is None else packed(block.shortcut)
        self.modulation_shortcut = block.modulation_shortcut

    def forward(self, features: Tensor, condition: Tensor | tuple) -> Tensor:
        """As `ModulatedBlock.forward`."""
        hidden = self.modulation_0(features, condition)
        hidden = self.convolution_0(self.convolution_0.prepared(hidden, activate=True))
        hidden = self.modulation_1(hidden, condition)
        hidden = self.convolution_1(self.convolution_1.prepared(hidden, activate=True))
        if self.shortcut is None:
            return hidden.add_(features)
        if self.modulation_shortcut is not None:
            features = self.modulation_shortcut(features, condition)
        return self.shortcut(features, plus_=hidden)


class FoldedEncoderBlock(nn.Module):
    """`EncoderBlock` over packed convolutions."""

    def __init__(self, block: EncoderBlock) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(packed(layer) for layer in block.convolutions)
        self.norms = block.norms
        self.shortcut = packed(block.shortcut)

    def forward(self, features: Tensor, norms: Sequence[Callable[[Tensor], Tensor]] | None = None) -> Tensor:
        """As `EncoderBlock.forward`; `norms`, if given, replace the block's own."""
        hidden = features
        for layer, norm in zip(self.convolutions, norms or self.norms, strict=True):
            hidden = F.leaky_relu_(norm(layer(layer.prepared(hidden))), SLOPE)
        return self.shortcut(features, plus_=hidden)


class HeldNorm:
    """A group norm that normalises windows with the statistics of a whole map."""

    def __init__(self, norm: nn.GroupNorm) -> None:
        self.norm = norm

    def whole(self, features: Tensor) -> Tensor:
        """Normalise (1, C, H, W), and store its statistics."""
        groups = features.unflatten(1, (self.norm.num_groups, -1))
        variance, mean = torch.var_mean(groups.float(), dim=(2, 3, 4), correction=0)  # (1, groups)
        spread = features.shape[1] // self.norm.num_groups
        inverse = torch.rsqrt(variance + self.norm.eps).repeat_interleave(spread, 1)
        scale = inverse * self.norm.weight
        shift = self.norm.bias - mean.repeat_interleave(spread, 1) * scale
        self.scale, self.shift = (value[..., None, None].to(features.dtype) for value in (scale, shift))
        return self.norm(features)

    def __call__(self, features: Tensor) -> Tensor:
        """Normalise (1, C, h, w) with the stored statistics."""
        return torch.addcmul(self.shift, features, self.scale)


class FoldedAttention(nn.Module):
    """`NoiseCrossAttention` with noise fields as additional values: one product adds all to the features."""

    def __init__(self, layer: NoiseCrossAttention) -> None:
        super().__init__()
        self.normalize, self.num_tokens = layer.normalize, layer.num_tokens
        self.to_key, self.to_value, self.to_out = layer.to_key, layer.to_value, layer.to_out
        self.from_key = layer.to_query.weight.detach().t() * layer.attention_dim**-0.5  # (C, d)
        fields = layer.from_fields
        self.from_fields = None if fields is None else fields.weight.detach().flatten(1).t().contiguous()

    def forward(
        self, features: Tensor, w: Tensor, region_map: Tensor | None = None, fields: Tensor | None = None
    ) -> Tensor:
        """As `NoiseCrossAttention.forward`."""
        batch, channels, height, width = features.shape
        pixels = features.permute(0, 2, 3, 1).reshape(batch, -1, channels)  # a view of channels_last features
        dim = self.from_key.shape[1]
        keys, values = (layer(w).view(batch, -1, dim) for layer in (self.to_key, self.to_value))
        values = self.to_out(values)  # (B, R * n, C)
        scores = pixels @ (self.from_key @ keys.transpose(1, 2))  # (B, H*W, R * n)
        scores = scores.transpose(1, 2).contiguous()  # faster softmax over tokens
        if self.normalize:
            size = torch.linalg.vector_norm(pixels, dim=-1).float()
            scores *= torch.rsqrt(size.square() / channels + 1e-6).to(scores.dtype)[:, None]
        if region_map is not None:
            token_region = torch.arange(w.shape[1], device=w.device).repeat_interleave(self.num_tokens)
            scores.masked_fill_(region_map.flatten(1)[:, None] != token_region[:, None], float("-inf"))
        weights = scores.softmax(dim=1)
        if self.from_fields is not None:
            weights = torch.cat([weights, fields.flatten(2).to(weights.dtype)], dim=1)
            values = torch.cat([values, self.from_fields.expand(batch, -1, -1)], dim=1)
        result = torch.baddbmm(pixels, weights.transpose(1, 2), values)  # (B, H*W, C)
        return result.view(batch, height, width, channels).permute(0, 3, 1, 2)


class TabledLabelConvolution(nn.Module):
    """`LabelConvolution` of method "lookup" without noise planes, with a table that is computed once."""

    def __init__(self, layer: LabelConvolution) -> None:
        super().__init__()
        self.layer = layer
        self.register_buffer("table", layer.table(None).detach(), persistent=False)
        self.table[:, 0] += layer.bias  # in one tap only: each pixel reads one row of each tap

    def forward(self, label_map: Tensor, noise: Tensor | None = None) -> Tensor:
        """As `LabelConvolution.forward`."""
        return self.layer.look_up(label_map, self.table)
