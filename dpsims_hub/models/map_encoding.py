"""What the generator computes from a label map alone, before any noise enters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor


@dataclass
class MapEncoding:
    """What does not depend on the noise: computed once, shared by all photos of a map.

    Args:
        label_map: (B, H, W) ids.
        instance_offsets: (B, 2, H, W) or None.
        embedding: the encoder's full-resolution features where noise enters behind them, else None.
        features: the encoder's results, fine to coarse, or None where noise enters the encoder.
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
    """Nearest-neighbour reduction by an integer factor.

    Args:
        label_map: (B, H, W) ids.
        stride: side of a cell in pixels.
        which: the id that stands for a cell: at its "center" (our choice), or at its first "corner", as
            `torch.nn.functional.interpolate` does and so SPADE and OASIS.

    Returns:
        (B, H / stride, W / stride).
    """
    first = stride // 2 if which == "center" else 0
    return label_map[:, first::stride, first::stride]
