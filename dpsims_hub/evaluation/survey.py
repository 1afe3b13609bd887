"""The first pass over a data set: every pair is read once, checked and hashed.

The hashes are part of the cache's keys. Thumbnails of the label maps show which maps are similar. The mean
colours of the classes give a reference baseline, and some pixels of each photo train the pixel probe.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from dpsims_hub.evaluation.pixel_probe import PixelProbe
from dpsims_hub.evaluation.reference_baselines import colour_sums
from dpsims_hub.labels import ClassSpec, Sample
from dpsims_hub.labels.reading.resizing import resize_label_map
from dpsims_hub.labels.transforms.augment import resize_pair
from dpsims_hub.processes.process_group import ProcessGroup, shared_out

THUMBNAIL = (24, 32)  # height, width; our choice
RESIZING = {
    "real photos": "Lanczos with antialiasing to the model's size, stretched where proportions differ",
    "label maps": "nearest neighbour at pixel centres to the model's size",
    "generated photos": "none; rounded to 8 bits a channel",
}


class Pairs(Protocol):
    """A data set with random access, such as `FolderDataset` and `TableDataset`."""

    spec: ClassSpec

    def __len__(self) -> int:
        """The number of pairs."""

    def __getitem__(self, index: int) -> Sample:
        """Pair `index`, decoded."""


@dataclass(frozen=True)
class Survey:
    """Results of one pass over a data set.

    Args:
        digests: SHA-256 of each pair at the size of the evaluation.
        thumbnails: (n, 24, 32) label maps.
        colour_sums: (N + 1, 4) of `reference_baselines.colour_sums`.
        probe_rows: features and ids of some pixels for `PixelProbe.fit`; None without a probe.
    """

    digests: tuple[str, ...]
    thumbnails: np.ndarray
    colour_sums: np.ndarray
    probe_rows: tuple[np.ndarray, np.ndarray] | None

    @property
    def digest(self) -> str:
        """One SHA-256 of all pairs in order."""
        return hashlib.sha256("".join(self.digests).encode()).hexdigest()


def read_pair(data: Pairs, index: int, size: tuple[int, int]) -> Sample:
    """Pair `index` at a size (height, width)."""
    return resize_pair(data[int(index)], size)


def survey(
    data: Pairs,
    size: tuple[int, int],
    group: ProcessGroup,
    probe: PixelProbe | None = None,
    advance: Callable[[int], object] = lambda count: None,
    with_instances: bool = False,
) -> Survey:
    """Reads every pair once, each process its share.

    Args:
        data: the pairs.
        size: (height, width) of the evaluation.
        group: the processes.
        probe: samples pixels of each photo.
        advance: called with 1 for each pair that this process has read.
        with_instances: whether a pair's hash includes its object numbers.

    Raises:
        ValueError: a file is missing or damaged, or a map has an unknown id.
    """

    def examine(index: int) -> tuple:
        pair = read_pair(data, index, size)
        photo, label_map = np.array(pair.image), pair.label_map
        content = [photo, label_map]
        if with_instances and pair.instance_ids is not None:
            content.append(pair.instance_ids)
        digest = hashlib.sha256(b"".join(one.tobytes() for one in content)).hexdigest()
        rows = None if probe is None else probe.sample(photo, label_map, index)
        advance(1)
        small = resize_label_map(label_map, THUMBNAIL)
        return digest, small, colour_sums(photo, label_map, data.spec), rows

    found = shared_out(group, range(len(data)), examine)
    digests, thumbnails, sums, rows = zip(*found, strict=True)
    probe_rows = None
    if probe is not None:
        probe_rows = tuple(np.concatenate(parts) for parts in zip(*rows, strict=True))
    return Survey(digests, np.stack(thumbnails), np.sum(sums, axis=0), probe_rows)
