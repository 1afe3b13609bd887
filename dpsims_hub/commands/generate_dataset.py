"""`dpsims generate --as-dataset`: photos of label maps as a data set, in one process or several.

All maps are read and checked first. The batches of photos depend only on the maps, K and the batch size, and
the unfinished batches are divided among the processes. Seeds count over all maps and photos
(`dpsims_hub.generation.photo_plan.Plan`). Therefore neither the number of processes nor a stop changes a
photo. Another batch size, device or number of CPU threads changes photos by rounding at most.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from dpsims_hub.commands.model_options import load_pipeline
from dpsims_hub.generation.jobs import Batch, Job, check_seed, plan_batches, read_job
from dpsims_hub.generation.map_files import check_apart, check_name_lengths, find_maps
from dpsims_hub.generation.paired_dataset import PairedDatasetWriter
from dpsims_hub.generation.photo_maker import PhotoMaker
from dpsims_hub.generation.photo_plan import Plan
from dpsims_hub.generation.stored_rules import reading_spec
from dpsims_hub.processes.process_group import ProcessGroup, StopSignals, shared_out

if TYPE_CHECKING:
    from dpsims_hub.labels import ClassSpec
    from dpsims_hub.pipelines.pipeline_dpsims import DPSIMSPipeline

TERMINATED = 128 + signal.SIGTERM


def run(arguments: argparse.Namespace) -> int:
    """Makes the data set, or the missing part of it.

    Returns:
        0 when it is complete, 143 after SIGTERM.

    Raises:
        KeyboardInterrupt: after Ctrl-C, when the current photos are written.
    """
    group = ProcessGroup(arguments.device)
    maps = group.together(lambda: _find_maps(arguments))
    pipe = group.together(lambda: _load(arguments, group))
    spec = group.together(lambda: reading_spec(arguments.maps, pipe.spec, arguments.stored))
    with PairedDatasetWriter(arguments.as_dataset, arguments.image_format) as writer:
        settings = group.by_first(lambda: _check_settings(writer, pipe, arguments, len(maps)))
        pipe.truncate(arguments.truncation)
        jobs = _check_maps(maps, pipe, spec, arguments, group)
        plan = Plan(jobs, arguments.num_images, arguments.seed)
        batches = list(plan_batches(jobs, arguments.num_images, arguments.batch_size))
        pending = group.by_first(lambda: _pending(writer, plan, batches, settings, arguments, pipe.spec))
        if not pending:
            group.by_first(lambda: writer.finish(plan))
            if group.is_first:
                whole = f"all {len(plan)} photos of {len(maps)} label maps"
                print(f"nothing to do: {writer.folder} holds {whole}")
            return 0
        mine = [(batches[number], missing) for number, missing in pending[group.index :: group.count]]
        facts = {"model": arguments.model, "truncation": f"{arguments.truncation:g}"}
        maker = PhotoMaker(pipe, spec, plan, writer, facts)
        return _make_all(maker, mine, group, sum(missing for _, missing in pending))


def _find_maps(arguments: argparse.Namespace) -> list[Job]:
    if arguments.sheet:
        raise ValueError(
            "--sheet does not work with --as-dataset; dpsims check-data draws one of the data set."
        )
    maps = find_maps(arguments.maps, arguments.label_suffix)
    check_name_lengths(maps)
    check_apart(arguments.maps, arguments.as_dataset)
    check_seed(arguments.seed, len(maps) * arguments.num_images)
    return maps


def _load(arguments: argparse.Namespace, group: ProcessGroup) -> DPSIMSPipeline:
    pipe = load_pipeline(arguments.model, group.device, arguments.dtype)
    if pipe.generator.config.use_instance_offsets:
        raise ValueError(
            f"{arguments.model}: needs object maps beside label maps, which generate does not read."
        )
    return pipe


def _check_settings(
    writer: PairedDatasetWriter, pipe: DPSIMSPipeline, arguments: argparse.Namespace, count: int
) -> dict[str, Any]:
    """All settings that the photos depend on; checks that the folder was not begun with others."""
    from dpsims_hub.evaluation.recipe import tensors_sha256
    from dpsims_hub.pipelines.map_batches import by

    settings = {
        "dtype": arguments.dtype,
        "maps": count,
        "num_images": arguments.num_images,
        "seed": arguments.seed,
        "size": by(arguments.size) if arguments.size else None,
        "truncation": None if arguments.truncation == 1 else arguments.truncation,
        "stored": arguments.stored,
        "image_format": arguments.image_format,
        "weights_sha256": tensors_sha256(pipe.generator),
    }
    writer.check(settings, pipe.spec)
    return settings


def _check_maps(
    maps: Sequence[Job],
    pipe: DPSIMSPipeline,
    spec: ClassSpec,
    arguments: argparse.Namespace,
    group: ProcessGroup,
) -> list[Job]:
    """The maps with size and SHA-256, after a check of each; every process reads its share of them."""
    from dpsims_hub.evaluation.recipe import file_sha256

    how = arguments.size, arguments.allow_distortion, arguments.stored
    with _progress(group, len(maps[group.index :: group.count]), "checking", "map") as bar:

        def check(one: Job) -> Job:
            job = read_job(one, pipe, spec, *how)
            bar.update()
            return replace(job, sha256=file_sha256(one.path))

        return shared_out(group, maps, check)


def _pending(
    writer: PairedDatasetWriter,
    plan: Plan,
    batches: Sequence[Batch],
    settings: dict[str, Any],
    arguments: argparse.Namespace,
    spec: ClassSpec,
) -> list[tuple[int, int]]:
    """Begins the data set; returns (number of the batch, missing photos) for every unfinished batch."""
    from dpsims_hub.evaluation.recipe import package_versions

    notes = {"model": arguments.model, "batch_size": arguments.batch_size, "versions": package_versions()}
    done = writer.begin(plan, settings, notes, spec)
    missing = (
        sum(plan.stem_of(job.index, number) not in done for job in jobs for number in numbers)
        for jobs, numbers in batches
    )
    return [(number, count) for number, count in enumerate(missing) if count]


def _make_all(maker: PhotoMaker, mine: Sequence[tuple[Batch, int]], group: ProcessGroup, missing: int) -> int:
    """Makes the batches of this process, waits for the other processes, and prints the result."""
    made, start = 0, time.perf_counter()
    with StopSignals() as stop:
        with _progress(group, sum(count for _, count in mine), "making", "photo") as bar:
            for count in maker.run([batch for batch, _ in mine], stop):
                made += count
                bar.update(count)
        if not stop.number:
            made = _made_by_all(made, group, stop)
    if stop.number == signal.SIGINT:
        raise KeyboardInterrupt
    if stop.number:
        print("dpsims: stopped; every file written so far is complete.", file=sys.stderr)
        return TERMINATED
    speed = missing / (time.perf_counter() - start)
    plan, writer = maker.plan, maker.writer
    group.by_first(lambda: writer.finish(plan))
    if group.is_first:
        print(
            f"photos: {len(plan)} ({made} made, {len(plan) - missing} kept), label maps: {len(plan.maps)}, "
            f"processes: {group.count}, {speed:.1f} photos/s, folder: {writer.folder}"
        )
    return 0


def _made_by_all(made: int, group: ProcessGroup, stop: StopSignals) -> int:
    """The photos that all processes made. After a stop others may end before they answer."""
    try:
        return sum(group.gather(made))
    except OSError:
        if stop.number:
            return made
        raise


def _progress(group: ProcessGroup, total: int, what: str, unit: str) -> tqdm:
    """A progress bar, which only the first process shows, for its own share."""
    whose = f"{what} (process 1 of {group.count})" if group.count > 1 else what
    return tqdm(total=total, desc=whose, unit=unit, disable=None if group.is_first else True)
