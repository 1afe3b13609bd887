"""The diversity loss: two latents of one label map must give different photos.

    L_div = [ tau - d(sg(G(z1, y)), G(z2, y)) ]_+

The paper's distance d is recalled as an L1 over images, perhaps over features. A global change of exposure
alone satisfies it (seen in training), so ours compares backbone features without their image mean (our
choice); on images the mean may be removed too.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def l1_distance(first: Sequence[Tensor], second: Sequence[Tensor], centred: bool = False) -> Tensor:
    """Mean over maps of their mean absolute difference, (B,) in the maps' units.

    Args:
        first: maps (B, C_l, H_l, W_l): features, or images as a list of one.
        second: likewise.
        centred: first remove each image's mean of each channel (our choice), to ignore changes of exposure.
    """
    distances = []
    for a, b in zip(first, second, strict=True):
        difference = a.float() - b.float()
        if centred:
            difference = difference - difference.mean((2, 3), keepdim=True)
        distances.append(difference.abs().mean((1, 2, 3)))
    return torch.stack(distances).mean(0)


def feature_distance(first: Sequence[Tensor], second: Sequence[Tensor]) -> Tensor:
    """Mean over maps of 1 - cosine similarity at each place, the image's mean vector removed (our choice).

    Args:
        first: maps (B, C_l, H_l, W_l).
        second: likewise.

    Returns:
        (B,) in [0, 2]: 0 for equal features, 1 for unrelated ones and for maps without variation over places.
    """
    distances = []
    for a, b in zip(first, second, strict=True):
        a, b = (x.float() - x.float().mean((2, 3), keepdim=True) for x in (a, b))
        distances.append(1 - torch.cosine_similarity(a, b, dim=1, eps=1e-6).mean((1, 2)))
    return torch.stack(distances).mean(0)


def diversity_hinge(distance: Tensor, threshold: float) -> Tensor:
    """Mean over pairs of [threshold - distance]_+: 0 once pairs differ enough."""
    return (threshold - distance).clamp(min=0).mean()
