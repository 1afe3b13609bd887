"""The form of a generator for inference: a copy that computes the same function with constants folded."""

from __future__ import annotations

import copy
from collections import Counter

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
from dpsims_hub.models.packed_convolution import PackedConvolution


@torch.no_grad()
def inference_form(network: DPSIMSGenerator, dtype: torch.dtype | None = None) -> DPSIMSGenerator:
    """A copy for inference only: it cannot be trained, saved or moved; its photos are equal up to rounding.

    Later changes of the network's weights do not change the copy. `dtype` is that of weights and features;
    None keeps the network's.
    """
    form = channels_last_copy(network, dtype)
    _replace(form)
    return form


def channels_last_copy(network: DPSIMSGenerator, dtype: torch.dtype | None = None) -> DPSIMSGenerator:
    """A copy for inference with ordinary layers, for compilers; arguments are those of `inference_form`."""
    form = copy.deepcopy(network).eval().requires_grad_(False)
    nn.Module.to(form, dtype=dtype, memory_format=torch.channels_last)
    return form


_KINDS = {
    FoldedModulation: "modulations",
    FoldedBlock: "blocks",
    FoldedEncoderBlock: "encoder blocks",
    FoldedAttention: "attentions",
    TabledLabelConvolution: "label convolutions",
}


def describe_form(form: DPSIMSGenerator) -> str:
    """A line on what `inference_form` did: dtype, folded layers by kind, fused convolutions."""
    layers = list(form.modules())
    counts = Counter(type(layer) for layer in layers)
    folded = ", ".join(f"{counts[kind]} {name}" for kind, name in _KINDS.items() if counts[kind])
    parts = [f"{str(form.dtype).removeprefix('torch.')}, channels innermost", f"folded: {folded or 'none'}"]
    if packed := [layer.fused for layer in layers if isinstance(layer, PackedConvolution)]:
        parts.append(f"{sum(packed)} of {len(packed)} convolutions fused with sums and products by oneDNN")
    return "; ".join(parts)


_FOLDED = {
    Modulation: FoldedModulation,
    ModulatedBlock: FoldedBlock,
    EncoderBlock: FoldedEncoderBlock,
    NoiseCrossAttention: FoldedAttention,
}


def _replace(parent: nn.Module) -> None:
    """Replace ordinary layers with folded ones, innermost first."""
    for name, layer in parent.named_children():
        _replace(layer)
        if isinstance(layer, LabelConvolution):
            if layer.method == "lookup" and not layer.num_noise_planes:
                setattr(parent, name, TabledLabelConvolution(layer))
        elif fold := _FOLDED.get(type(layer)):
            setattr(parent, name, fold(layer))
