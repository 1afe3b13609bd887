"""The pixel-wise focal GAN loss over N + 1 classes.

    L_D = - mean_real alpha_c (1 - p_c)^gamma log p_c - mean_fake (1 - p_0)^gamma log p_0
    L_G = - mean_fake alpha_c (1 - p_c)^gamma log p_c

p is the softmax of the logits, channel 0 is "fake", and c is the pixel's class. gamma = 0 is OASIS's loss.
The mean is over all pixels, including ignored ones with weight 0, as in OASIS. Logits in half precision are
converted to float32.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def _log_softmax(logits: Tensor) -> Tensor:
    return F.log_softmax(logits.to(torch.promote_types(logits.dtype, torch.float32)), dim=1)


def _focal(log_probability: Tensor, gamma: float) -> Tensor:
    """-(1 - p)^gamma log p, elementwise."""
    if gamma == 0:
        return -log_probability
    return -((1 - log_probability.exp()).clamp(min=0) ** gamma) * log_probability


def class_pixel_loss(
    logits: Tensor,
    label_map: Tensor,
    class_weights: Tensor,
    gamma: float = 2.0,
    ignore_index: int = 255,
    label_smoothing: float = 0.0,
) -> Tensor:
    """Cross-entropy of pixels with their class: the real term of L_D, and L_G for generated images.

    Args:
        logits: (B, N + 1, H, W).
        label_map: (B, H, W) ids in [0, N) or `ignore_index`.
        class_weights: (N,) alpha.
        gamma: focal exponent.
        ignore_index: id of pixels that contribute neither value nor gradient.
        label_smoothing: epsilon; the target of the class becomes 1 - epsilon, and the rest is divided equally
            between the other N channels, each with its own focal factor (our choice; 0 by default).

    Returns:
        Scalar, in nats, the mean over all B * H * W pixels.

    Raises:
        ValueError: logits and label map differ in size, or channels and weights differ in number.
    """
    if logits.shape[2:] != label_map.shape[1:] or logits.shape[0] != label_map.shape[0]:
        raise ValueError(f"logits {tuple(logits.shape)} do not match the label map {tuple(label_map.shape)}.")
    if logits.shape[1] != len(class_weights) + 1:
        raise ValueError(f"{logits.shape[1]} channels do not match 1 + {len(class_weights)} class weights.")
    known = label_map != ignore_index
    ids = label_map.long().masked_fill(~known, 0)
    weights = class_weights[ids] * known
    log_p = _log_softmax(logits)
    own = _focal(log_p.gather(1, ids[:, None] + 1)[:, 0], gamma)
    if label_smoothing:
        others = _focal(log_p, gamma).sum(1) - own
        own = (1 - label_smoothing) * own + label_smoothing / (logits.shape[1] - 1) * others
    return (weights * own).mean()


def fake_pixel_loss(logits: Tensor, gamma: float = 2.0, visible: Tensor | None = None) -> Tensor:
    """Cross-entropy of generated pixels with "fake": the second term of L_D, unweighted.

    Args:
        logits: (B, N + 1, H, W).
        gamma: focal exponent.
        visible: (B, H, W), false at pixels that an augmentation cut out: these contribute neither value nor
            gradient.

    Returns:
        Scalar, in nats, the mean over all pixels.
    """
    loss = _focal(_log_softmax(logits)[:, 0], gamma)
    return (loss if visible is None else loss * visible).mean()


@torch.no_grad()
def pixel_accuracy(
    logits: Tensor, label_map: Tensor | None, ignore_index: int = 255, visible: Tensor | None = None
) -> Tensor:
    """Share of pixels whose largest logit is that of their class, or of "fake" if `label_map` is None.

    Ignored and invisible pixels do not count.
    """
    strongest = logits.argmax(1)
    if label_map is None:
        fake = strongest == 0
        return fake.float().mean() if visible is None else (fake & visible).sum() / visible.sum().clamp(min=1)
    known = label_map != ignore_index
    return ((strongest == label_map + 1) & known).sum() / known.sum().clamp(min=1)
