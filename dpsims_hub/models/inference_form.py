"""A generator's form for inference: the same function with everything constant folded, a copy beside it."""

from __future__ import annotations

import copy

import torch
from torch import nn

from dpsims_hub.models.generator import DPSIMSGenerator
from dpsims_hub.models.inference_layers import (
    FoldedAttention,
    FoldedBlock,
    FoldedEncoderBlock,
    FoldedModulation,
    TabledLabelConvolution,
)
from dpsims_hub.models.label_convolution import LabelConvolution
from dpsims_hub.models.label_encoder import EncoderBlock
from dpsims_hub.models.modulation import ModulatedBlock, Modulation
from dpsims_hub.models.noise import NoiseCrossAttention


@torch.no_grad()
def inference_form(network: DPSIMSGenerator, dtype: torch.dtype | None = None) -> DPSIMSGenerator:
    """A copy for inference alone: no gradients, not to be saved, trained or moved.

    Args:
        network: stays as it is; later changes of its weights do not reach the copy.
        dtype: of weights and features; None keeps the network's.

    Returns:
        Photos are equal up to rounding.
    """
    form = channels_last_copy(network, dtype)
    _replace(form)
    return form


def channels_last_copy(network: DPSIMSGenerator, dtype: torch.dtype | None = None) -> DPSIMSGenerator:
    """A copy for inference with ordinary layers, which compilers can look into.

    Args:
        network: stays as it is.
        dtype: of weights and features; None keeps the network's.
    """
    form = copy.deepcopy(network).eval().requires_grad_(False)
    nn.Module.to(form, dtype=dtype, memory_format=torch.channels_last)
    return form


def _replace(parent: nn.Module) -> None:
    """Puts the folded layers in the place of the ordinary ones, innermost first."""
    for name, layer in parent.named_children():
        _replace(layer)
        folded = _folded(layer)
        if folded is not layer:
            setattr(parent, name, folded)


def _folded(layer: nn.Module) -> nn.Module:
    if isinstance(layer, Modulation):
        return FoldedModulation(layer)
    if isinstance(layer, ModulatedBlock):
        return FoldedBlock(layer)
    if isinstance(layer, EncoderBlock):
        return FoldedEncoderBlock(layer)
    if isinstance(layer, NoiseCrossAttention):
        return FoldedAttention(layer)
    if isinstance(layer, LabelConvolution) and layer.method == "lookup" and not layer.num_noise_planes:
        return TabledLabelConvolution(layer)
    return layer
