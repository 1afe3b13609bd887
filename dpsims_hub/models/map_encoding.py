"""The generator's results that depend on the label map alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor


@dataclass
class MapEncoding:
    """Computed once and shared by all photos of a map.

    Args:
        label_map: (B, H, W) ids.
        instance_offsets: (B, 2, H, W) or None.
        embedding: the encoder's full-resolution features if noise enters the encoder, else None.
        features: the encoder's results, fine to coarse, or None if noise enters the encoder.
    """

    label_map: Tensor
    instance_offsets: Tensor | None = None
    embedding: list[Tensor] | None = None
    features: list[Tensor] | None = None

    def repeat(self, num_images_per_label: int) -> MapEncoding:
        """Each map's encoding `num_images_per_label` times, map-major."""
        if num_images_per_label == 1:
            return self

        def spread(value: Tensor | list[Tensor] | None) -> Tensor | list[Tensor] | None:
            if isinstance(value, list):
                return [spread(item) for item in value]
            return None if value is None else repeat_each(value, num_images_per_label)

        parts = (self.label_map, self.instance_offsets, self.embedding, self.features)
        return MapEncoding(*map(spread, parts))


def repeat_each(value: Tensor, times: int) -> Tensor:
    """(B, ...) -> (B * times, ...), each entry `times` times in a row; channels-last tensors stay that.

    `Tensor.repeat_interleave` brings them to the contiguous format, which convolutions convert back.
    """
    if value.ndim == 4 and value.is_contiguous(memory_format=torch.channels_last):
        return _repeat_rows(value.permute(0, 2, 3, 1), times).permute(0, 3, 1, 2)
    return _repeat_rows(value, times)


def _repeat_rows(value: Tensor, times: int) -> Tensor:
    return value[:, None].expand(-1, times, *value.shape[1:]).flatten(0, 1)


LabelResize = Literal["center", "corner"]


def subsample(label_map: Tensor, stride: int, which: LabelResize = "center") -> Tensor:
    """(B, H, W) ids -> (B, H / stride, W / stride) by nearest neighbour.

    `which` pixel represents a cell: its "center" (our choice), or its first "corner", as in
    `torch.nn.functional.interpolate`, SPADE and OASIS.
    """
    first = stride // 2 if which == "center" else 0
    return label_map[:, first::stride, first::stride]
