"""The patch contrastive loss: a generated patch should resemble the real patch at the same place.

InfoNCE between features of the generated image and of the real photo of the same label map: the positive is
the same place, the negatives are other places of the same photo. Form recalled from the paper; temperature,
number of places and the absence of a projection head are our choice (the head gave nothing in first trials).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class PatchProjection(nn.Module):
    """Optional projection head: one two-layer MLP per feature map, trained with the generator.

    Args:
        channels: C_l of each feature map.
        width: hidden and output size.
    """

    def __init__(self, channels: Sequence[int], width: int = 256) -> None:
        super().__init__()
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(c, width), nn.ReLU(), nn.Linear(width, width)) for c in channels
        )

    def forward(self, patches: Tensor, level: int) -> Tensor:
        """(B, P, C_l) -> (B, P, width)."""
        return self.heads[level](patches)


def sample_places(
    sizes: Sequence[tuple[int, int]],
    num_places: int,
    generator: torch.Generator | None = None,
    device: torch.device | str = "cpu",
) -> list[Tensor]:
    """Flat indices of different random places of each H x W grid, (min(num_places, H * W),) each.

    They are drawn on the CPU and travel together, so that the host waits for the device at most once.
    """
    places = [torch.randperm(h * w, generator=generator)[:num_places] for h, w in sizes]
    lengths = [len(one) for one in places]
    return list(torch.cat(places).to(device, non_blocking=True).split(lengths))


def patch_contrastive_loss(
    fake_features: Sequence[Tensor],
    real_features: Sequence[Tensor],
    temperature: float = 0.1,
    num_places: int = 64,
    projection: PatchProjection | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Mean InfoNCE over feature maps, images and places.

    Args:
        fake_features: maps (B * K, C_l, H_l, W_l) of generated images, map-major.
        real_features: maps (B, C_l, H_l, W_l) of the photos; no gradient reaches them.
        temperature: divides the cosine similarities.
        num_places: places per map and image; all of them where a map has fewer.
        projection: head applied to both sides, or None.
        generator: CPU random generator of the places.

    Returns:
        Scalar, in nats; log(num_places) is chance.

    Raises:
        ValueError: a pair of maps differs in size or channels, or the images are no multiple of the photos.
    """
    pairs = list(zip(fake_features, real_features, strict=True))
    for fake, real in pairs:
        if fake.shape[1:] != real.shape[1:] or fake.shape[0] % real.shape[0]:
            raise ValueError(
                f"patch_contrastive_loss: features {tuple(fake.shape)} of generated images do not fit "
                f"{tuple(real.shape)} of photos."
            )
    sizes = [tuple(fake.shape[2:]) for fake, _ in pairs]
    losses = []
    for level, places in enumerate(sample_places(sizes, num_places, generator, pairs[0][0].device)):
        fake, real = pairs[level]
        queries = fake.flatten(2)[:, :, places].transpose(1, 2).float()  # (B*K, P, C)
        keys = real.detach().flatten(2)[:, :, places].transpose(1, 2).float()
        if projection is not None:
            queries, keys = projection(queries, level), projection(keys, level).detach()
        keys = keys.repeat_interleave(fake.shape[0] // real.shape[0], dim=0)
        scores = F.normalize(queries, dim=-1) @ F.normalize(keys, dim=-1).transpose(1, 2) / temperature
        target = torch.arange(len(places), device=scores.device).expand(scores.shape[0], -1)
        losses.append(F.cross_entropy(scores.transpose(1, 2), target))
    return torch.stack(losses).mean()
