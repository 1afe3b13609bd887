"""Modulated residual blocks: the label map determines gain and offset of the picture network's features.

SPADE's rule is out = norm(x) * (1 + gain) + offset, with a parameter-free batch norm. Gain and offset are one
convolution of a condition: the encoder's features (DP-SIMS) or a ReLU convolution of the label map (OASIS).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm as apply_spectral_norm

from dpsims_hub.models.initialization import unit_variance_
from dpsims_hub.models.label_convolution import LabelConvolution, PaddingMode
from dpsims_hub.models.precision import without_autocast


class _ReplicateConv2d(nn.Conv2d):
    """nn.Conv2d that pads in its input's precision; under autocast a CPU would pad in float32."""

    def forward(self, features: Tensor) -> Tensor:
        """(B, in_channels, H, W) -> (B, out_channels, H, W)."""
        pad = self.kernel_size[0] // 2
        with without_autocast(features.device.type):
            features = F.pad(features, (pad,) * 4, mode="replicate")
        return F.conv2d(features, self.weight, self.bias)


def convolution(
    in_channels: int,
    out_channels: int,
    kernel_size: int = 3,
    *,
    bias: bool = True,
    padding_mode: PaddingMode = "replicate",
    spectral_norm: bool = False,
) -> nn.Module:
    """A convolution that keeps the size, with unit-variance initialisation and removable spectral norm."""
    replicate = padding_mode == "replicate" and kernel_size > 1
    kind = _ReplicateConv2d if replicate else nn.Conv2d
    layer = kind(
        in_channels, out_channels, kernel_size, padding=kernel_size // 2, bias=bias,
        padding_mode="replicate" if replicate else "zeros",
    )  # fmt: skip
    unit_variance_(layer.weight)
    if bias:
        nn.init.zeros_(layer.bias)
    return apply_spectral_norm(layer) if spectral_norm else layer


class Modulation(nn.Module):
    """Parameter-free batch norm, then gain and offset computed from a condition.

    In evaluation the norm's statistics are folded into the gain-and-offset convolution. A modulation is then
    that convolution and one multiply-add, equal to the unfolded form up to rounding.

    Args:
        channels: C of the picture features.
        condition_channels: channels of the condition.
        kernel_size: side of the gain-and-offset convolution; 1 (our choice: the encoder's features already
            contain context) or 3 (SPADE, OASIS).
        padding_mode: of these convolutions.
        hidden_channels: channels of a 3x3 ReLU convolution of the condition before the gain-and-offset
            convolution (SPADE's layout), or 0 for none (our choice).
    """

    def __init__(
        self,
        channels: int,
        condition_channels: int,
        kernel_size: int = 1,
        padding_mode: PaddingMode = "zeros",
        hidden_channels: int = 0,
    ) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.shared = None
        if hidden_channels:
            self.shared = convolution(condition_channels, hidden_channels, padding_mode=padding_mode)
            condition_channels = hidden_channels
        self.gain_offset = convolution(
            condition_channels, 2 * channels, kernel_size, padding_mode=padding_mode
        )
        unit_variance_(self.gain_offset.weight, gain=0.7)

    def forward(self, features: Tensor, condition: Tensor) -> Tensor:
        """(B, C, H, W) features and (B, condition_channels, H, W) condition -> (B, C, H, W)."""
        if self.shared is not None:
            condition = F.relu(self.shared(condition))
        if self.training:
            gain, offset = self.gain_offset(condition).chunk(2, dim=1)
            normalized = self.norm(features)
            return torch.addcmul(normalized + offset, normalized, gain)
        layer = self.gain_offset
        pad = layer.kernel_size[0] // 2
        if pad and layer.padding_mode == "replicate":
            condition, pad = F.pad(condition, (pad,) * 4, mode="replicate"), 0
        weight, bias = (value.to(condition.dtype) for value in self.folded())
        scale, shift = F.conv2d(condition, weight, bias, padding=pad).chunk(2, dim=1)
        return torch.addcmul(shift, features, scale)

    def folded(self) -> tuple[Tensor, Tensor]:
        """Weight and bias for (1 + gain) / sigma, then for offset - mu * (1 + gain) / sigma."""
        layer = self.gain_offset
        inverse_std = torch.rsqrt(self.norm.running_var + self.norm.eps)
        mean = self.norm.running_mean * inverse_std
        gain_weight, offset_weight = layer.weight.chunk(2)
        gain_bias, offset_bias = layer.bias.chunk(2)
        column = (-1, 1, 1, 1)
        weight = torch.cat(
            [gain_weight * inverse_std.view(column), offset_weight - gain_weight * mean.view(column)]
        )
        bias = torch.cat([(1 + gain_bias) * inverse_std, offset_bias - (1 + gain_bias) * mean])
        return weight, bias


class LabelModulation(nn.Module):
    """OASIS's modulation: the condition is a ReLU convolution of the label map and the noise planes."""

    def __init__(self, channels: int, hidden_channels: int, label_convolution: dict) -> None:
        super().__init__()
        self.shared = LabelConvolution(out_channels=hidden_channels, **label_convolution)
        self.modulation = Modulation(
            channels, hidden_channels, kernel_size=3, padding_mode=label_convolution["padding_mode"]
        )

    def forward(self, features: Tensor, condition: tuple[Tensor, Tensor | None]) -> Tensor:
        """(B, C, H, W) features and (label map of that size, noise planes or None) -> (B, C, H, W)."""
        return self.modulation(features, F.relu(self.shared(*condition)))


class ModulatedBlock(nn.Module):
    """Residual block of the picture network: twice (modulation, LeakyReLU, 3x3 convolution) and a shortcut.

    `make_modulation` makes a modulation for a number of channels. If the numbers of channels differ, the
    shortcut has a 1x1 convolution. OASIS modulates its input; without that the block is cheaper (our choice).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        make_modulation: type[nn.Module],
        modulated_shortcut: bool = False,
        spectral_norm: bool = True,
        padding_mode: PaddingMode = "replicate",
    ) -> None:
        super().__init__()
        hidden = min(in_channels, out_channels)
        options = {"spectral_norm": spectral_norm, "padding_mode": padding_mode}
        self.modulation_0 = make_modulation(in_channels)
        self.convolution_0 = convolution(in_channels, hidden, **options)
        self.modulation_1 = make_modulation(hidden)
        self.convolution_1 = convolution(hidden, out_channels, **options)
        self.shortcut = self.modulation_shortcut = None
        if in_channels != out_channels:
            self.shortcut = convolution(in_channels, out_channels, kernel_size=1, bias=False, **options)
            self.modulation_shortcut = make_modulation(in_channels) if modulated_shortcut else None

    def forward(self, features: Tensor, condition: Tensor | tuple) -> Tensor:
        """(B, in_channels, H, W) and the condition of the modulations -> (B, out_channels, H, W)."""
        shortcut = features
        if self.modulation_shortcut is not None:
            shortcut = self.modulation_shortcut(shortcut, condition)
        if self.shortcut is not None:
            shortcut = self.shortcut(shortcut)
        hidden = self.convolution_0(F.leaky_relu(self.modulation_0(features, condition), 0.2))
        hidden = self.convolution_1(F.leaky_relu(self.modulation_1(hidden, condition), 0.2))
        return shortcut + hidden
