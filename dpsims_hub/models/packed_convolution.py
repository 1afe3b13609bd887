"""Convolutions with constant weights, for inference, fused with the operations around them.

On a CPU, PyTorch's convolution converts its weights to oneDNN's layout in every call, and every sum, product
or activation around it is another pass over memory. oneDNN's fused call, which torch.compile uses, avoids
both. On other devices the same function is computed by ordinary calls.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dpsims_hub.models.label_convolution import PaddingMode

SLOPE = 0.2
"""Negative slope of every LeakyReLU of the networks."""


def replicate_padded(features: Tensor, activate: bool = False) -> Tensor:
    """(B, C, H, W) -> (B, C, H + 2, W + 2), channels_last: repeat the border, if wanted after LeakyReLU."""
    batch, channels, height, width = features.shape
    padded = torch.empty(
        (batch, channels, height + 2, width + 2),
        dtype=features.dtype, device=features.device, memory_format=torch.channels_last,
    )  # fmt: skip
    inner = padded[:, :, 1:-1, 1:-1]
    if activate:
        torch._C._nn.leaky_relu(features, SLOPE, out=inner)
    else:
        inner.copy_(features)
    padded[:, :, 0, 1:-1] = padded[:, :, 1, 1:-1]
    padded[:, :, -1, 1:-1] = padded[:, :, -2, 1:-1]
    padded[..., 0] = padded[..., 1]
    padded[..., -1] = padded[..., -2]
    return padded


KEPT_LAYOUTS = 2
"""Number of input shapes for which a layer keeps packed weights: those of one photo and of a batch."""


def _has_fused_call(dtype: torch.dtype) -> bool:
    """Whether oneDNN supports this type on this CPU."""
    if not torch.backends.mkldnn.is_available():
        return False
    bf16 = dtype == torch.bfloat16 and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return bf16 or dtype == torch.float32


class PackedConvolution(nn.Module):
    """Convolution that keeps the size, with a constant (out, in, k, k) weight, k 1 or 3; no gradients.

    While `packs` is False it uses ordinary calls, for inputs whose shape differs from call to call.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None, padding_mode: PaddingMode = "replicate") -> None:
        super().__init__()
        self.replicate = weight.shape[-1] == 3 and padding_mode == "replicate"
        self.padding = 0 if self.replicate else weight.shape[-1] // 2
        self.fused = weight.device.type == "cpu" and _has_fused_call(weight.dtype)
        weight = weight.detach().contiguous(memory_format=torch.channels_last)
        self.register_buffer("weight", weight, persistent=False)
        self.register_buffer("bias", None if bias is None else bias.detach(), persistent=False)
        self.packs = True
        self.packed: dict[torch.Size, Tensor] = {}

    def prepared(self, features: Tensor, activate: bool = False) -> Tensor:
        """(B, in, H, W) -> the input of `forward`, which is padded if the padding repeats the border."""
        if self.replicate:
            return replicate_padded(features, activate)
        return F.leaky_relu(features, SLOPE) if activate else features

    def forward(
        self, prepared: Tensor, *, times: Tensor | None = None, plus_: Tensor | None = None
    ) -> Tensor:
        """Convolve to (B, out, H, W), then multiply by `times` or add to `plus_`, in place, of that shape."""
        if not (self.fused and self.packs):
            result = F.conv2d(prepared, self.weight, self.bias, padding=self.padding)
            if plus_ is not None:
                return plus_.add_(result)
            return result if times is None else result * times
        call, options = torch.ops.mkldnn, ([self.padding] * 2, [1, 1], [1, 1], 1)
        own = (prepared, self._packed(prepared.shape, *options), self.bias, *options)
        if plus_ is not None:
            return call._convolution_pointwise_.binary(plus_, *own, "add", 1.0, None, [], "")
        if times is not None:
            return call._convolution_pointwise.binary(own[0], times, *own[1:], "mul", 1.0, None, [], "")
        return call._convolution_pointwise(*own, "none", [], "")

    @property
    def packed_bytes(self) -> int:
        """Bytes of the packed weights, which are stored beside `weight`."""
        return len(self.packed) * self.weight.numel() * self.weight.element_size()

    def _packed(self, shape: torch.Size, *options: object) -> Tensor:
        """The weights in oneDNN's layout for inputs of this shape."""
        if shape not in self.packed:
            if len(self.packed) == KEPT_LAYOUTS:
                del self.packed[next(iter(self.packed))]
            weight = self.weight.to_mkldnn()
            self.packed[shape] = torch._C._nn.mkldnn_reorder_conv2d_weight(weight, *options, list(shape))
        return self.packed[shape]
