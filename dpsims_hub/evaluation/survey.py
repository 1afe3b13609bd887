"""The first look at a data set: every pair is read once, checked, hashed and summed up.

What is found is small: hashes name what networks make of the photos later, thumbnails of label maps tell
which scenes are alike, mean colours and some pixels of each photo serve as references.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from dpsims_hub.evaluation.neighbours import thumbnail
from dpsims_hub.evaluation.pixel_probe import PixelProbe
from dpsims_hub.evaluation.reference_baselines import colour_sums
from dpsims_hub.labels import ClassSpec, Sample, instance_offsets
from dpsims_hub.labels.transforms.augment import resize_pair
from dpsims_hub.processes.sharing import Processes, shared_out

RESIZING = {
    "real photos": "Lanczos with antialiasing to the model's size, stretched where proportions differ",
    "label maps": "nearest neighbour at pixel centres to the model's size",
    "generated photos": "none; rounded to 8 bits a channel",
}


class Pairs(Protocol):
    """A data set whose pairs can be asked for by number, such as `FolderDataset` and `TableDataset`."""

    spec: ClassSpec

    def __len__(self) -> int:
        """How many pairs there are."""

    def __getitem__(self, index: int) -> Sample:
        """Pair `index`, decoded now."""


@dataclass(frozen=True)
class Survey:
    """What is known of a data set after one look.

    Args:
        digests: SHA-256 of each photo and map as evaluated.
        thumbnails: (n, h, w) small label maps.
        colour_sums: (N + 1, 4) of `reference_baselines.colour_sums`.
        probe_rows: features and ids of some pixels, for `PixelProbe.fit`; None where no probe asked.
    """

    digests: tuple[str, ...]
    thumbnails: np.ndarray
    colour_sums: np.ndarray
    probe_rows: tuple[np.ndarray, np.ndarray] | None

    @property
    def digest(self) -> str:
        """One SHA-256 of all pairs in order."""
        return hashlib.sha256("".join(self.digests).encode()).hexdigest()


class ReadPair(NamedTuple):
    """A pair at the size of the evaluation.

    Args:
        photo: (H, W, 3) uint8.
        label_map: (H, W) ids.
        instance_ids: (H, W) object numbers, or None.
    """

    photo: np.ndarray
    label_map: np.ndarray
    instance_ids: np.ndarray | None

    def offsets(self, spec: ClassSpec) -> np.ndarray:
        """(2, H, W), for models that read them.

        Raises:
            ValueError: the pair has no object numbers.
        """
        if self.instance_ids is None:
            raise ValueError("the model reads instance offsets, and these data have no object numbers.")
        return instance_offsets(self.instance_ids, self.label_map, spec)


def read_pair(data: Pairs, index: int, size: tuple[int, int]) -> ReadPair:
    """The pair of a number at a size (height, width)."""
    pair = resize_pair(data[int(index)], size)
    return ReadPair(np.array(pair.image), pair.label_map, pair.instance_ids)


def survey(
    data: Pairs,
    size: tuple[int, int],
    group: Processes,
    probe: PixelProbe | None = None,
    advance: Callable[[int], object] = lambda count: None,
    with_instances: bool = False,
) -> Survey:
    """Reads every pair once, each process its share.

    Args:
        data: the pairs.
        size: (height, width) of the evaluation.
        group: the processes.
        probe: chooses pixels of each photo.
        advance: called with 1 for each pair that this process has read.
        with_instances: whether object numbers belong to a pair's hash.

    Raises:
        ValueError: a file is missing or damaged, or a map holds what is no class.
    """

    def look(index: int) -> tuple:
        photo, label_map, instance_ids = read_pair(data, index, size)
        content = [photo, label_map, *([instance_ids] if with_instances and instance_ids is not None else [])]
        digest = hashlib.sha256(b"".join(one.tobytes() for one in content)).hexdigest()
        rows = None if probe is None else probe.sample(photo, label_map, index)
        advance(1)
        return digest, thumbnail(label_map), colour_sums(photo, label_map, data.spec), rows

    found = shared_out(group, range(len(data)), look)
    digests, thumbnails, sums, rows = zip(*found, strict=True)
    probe_rows = None
    if probe is not None:
        probe_rows = tuple(np.concatenate(parts) for parts in zip(*rows, strict=True))
    return Survey(digests, np.stack(thumbnails), np.sum(sums, axis=0), probe_rows)
