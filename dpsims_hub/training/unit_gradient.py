"""A gradient of length 1 for each image, whatever the network behind it does to it (our choice).

A transformer normalises each token by its own deviation: where an image is flat, its first normalisation
hands the image a gradient that grows as contrast falls. Clipping bounds the sum over a batch, in which one
flat image then counts for all. Here each image keeps its gradient's direction and loses its length.
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
        smallest = torch.finfo(gradient.dtype).tiny  # no gradient stays none
        return gradient * (ctx.length / norms.clamp_min(smallest)), None


def unit_gradient(images: Tensor, steps: int = 1) -> Tensor:
    """The same images; the gradient that comes back has L2 norm 1 / (B steps) for each of them.

    Args:
        images: (B, 3, H, W).
        steps: over which gradients are accumulated. The mean over batch, steps and processes of gradients of
            length 1 is then what one process would have in one step.
    """
    return _UnitGradient.apply(images, 1 / (len(images) * steps))
