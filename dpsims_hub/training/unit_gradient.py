"""A gradient of length 1 for each image (our choice).

A transformer normalises each token by its own standard deviation. The gradient of a flat image therefore
grows as its contrast falls, and would dominate the sum over the batch, which is all that clipping limits.
"""

from __future__ import annotations

import torch
from torch import Tensor


class _UnitGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, images: Tensor, length: float) -> Tensor:
        ctx.length = length
        return images.view_as(images)

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, gradient: Tensor) -> tuple[Tensor, None]:
        norms = torch.linalg.vector_norm(gradient, dim=(1, 2, 3), keepdim=True)
        smallest = torch.finfo(gradient.dtype).tiny  # a zero gradient stays zero
        return gradient * (ctx.length / norms.clamp_min(smallest)), None


def unit_gradient(images: Tensor, steps: int = 1) -> Tensor:
    """The same (B, 3, H, W) images; the backward pass scales each one's gradient to L2 norm 1 / (B * steps).

    `steps` is the number of micro-batches of an update. The mean over all processes then does not depend on
    how an update is split.
    """
    return _UnitGradient.apply(images, 1 / (len(images) * steps))
