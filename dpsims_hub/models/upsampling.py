"""Upsampling by 2, alone and fused with the 3x3 convolution that reads the result."""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn


def upsample(features: Tensor, mode: Literal["bilinear", "nearest"]) -> Tensor:
    """(B, C, H, W) -> (B, C, 2H, 2W)."""
    align = None if mode == "nearest" else False
    return F.interpolate(features, scale_factor=2, mode=mode, align_corners=align)


def upsampled_convolution(features: Tensor, layer: nn.Conv2d) -> Tensor:
    """A 3x3 convolution of features upsampled by nearest neighbour, without upsampling them.

    Each output pixel reads at most 2x2 different inputs. So a transposed convolution of stride 2 computes the
    same with 4/9 of the multiply-adds (our choice, for speed; equal up to rounding).

    Args:
        features: (B, C, H, W).
        layer: 3x3, stride 1, zero padding of 1.

    Returns:
        (B, layer.out_channels, 2H, 2W).
    """
    kernel = layer.weight.transpose(0, 1).flip(2, 3)  # (C, out_channels, 3, 3)
    kernel = F.pad(kernel, (0, 0, 0, 1)) + F.pad(kernel, (0, 0, 1, 0))  # an input pixel covers two rows
    kernel = F.pad(kernel, (0, 1)) + F.pad(kernel, (1, 0))  # and two columns: (C, out_channels, 4, 4)
    result = F.conv_transpose2d(features, kernel, stride=2, padding=1)
    # On a CPU a bias would double the time of a transposed convolution's backward pass.
    return result.add_(layer.bias.to(result.dtype).view(1, -1, 1, 1))
