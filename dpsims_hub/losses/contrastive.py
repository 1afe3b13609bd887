"""The patch contrastive loss: a generated patch should resemble the real patch at the same place.

It is InfoNCE between features of a generated image and of the real photo of the same label map. For each
feature map

    L_contr = - mean_i log( exp(q_i . k_i / tau) / sum_j exp(q_i . k_j / tau) )

with q_i of the generated image and k_j of the photo at the places i and j. The positive is the same place,
and the negatives are other places of the photo.

Recalled from the paper (docs/paper_to_code.md) with some certainty: this form, dot products, the sum over
feature maps, features of a pre-trained VGG after a convolution and a two-layer MLP. Recalled with little
certainty: tau 0.3 and 128 negatives (128 places give 127). Our choice: cosines instead of dot products (as
CUT, Park et al. 2020), the mean over maps, tau 0.1 and 64 places.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dpsims_hub.models.precision import without_autocast


class PatchProjection(nn.Module):
    """A 1x1 convolution and a two-layer MLP of `width` for each feature map (recalled from the paper).

    It acts on single places, where the convolution is a linear layer.
    """

    def __init__(self, channels: Sequence[int], width: int = 256) -> None:
        super().__init__()
        self.heads = nn.ModuleList(
            nn.Sequential(
                *(nn.Linear(c, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()),
                nn.Linear(width, width),
            )
            for c in channels
        )

    def forward(self, patches: Sequence[Tensor]) -> list[Tensor]:
        """(B, P_l, C_l) of each feature map -> (B, P_l, width) of each, in float32 also under autocast."""
        with without_autocast(patches[0].device.type):
            return [head(patch) for head, patch in zip(self.heads, patches, strict=True)]


def sample_places(
    sizes: Sequence[tuple[int, int]],
    num_places: int,
    generator: torch.Generator | None = None,
    device: torch.device | str = "cpu",
) -> list[Tensor]:
    """Flat indices of different random places of each H x W grid, (min(num_places, H * W),) each.

    They are drawn on the CPU and copied together, so that the host waits for the device at most once.
    """
    places = [torch.randperm(h * w, generator=generator)[:num_places] for h, w in sizes]
    lengths = [len(one) for one in places]
    return list(torch.cat(places).to(device, non_blocking=True).split(lengths))


def patch_contrastive_loss(
    fake_features: Sequence[Tensor],
    real_features: Sequence[Tensor],
    temperature: float = 0.1,
    num_places: int = 64,
    projection: Callable[[Sequence[Tensor]], Sequence[Tensor]] | None = None,
    generator: torch.Generator | None = None,
    reduction: Literal["mean", "sum"] = "mean",
    normalize: bool = True,
) -> Tensor:
    """InfoNCE, averaged over images and places and reduced over feature maps.

    Args:
        fake_features: maps (B * K, C_l, H_l, W_l) of generated images, map-major.
        real_features: maps (B, C_l, H_l, W_l) of the photos; no gradient reaches them.
        temperature: divisor of the similarities.
        num_places: places per map and image; all places if a map has fewer.
        projection: applied to both sides, such as `PatchProjection`, and trained by the generated side only;
            or None.
        generator: CPU random generator of the places.
        reduction: over feature maps: "mean" (our choice) or "sum" (recalled from the paper).
        normalize: similarities are cosines (our choice) or dot products (recalled from the paper).

    Returns:
        Scalar, in nats; with "mean" it is log(num_places) at chance level.

    Raises:
        ValueError: a pair of maps differs in size or channels, or the number of images is not a multiple of
            that of photos.
    """
    pairs = list(zip(fake_features, real_features, strict=True))
    for fake, real in pairs:
        if fake.shape[1:] != real.shape[1:] or fake.shape[0] % real.shape[0]:
            raise ValueError(
                f"patch_contrastive_loss: features {tuple(fake.shape)} of generated images do not fit "
                f"{tuple(real.shape)} of photos."
            )
    sizes = [tuple(fake.shape[2:]) for fake, _ in pairs]
    places = sample_places(sizes, num_places, generator, pairs[0][0].device)
    queries = [_patches(fake, where) for (fake, _), where in zip(pairs, places, strict=True)]
    keys = [_patches(real.detach(), where) for (_, real), where in zip(pairs, places, strict=True)]
    if projection is not None:  # DDP allows one call
        both = projection([torch.cat(sides) for sides in zip(queries, keys, strict=True)])
        count = len(queries[0])
        queries, keys = [side[:count] for side in both], [side[count:].detach() for side in both]
    terms = [_info_nce(q, k, temperature, normalize) for q, k in zip(queries, keys, strict=True)]
    return torch.stack(terms).sum() if reduction == "sum" else torch.stack(terms).mean()


def _patches(features: Tensor, places: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, P, C)."""
    return features.flatten(2)[:, :, places].transpose(1, 2).float()


def _info_nce(queries: Tensor, keys: Tensor, temperature: float, normalize: bool) -> Tensor:
    """Cross-entropy of (B * K, P, C) queries, each choosing its place among (B, P, C) keys of its map."""
    keys = keys.repeat_interleave(len(queries) // len(keys), dim=0)
    if normalize:
        queries, keys = F.normalize(queries, dim=-1), F.normalize(keys, dim=-1)
    scores = queries @ keys.transpose(1, 2) / temperature  # (B * K, P, P)
    target = torch.arange(scores.shape[-1], device=scores.device).expand(scores.shape[0], -1)
    return F.cross_entropy(scores.transpose(1, 2), target)
