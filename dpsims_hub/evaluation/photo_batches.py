"""Photos and label maps of a folder in the size that a model makes, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from dpsims_hub.labels import FolderDataset
from dpsims_hub.labels.augment import resize_pair

RESIZING = {
    "real photos": "Lanczos with antialiasing to the model's size, stretched where proportions differ",
    "label maps": "nearest neighbour at pixel centres to the model's size",
    "generated photos": "none; rounded to 8 bits a channel",
}


class PhotoBatch(NamedTuple):
    """Photos (B, H, W, 3) uint8 and their label maps (B, H, W) ids."""

    photos: np.ndarray
    label_maps: np.ndarray


def read_batches(
    data: FolderDataset, indices: Sequence[int], size: tuple[int, int], batch_size: int
) -> Iterator[PhotoBatch]:
    """Reads samples in the given order, decoded and resized as they are asked for.

    Args:
        data: the folder.
        indices: which samples.
        size: (height, width) of the results.
        batch_size: samples at a time; the last batch may be smaller.

    Yields:
        One batch after the other.
    """
    for first in range(0, len(indices), batch_size):
        pairs = [resize_pair(data[int(index)], size) for index in indices[first : first + batch_size]]
        photos = np.stack([np.asarray(pair.image) for pair in pairs])
        yield PhotoBatch(photos, np.stack([pair.label_map for pair in pairs]))
