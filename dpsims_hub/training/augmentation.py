"""Differentiable augmentation of the discriminator's inputs (DiffAugment, Zhao et al., NeurIPS 2020).

It keeps D from memorising a small data set. Real and generated images are changed at random by colour, shift
and cutout, and the generator's gradient passes through these changes. All images of a label map share one
draw (our choice), so that real and generated features still match place by place. A label map is shifted with
its images. Pixels that are cut out, or that a shift brings in, become unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from dpsims_hub.training.choices import AUGMENTATIONS

NUM_DRAWS = 10
"""Random numbers of a map: 3 decide which changes happen, 3 set colours, 2 the shift, 2 place the cutout."""

_SHIFT = 1 / 8  # largest shift relative to the image's side, as in DiffAugment
_CUT = 1 / 2  # side of the cutout relative to the image's, as in DiffAugment


@dataclass(frozen=True)
class Augmentation:
    """Random changes of images; each of those named in `changes` happens to a map with `probability`."""

    changes: Sequence[str]
    probability: float

    def images(self, images: Tensor, draws: Tensor) -> Tensor:
        """Changed images; 0 where they are cut out.

        Args:
            images: (B, 3, H, W) in [-1, 1]; results may exceed this range.
            draws: (B, NUM_DRAWS) uniform numbers in [0, 1), on the CPU.
        """
        if "color" in self.changes:
            images = self._colored(images, draws)
        if "translation" in self.changes:
            images = self._shifted(images, draws, 0.0)
        if "cutout" in self.changes:
            images = images * ~self._cut(images, draws)[:, None]
        return images

    def label_map(self, label_map: Tensor, draws: Tensor, ignore_index: int) -> Tensor:
        """(B, H, W) ids -> ids of the changed images, `ignore_index` at unknown pixels."""
        if "translation" in self.changes:
            label_map = self._shifted(label_map, draws, ignore_index)
        if "cutout" in self.changes:
            label_map = label_map.masked_fill(self._cut(label_map, draws), ignore_index)
        return label_map

    def visible(self, size: Sequence[int], draws: Tensor) -> Tensor:
        """(B, H, W) booleans on the CPU: pixels that still show the image."""
        return self.label_map(torch.ones(len(draws), *size, dtype=torch.uint8), draws, 0).bool()

    def _happens(self, change: str, draws: Tensor) -> Tensor:
        return draws[:, AUGMENTATIONS.index(change)] < self.probability

    def _colored(self, images: Tensor, draws: Tensor) -> Tensor:
        """Change brightness, saturation and contrast, as DiffAugment does."""
        happens = self._happens("color", draws)[:, None]
        sizes = torch.where(happens, draws[:, 3:6], draws.new_full((), 0.5))
        sizes = sizes.to(images.device, images.dtype, non_blocking=True)
        brightness, saturation, contrast = sizes.view(-1, 3, 1, 1, 1).unbind(1)
        images = images + (brightness - 0.5)
        grey = images.mean(1, keepdim=True)
        images = grey + 2 * saturation * (images - grey)
        mean = images.mean((1, 2, 3), keepdim=True)
        return mean + (contrast + 0.5) * (images - mean)

    def _shifted(self, images: Tensor, draws: Tensor, fill: float) -> Tensor:
        """Every image moved by its own number of pixels down and to the right, padded with `fill`."""
        height, width = images.shape[-2:]
        reach = torch.tensor([round(height * _SHIFT), round(width * _SHIFT)])
        shifts = torch.floor(draws[:, 6:8] * (2 * reach + 1)).long() - reach
        shifts *= self._happens("translation", draws)[:, None]
        moved = []
        for image, (down, right) in zip(images, shifts.tolist(), strict=True):
            rows = slice(max(0, -down), height - max(0, down))
            columns = slice(max(0, -right), width - max(0, right))
            frame = (max(0, right), max(0, -right), max(0, down), max(0, -down))
            moved.append(F.pad(image[..., rows, columns], frame, value=fill))
        return torch.stack(moved)

    def _cut(self, images: Tensor, draws: Tensor) -> Tensor:
        """(B, H, W) booleans: a rectangle with half the image's sides, clipped to the image."""
        happens = self._happens("cutout", draws)
        inside = []
        for axis, side in enumerate(images.shape[-2:]):
            length = round(side * _CUT)
            first = torch.floor(draws[:, 8 + axis] * (side + 1)).long() - length // 2
            places = torch.arange(side)[None] - first[:, None]
            inside.append((places >= 0) & (places < length))
        cut = inside[0][:, :, None] & inside[1][:, None, :] & happens[:, None, None]
        return cut.to(images.device, non_blocking=True)
