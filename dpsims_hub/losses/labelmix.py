"""LabelMix (OASIS): the discriminator should be equivariant to mixing real and fake along class borders.

    L = || D(M x + (1 - M) G) - (M D(x) + (1 - M) D(G)) ||^2, the mean over logits

Off by default: DP-SIMS does not list it; here for the baseline.
"""

from __future__ import annotations

import torch
from torch import Tensor


def class_mask(label_map: Tensor, num_classes: int, generator: torch.Generator | None = None) -> Tensor:
    """A coin for each class, and one for unknown pixels, decides real (1) or fake (0).

    Classes that are absent have a coin too: every process then draws as many numbers.

    Args:
        label_map: (B, H, W) ids; those outside [0, N) share a coin.
        num_classes: N.
        generator: CPU random generator.

    Returns:
        (B, 1, H, W) mask of 0 and 1.
    """
    coins = torch.randint(0, 2, (num_classes + 1,), generator=generator).to(label_map.device)
    return coins[label_map.long().clamp(max=num_classes)][:, None].float()


def mix(mask: Tensor, real: Tensor, fake: Tensor) -> Tensor:
    """M * real + (1 - M) * fake."""
    return mask * real + (1 - mask) * fake


def labelmix_loss(mixed_logits: Tensor, mask: Tensor, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Mean squared difference between the logits of the mix and the mix of the logits.

    Args:
        mixed_logits: D(mix(mask, real, fake)), (B, N + 1, H, W).
        mask: (B, 1, H, W).
        real_logits: D(real), likewise shaped as the first.
        fake_logits: D(fake).

    Returns:
        Scalar.
    """
    return (mixed_logits - mix(mask, real_logits, fake_logits)).square().mean()
