"""Label maps to make photos of: checked first, then grouped into calls of the pipeline."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from dpsims_hub.labels import ClassSpec
    from dpsims_hub.pipelines.pipeline_dpsims import DPSIMSPipeline

MAX_SEED = 2**63 - 1  # torch's generators take 64 signed bits


@dataclass(frozen=True)
class Job:
    """A label map on disk.

    Args:
        path: its file.
        source: its path in messages and metadata.
        name: unique; its photos in a data set are called name_0, name_1, ...
        index: its place among the maps.
        size: (height, width) of its photos, once it was read.
        stored: whether the file holds the stored values of its data set instead of plain ids.
        sha256: of its file, for data sets.
    """

    path: Path
    source: str
    name: str
    index: int = 0
    size: tuple[int, int] = (0, 0)
    stored: bool = False
    sha256: str = ""


Batch = tuple[list[Job], range]
"""The maps of one call of the pipeline, and the numbers of their photos."""


def check_seed(seed: int, count: int) -> None:
    """Checks that the seeds of `count` photos from `seed` on fit into 63 bits.

    Raises:
        ValueError: the last one is too large.
    """
    if seed + count - 1 > MAX_SEED:
        raise ValueError(
            f"the last photo would need seed {seed + count - 1}, above {MAX_SEED}; take a smaller --seed."
        )


def read_job(
    job: Job,
    pipe: "DPSIMSPipeline",
    spec: "ClassSpec",
    size: tuple[int, int] | None,
    allow_distortion: bool,
    stored: bool,
) -> Job:
    """Checks a label map and finds the size of its photos, before any photo is made.

    Args:
        job: the map's file.
        pipe: the model.
        spec: the classes, and the rule for stored values.
        size: (height, width) of the photos; None takes that of the map.
        allow_distortion: whether width : height may change by more than 5 %.
        stored: whether the file holds the stored values of its data set instead of plain ids.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the map cannot be used; the sentence begins with its path.
    """
    from dpsims_hub.labels import read_label_map
    from dpsims_hub.pipelines.map_batches import photo_size

    shape = read_label_map(job.path, spec, stored=stored).shape
    try:
        of_photos = photo_size(shape, pipe.generator.stride, size, allow_distortion)
    except ValueError as error:
        raise ValueError(f"{job.path}: {error} (--size, --allow-distortion)") from error
    return replace(job, size=of_photos, stored=stored)


def read_map(job: Job, spec: "ClassSpec") -> np.ndarray:
    """The map (H, W) at the size of its photos."""
    from dpsims_hub.labels import read_label_map

    return read_label_map(job.path, spec, stored=job.stored, size=job.size)


def plan_batches(jobs: Sequence[Job], num_images: int, batch_size: int) -> Iterator[Batch]:
    """Groups the K photos of each map into calls of at most N = `batch_size` photos of one size.

    With K <= N a call makes all photos of N // K maps, otherwise up to N photos of one map. Yields the maps
    of a call and the numbers of their photos; maps of one size keep their order.
    """
    by_size: dict[tuple[int, int], list[Job]] = {}
    for job in jobs:
        by_size.setdefault(job.size, []).append(job)
    at_once = max(batch_size // num_images, 1)
    for same_size in by_size.values():
        for first in range(0, len(same_size), at_once):
            for number in range(0, num_images, batch_size):
                yield same_size[first : first + at_once], range(number, min(number + batch_size, num_images))
