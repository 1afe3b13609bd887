"""Photos of a generated data set, made in batches and written by threads."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from dpsims_hub import __version__
from dpsims_hub.generation.jobs import Batch, read_map
from dpsims_hub.generation.paired_dataset import PairedDatasetWriter, encode_label
from dpsims_hub.generation.photo_plan import Plan
from dpsims_hub.labels import ClassSpec
from dpsims_hub.processes.process_group import StopSignals

if TYPE_CHECKING:
    from dpsims_hub.pipelines.pipeline_dpsims import DPSIMSPipeline

MAX_THREADS = 8  # our choice; they encode and write photos while the next batch is computed


class PhotoMaker:
    """Makes photos in batches, and writes them by threads.

    `spec` holds the classes and the rule for stored values of the maps. `writer` must have begun the data
    set. `facts` are the model and its settings, for the metadata of the photos.
    """

    def __init__(
        self,
        pipe: DPSIMSPipeline,
        spec: ClassSpec,
        plan: Plan,
        writer: PairedDatasetWriter,
        facts: dict[str, str],
    ) -> None:
        self.pipe, self.spec, self.plan, self.writer = pipe, spec, plan, writer
        self.facts = facts | {"software": f"dpsims_hub {__version__}"}

    def make(self, batch: Batch, pool: ThreadPoolExecutor) -> list[Future[None]]:
        """Makes all photos of a batch, and returns the pending writes of those that are missing.

        All photos are made in any case, because rounding makes a photo depend on its batch.
        """
        import torch

        jobs, numbers = batch
        maps = list(pool.map(lambda job: read_map(job, self.spec), jobs))
        order = [(place, job.index, number) for place, job in enumerate(jobs) for number in numbers]
        seeds = [self.plan.seed_of(index, number) for _, index, number in order]
        photos = self.pipe(
            maps,
            num_images_per_label=len(numbers),
            generator=[torch.Generator().manual_seed(seed) for seed in seeds],
        ).images
        labels = [encode_label(label_map) for label_map in maps]
        writes = []
        for (place, index, number), seed, photo in zip(order, seeds, photos, strict=True):
            stem = self.plan.stem_of(index, number)
            if not self.writer.has(stem):
                facts = {"seed": str(seed), "label_map": jobs[place].source, **self.facts}
                writes.append(pool.submit(self.writer.write, stem, photo, labels[place], facts))
        return writes

    def run(self, batches: Sequence[Batch], stop: StopSignals) -> Iterator[int]:
        """Makes batches until a signal arrives; yields how many photos were written since."""
        with ThreadPoolExecutor(min(MAX_THREADS, os.cpu_count() or 1)) as pool:
            writes: list[Future[None]] = []
            for batch in batches:
                if stop.number:
                    break
                following = self.make(batch, pool)
                yield _settle(writes)
                writes = following
            yield _settle(writes)


def _settle(writes: Sequence[Future[None]]) -> int:
    """Waits for the writes, and returns their number; raises the error of a failed one."""
    for write in writes:
        write.result()
    return len(writes)
