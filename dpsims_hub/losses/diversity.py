"""The diversity loss: two latents of one label map must give different photos.

    L_div = [ tau - d(sg(G(z1, y)), G(z2, y)) ]_+

The paper's distance is an L1 over images. A global change of exposure alone satisfies that (seen in
training), so ours compares backbone features with their image mean removed (our choice); on images the mean
is removed too.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def image_distance(first: Tensor, second: Tensor) -> Tensor:
    """L1 between images (B, 3, H, W) whose mean colour has been removed; (B,) in units of [-1, 1]."""
    first, second = (x.float() - x.float().mean((2, 3), keepdim=True) for x in (first, second))
    return (first - second).abs().mean((1, 2, 3))


def feature_distance(first: Sequence[Tensor], second: Sequence[Tensor]) -> Tensor:
    """Mean over feature maps of 1 - cosine similarity at each place, the image's mean vector removed.

    Args:
        first: maps (B, C_l, H_l, W_l).
        second: likewise.

    Returns:
        (B,) in [0, 2]: 0 for equal features, 1 for unrelated ones. A map without variation over its places,
        such as one of a single place, has nothing to compare and counts as 1.
    """
    distances = []
    for a, b in zip(first, second, strict=True):
        a, b = (x.float() - x.float().mean((2, 3), keepdim=True) for x in (a, b))
        distances.append(1 - torch.cosine_similarity(a, b, dim=1, eps=1e-6).mean((1, 2)))
    return torch.stack(distances).mean(0)


def diversity_hinge(distance: Tensor, threshold: float) -> Tensor:
    """Mean over pairs of [threshold - distance]_+: no more pressure once a pair differs enough."""
    return (threshold - distance).clamp(min=0).mean()
