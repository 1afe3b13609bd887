"""Label maps of a command: checked first, then grouped into calls of the pipeline."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dpsims_hub.labels import ClassSpec, read_label_map

if TYPE_CHECKING:
    from dpsims_hub.pipelines.pipeline_dpsims import DPSIMSPipeline

MAX_SEED = 2**63 - 1  # our choice: the largest signed number of 64 bits


@dataclass(frozen=True)
class Job:
    """A label map on disk.

    Args:
        path: the file.
        source: its path in messages and metadata, relative to the folder that was given.
        name: unique; its photos in a data set are called name_0, name_1, ...
        index: its position among the maps.
        size: (height, width) of its photos, set by `read_job`.
        stored: whether the file holds the stored values of its data set instead of plain ids.
        sha256: SHA-256 of the file, for data sets.
    """

    path: Path
    source: str
    name: str
    index: int = 0
    size: tuple[int, int] = (0, 0)
    stored: bool = False
    sha256: str = ""


Batch = tuple[list[Job], range]
"""The maps of one call of the pipeline, and the numbers k of the photos that it makes of each."""


def check_seed(seed: int, count: int) -> None:
    """Raises ValueError if one of the seeds of `count` photos, from `seed` on, is above `MAX_SEED`."""
    if seed + count - 1 > MAX_SEED:
        raise ValueError(
            f"the last photo would need seed {seed + count - 1}, above {MAX_SEED}; take a smaller --seed."
        )


def read_job(
    job: Job,
    pipe: "DPSIMSPipeline",
    spec: ClassSpec,
    size: tuple[int, int] | None,
    allow_distortion: bool,
    stored: bool,
) -> Job:
    """Checks a label map, and returns its job with the size of the photos and the value of `stored`.

    `spec` holds the classes and the rule for stored values. `size` is the wanted (height, width); None takes
    the size of the map. With `allow_distortion` width : height may change by more than 5 %.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the map cannot be used; the sentence begins with its path.
    """
    from dpsims_hub.pipelines.map_batches import photo_size

    shape = read_label_map(job.path, spec, stored=stored).shape
    try:
        of_photos = photo_size(shape, pipe.generator.stride, size, allow_distortion)
    except ValueError as error:
        raise ValueError(f"{job.path}: {error} (--size, --allow-distortion)") from error
    return replace(job, size=of_photos, stored=stored)


def read_map(job: Job, spec: ClassSpec) -> np.ndarray:
    """The map (H, W) at the size of its photos."""
    return read_label_map(job.path, spec, stored=job.stored, size=job.size)


def plan_batches(jobs: Sequence[Job], num_images: int, batch_size: int) -> Iterator[Batch]:
    """Groups the photos of each map, K = `num_images`, into calls of at most N = `batch_size` of one size.

    With K <= N a call makes all photos of up to N // K maps, otherwise up to N photos of one map. Maps of one
    size keep their order.
    """
    by_size: dict[tuple[int, int], list[Job]] = {}
    for job in jobs:
        by_size.setdefault(job.size, []).append(job)
    at_once = max(batch_size // num_images, 1)
    for same_size in by_size.values():
        for first in range(0, len(same_size), at_once):
            for number in range(0, num_images, batch_size):
                yield same_size[first : first + at_once], range(number, min(number + batch_size, num_images))
