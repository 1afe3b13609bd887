"""Differentiable augmentation of the discriminator's inputs (DiffAugment, Zhao et al., NeurIPS 2020).

It keeps D from memorising a small data set. Real and generated images get the same random changes of colour,
shift and cutout, and the generator's gradient passes through them. All images of a label map share one draw
(our choice), so that real and generated features still match place by place. Label maps move along; pixels
that are cut out or moved in become unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from dpsims_hub.training.choices import AUGMENTATIONS

NUM_DRAWS = 10
"""Numbers of a draw: whether each change happens (3), and sizes (3 of colour, 2 of shift, 2 of cutout)."""

_SHIFT = 1 / 8  # of a side, at most; this and the next are DiffAugment's
_CUT = 1 / 2  # of a side


@dataclass(frozen=True)
class Augmentation:
    """Random changes of images, named in `changes`; each happens to a map with `probability`."""

    changes: Sequence[str]
    probability: float

    def images(self, images: Tensor, draws: Tensor) -> Tensor:
        """Changed images; 0 where they are cut out.

        Args:
            images: (B, 3, H, W) in [-1, 1]; the result may lie beyond.
            draws: (B, NUM_DRAWS) uniform numbers in [0, 1), on the CPU.
        """
        if "color" in self.changes:
            images = self._colored(images, draws)
        if "translation" in self.changes:
            images = _shifted(images, self._shifts(draws, images.shape[-2:]), 0.0)
        if "cutout" in self.changes:
            images = (
                images * ~self._cut(images.shape[-2:], draws).to(images.device, non_blocking=True)[:, None]
            )
        return images

    def label_map(self, label_map: Tensor, draws: Tensor, ignore_index: int) -> Tensor:
        """(B, H, W) ids -> ids of the changed images, `ignore_index` at unknown pixels."""
        if "translation" in self.changes:
            label_map = _shifted(label_map, self._shifts(draws, label_map.shape[-2:]), ignore_index)
        if "cutout" in self.changes:
            cut = self._cut(label_map.shape[-2:], draws).to(label_map.device, non_blocking=True)
            label_map = label_map.masked_fill(cut, ignore_index)
        return label_map

    def visible(self, size: Sequence[int], draws: Tensor) -> Tensor:
        """(B, H, W) booleans on the CPU: pixels that still show the image."""
        return self.label_map(torch.ones(len(draws), *size, dtype=torch.uint8), draws, 0).bool()

    def _happens(self, change: str, draws: Tensor) -> Tensor:
        return draws[:, AUGMENTATIONS.index(change)] < self.probability

    def _colored(self, images: Tensor, draws: Tensor) -> Tensor:
        """Brightness, saturation and contrast, as DiffAugment."""
        happens = self._happens("color", draws)[:, None]
        sizes = torch.where(happens, draws[:, 3:6], draws.new_full((), 0.5))
        sizes = sizes.to(images.device, images.dtype, non_blocking=True)
        brightness, saturation, contrast = sizes.view(-1, 3, 1, 1, 1).unbind(1)
        images = images + (brightness - 0.5)
        grey = images.mean(1, keepdim=True)
        images = grey + 2 * saturation * (images - grey)
        mean = images.mean((1, 2, 3), keepdim=True)
        return mean + (contrast + 0.5) * (images - mean)

    def _shifts(self, draws: Tensor, size: Sequence[int]) -> list[tuple[int, int]]:
        """(down, right) in pixels, for each map."""
        happens = self._happens("translation", draws)[:, None]
        reach = torch.tensor([round(side * _SHIFT) for side in size])
        shifts = torch.floor(draws[:, 6:8] * (2 * reach + 1)).long() - reach
        return [tuple(shift) for shift in (shifts * happens).tolist()]

    def _cut(self, size: Sequence[int], draws: Tensor) -> Tensor:
        """(B, H, W) booleans: a rectangle with half the image's sides, clipped to the image."""
        happens = self._happens("cutout", draws)
        inside = []
        for axis, side in enumerate(size):
            length = round(side * _CUT)
            first = torch.floor(draws[:, 8 + axis] * (side + 1)).long() - length // 2
            places = torch.arange(side)[None] - first[:, None]
            inside.append((places >= 0) & (places < length))
        return inside[0][:, :, None] & inside[1][:, None, :] & happens[:, None, None]


def _shifted(images: Tensor, shifts: Sequence[tuple[int, int]], fill: float) -> Tensor:
    """Every image moved by its own (down, right), padded with `fill`."""
    height, width = images.shape[-2:]
    moved = []
    for image, (down, right) in zip(images, shifts, strict=True):
        rows = slice(max(0, -down), height - max(0, down))
        columns = slice(max(0, -right), width - max(0, right))
        frame = (max(0, right), max(0, -right), max(0, down), max(0, -down))
        moved.append(F.pad(image[..., rows, columns], frame, value=fill))
    return torch.stack(moved)
