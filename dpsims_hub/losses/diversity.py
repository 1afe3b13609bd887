"""The diversity loss: two latents of one label map must give different photos.

    L_div = [ tau - d(sg(G(z1, y)), G(z2, y)) ]_+

The paper's distance d is recalled as an L1 over images, or perhaps over features. In training, a global
change of exposure alone satisfied this loss. Ours therefore compares backbone features after their mean over
the image is removed (our choice). The mean of images may be removed too.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def l1_distance(first: Sequence[Tensor], second: Sequence[Tensor], centred: bool = False) -> Tensor:
    """Mean over maps of their mean absolute difference, (B,) in the maps' units.

    Maps are (B, C_l, H_l, W_l): features, or images as a list of one. With `centred` each image's mean of
    each channel is subtracted first (our choice), to ignore changes of exposure.
    """
    distances = []
    for a, b in zip(first, second, strict=True):
        difference = a.float() - b.float()
        if centred:
            difference = difference - difference.mean((2, 3), keepdim=True)
        distances.append(difference.abs().mean((1, 2, 3)))
    return torch.stack(distances).mean(0)


def feature_distance(first: Sequence[Tensor], second: Sequence[Tensor]) -> Tensor:
    """Mean over maps and places of 1 - cosine similarity, after each image's mean is removed (our choice).

    From maps (B, C_l, H_l, W_l) to (B,) in [0, 2]: 0 for equal features, 1 for unrelated ones and for maps
    without variation over places.
    """
    distances = []
    for a, b in zip(first, second, strict=True):
        a, b = (x.float() - x.float().mean((2, 3), keepdim=True) for x in (a, b))
        distances.append(1 - torch.cosine_similarity(a, b, dim=1, eps=1e-6).mean((1, 2)))
    return torch.stack(distances).mean(0)


def diversity_hinge(distance: Tensor, threshold: float) -> Tensor:
    """Mean over pairs of [threshold - distance]_+, which is 0 if all pairs differ enough."""
    return (threshold - distance).clamp(min=0).mean()
