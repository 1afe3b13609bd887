"""Results of the generator that depend only on the label map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor


@dataclass
class MapEncoding:
    """Results that are computed once and shared by all photos of a map.

    Args:
        label_map: (B, H, W) ids.
        instance_offsets: (B, 2, H, W) or None.
        embedding: the encoder's full-resolution features if cross-attention is in the encoder, else None.
        features: the encoder's results, fine to coarse, if they do not depend on the noise, else None.
    """

    label_map: Tensor
    instance_offsets: Tensor | None = None
    embedding: list[Tensor] | None = None
    features: list[Tensor] | None = None

    def repeat(self, num_images_per_label: int) -> MapEncoding:
        """Repeat each map's encoding `num_images_per_label` times, map-major."""
        if num_images_per_label == 1:
            return self

        def spread(value: Tensor | list[Tensor] | None) -> Tensor | list[Tensor] | None:
            if isinstance(value, list):
                return [spread(item) for item in value]
            return None if value is None else repeat_each(value, num_images_per_label)

        parts = (self.label_map, self.instance_offsets, self.embedding, self.features)
        return MapEncoding(*map(spread, parts))


def repeat_each(value: Tensor, times: int) -> Tensor:
    """(B, ...) -> (B * times, ...), each entry `times` times in a row; keeps the channels-last format.

    `Tensor.repeat_interleave` would change it to the contiguous format, which convolutions convert back.
    """
    if value.ndim == 4 and value.is_contiguous(memory_format=torch.channels_last):
        return _repeat_rows(value.permute(0, 2, 3, 1), times).permute(0, 3, 1, 2)
    return _repeat_rows(value, times)


def _repeat_rows(value: Tensor, times: int) -> Tensor:
    return value[:, None].expand(-1, times, *value.shape[1:]).flatten(0, 1)


LabelResize = Literal["center", "corner"]


def subsample(label_map: Tensor, stride: int, which: LabelResize = "center") -> Tensor:
    """(B, H, W) ids -> (B, H / stride, W / stride) by nearest neighbour.

    `which` names the pixel that represents a cell: its "center" (our choice), or its upper left "corner", as
    in `torch.nn.functional.interpolate`, SPADE and OASIS.
    """
    first = stride // 2 if which == "center" else 0
    return label_map[:, first::stride, first::stride]
