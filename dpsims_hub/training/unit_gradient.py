"""A gradient of length 1 for each image (our choice).

A transformer normalises each token by its own deviation, so that a flat image gets a gradient that grows as
its contrast falls. Clipping bounds the sum over a batch, which one such image would dominate.
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
    """The same (B, 3, H, W) images; the gradient that comes back has L2 norm 1 / (B steps) for each.

    With `steps` micro-batches of an update, the mean over all processes does not depend on how they are
    split.
    """
    return _UnitGradient.apply(images, 1 / (len(images) * steps))
