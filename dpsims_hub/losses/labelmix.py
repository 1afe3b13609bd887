"""LabelMix (OASIS): the discriminator should be equivariant to mixing real and fake along class borders.

    L = || D(M x + (1 - M) G) - (M D(x) + (1 - M) D(G)) ||^2, the mean over logits

It belongs to the baseline and is off by default, because DP-SIMS does not list it.
"""

from __future__ import annotations

import torch
from torch import Tensor


def class_mask(label_map: Tensor, num_classes: int, generator: torch.Generator | None = None) -> Tensor:
    """(B, 1, H, W) mask: a random bit for each class, and for unknown pixels, selects real (1) or fake (0).

    Absent classes have a bit too, so that every process draws the same number of bits. `generator` is a CPU
    random generator.
    """
    coins = torch.randint(0, 2, (num_classes + 1,), generator=generator)
    coins = coins.to(label_map.device, non_blocking=True)
    return coins[label_map.long().clamp(max=num_classes)][:, None].float()


def mix(mask: Tensor, real: Tensor, fake: Tensor) -> Tensor:
    """M * real + (1 - M) * fake."""
    return mask * real + (1 - mask) * fake


def labelmix_loss(mixed_logits: Tensor, mask: Tensor, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Mean squared difference between the logits of the mix and the mix of the logits, a scalar.

    All logits are (B, N + 1, H, W), and the mask is (B, 1, H, W). `mixed_logits` is D(mix(mask, real, fake)).
    """
    return (mixed_logits - mix(mask, real_logits, fake_logits)).square().mean()
