"""`dpsims generate`: photos for label-map files.

Photo k of a map is drawn from seed S + k, whatever the other maps, the batch size and the number of photos:
`generate --seed 7 --num-images 3` writes the photos of the seeds 7, 8 and 9, and in Python
`pipe(label_map, generator=torch.Generator().manual_seed(9))` makes the last one again. All maps are read and
checked before the first photo is made. With `--as-dataset` the photos become a data set, see
`dpsims_hub.commands.generate_dataset`.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from dpsims_hub.commands.data_options import image_size, whole_number
from dpsims_hub.commands.model_options import add_model_options, load_pipeline
from dpsims_hub.generation.map_files import check_outputs, collect_maps, photo_path
from dpsims_hub.generation.paired_dataset import IMAGE_FORMATS
from dpsims_hub.processes.process_group import launched_processes

if TYPE_CHECKING:
    from PIL import Image

    from dpsims_hub.labels import ClassSpec
    from dpsims_hub.pipelines.pipeline_dpsims import DPSIMSPipeline

MAX_SEED = 2**63 - 1  # torch's generators take 64 signed bits
SHEET_ROWS = 24  # our choice: a longer sheet cannot be looked at
SHEET_NAME = "sheet.png"


@dataclass(frozen=True)
class Job:
    """One label map on disk.

    Args:
        path: its file.
        size: (height, width) of its photos.
        stored: whether the file holds the data set's own values instead of plain ids.
    """

    path: Path
    size: tuple[int, int]
    stored: bool


AnyJob = TypeVar("AnyJob", bound=Job)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `dpsims generate`."""
    parser.add_argument(
        "maps", nargs="+", type=Path, metavar="MAP.png", help="label maps, or folders of them"
    )
    add_model_options(parser)
    target = parser.add_mutually_exclusive_group()
    target.add_argument("--output", type=Path, default=Path("outputs"), help="folder (default: outputs)")
    target.add_argument(
        "--as-dataset",
        type=Path,
        metavar="FOLDER",
        help="write a data set instead: images/, labels/, classes.json, the seed of every photo;\n"
        "maps in subfolders too, all photos from different seeds; also under torchrun or\n"
        "accelerate launch; the same command again continues what was stopped",
    )
    parser.add_argument(
        "--image-format",
        choices=IMAGE_FORMATS,
        default="png",
        help="of the photos of a data set; label maps are always PNG (default: png)",
    )
    parser.add_argument(
        "--seed", type=whole_number(0, MAX_SEED), default=0, help="seed of photo 0 (default: 0)"
    )
    parser.add_argument(
        "--num-images",
        type=whole_number(1, 100_000),
        default=1,
        metavar="K",
        help="photos of each map, from the seeds SEED, SEED + 1, ... (a data set\n"
        "goes on counting from map to map; default: 1)",
    )
    parser.add_argument(
        "--batch-size",
        type=whole_number(1, 4096),
        default=8,
        metavar="N",
        help="photos made at a time; matters for speed and memory only (default: 8)",
    )
    parser.add_argument(
        "--size", type=image_size, metavar="WxH", help="of the photos (default: each map's own)"
    )
    parser.add_argument("--allow-distortion", action="store_true", help="let --size change width : height")
    parser.add_argument(
        "--stored",
        action="store_true",
        help="the files hold their data set's own values (ADE20K: id + 1), not plain ids",
    )
    parser.add_argument(
        "--sheet",
        action="store_true",
        help=f"also write {SHEET_NAME}: map and photos side by side, of the first {SHEET_ROWS} maps",
    )


def run(arguments: argparse.Namespace) -> int:
    """Makes the photos that the command line asks for.

    Raises:
        OSError: a file is missing or cannot be written.
        ValueError: anything else in the input is wrong.
    """
    if arguments.as_dataset is not None:
        from dpsims_hub.commands import generate_dataset

        return generate_dataset.run(arguments)
    if arguments.image_format != "png" or launched_processes() > 1:
        what = "--image-format" if arguments.image_format != "png" else "more than one process"
        raise ValueError(f"{what} works with --as-dataset only.")
    return _write_photos(arguments)


def _write_photos(arguments: argparse.Namespace) -> int:
    """The plain form: every photo into one folder."""
    from tqdm import tqdm

    from dpsims_hub import __version__
    from dpsims_hub.pictures.sheets import save_picture

    check_seed(arguments.seed, arguments.num_images)
    paths = collect_maps(arguments.maps)
    check_outputs(paths, arguments.output, arguments.num_images)
    pipe = load_pipeline(arguments.model, arguments.device, arguments.dtype)
    jobs = [read_job(path, pipe, pipe.spec, arguments) for path in paths]
    shown: dict[Job, list[Image.Image]] = {job: [] for job in jobs[:SHEET_ROWS]} if arguments.sheet else {}
    count = len(jobs) * arguments.num_images
    with tqdm(total=count, unit="photo", disable=None if count > 1 else True) as bar:
        for job, number, photo in make_photos(pipe, jobs, arguments):
            facts = {
                "seed": str(arguments.seed + number),
                "label_map": job.path.name,
                "model": arguments.model,
            }
            path = photo_path(arguments.output, job.path, number)
            save_picture(photo, path, {**facts, "software": f"dpsims_hub {__version__}"})
            if job in shown:
                shown[job].append(photo)
            bar.update()
    if shown:
        save_picture(draw_sheet(pipe, shown, arguments.seed), arguments.output / SHEET_NAME)
    print(f"photos: {count}, label maps: {len(jobs)}, folder: {arguments.output}")
    return 0


def check_seed(seed: int, count: int) -> None:
    """Checks that `count` photos from `seed` on have seeds.

    Raises:
        ValueError: the last one would be too large.
    """
    if seed + count - 1 > MAX_SEED:
        raise ValueError(
            f"the last photo would need seed {seed + count - 1}, above {MAX_SEED}; take a smaller --seed."
        )


def read_job(path: Path, pipe: "DPSIMSPipeline", spec: "ClassSpec", arguments: argparse.Namespace) -> Job:
    """Reads a label map once, only to find its faults and its size before any photo is made.

    Args:
        path: of the map.
        pipe: knows the sizes that the network makes.
        spec: the classes, and the rule for stored values.
        arguments: of the command line: size, allow_distortion, stored.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the map cannot be used; the sentence begins with its path.
    """
    from dpsims_hub.labels import read_label_map
    from dpsims_hub.pipelines.map_batches import photo_size

    shape = read_label_map(path, spec, stored=arguments.stored).shape
    try:
        size = photo_size(shape, pipe.generator.stride, arguments.size, arguments.allow_distortion)
    except ValueError as error:
        raise ValueError(f"{path}: {error} (--size, --allow-distortion)") from error
    return Job(path, size, arguments.stored)


def plan_batches(
    jobs: Sequence[AnyJob], num_images: int, batch_size: int
) -> Iterator[tuple[list[AnyJob], range]]:
    """Groups photos into calls of at most `batch_size`: maps of one photo size, and which of their photos.

    Every (map, photo number) comes exactly once; maps of one size keep their order.

    Args:
        jobs: the maps.
        num_images: K, photos of each map.
        batch_size: N. With K <= N a call makes all photos of N // K maps, otherwise up to N photos of one.
    """
    by_size: dict[tuple[int, int], list[AnyJob]] = {}
    for job in jobs:
        by_size.setdefault(job.size, []).append(job)
    at_once = max(batch_size // num_images, 1)
    for same_size in by_size.values():
        for first in range(0, len(same_size), at_once):
            for number in range(0, num_images, batch_size):
                yield same_size[first : first + at_once], range(number, min(number + batch_size, num_images))


def make_photos(
    pipe: "DPSIMSPipeline", jobs: Sequence[Job], arguments: argparse.Namespace
) -> Iterator[tuple[Job, int, "Image.Image"]]:
    """Makes the photos of all maps, batch by batch.

    Args:
        pipe: the model.
        jobs: the maps.
        arguments: of the command line: seed, num_images, batch_size.

    Yields:
        (map, photo number k, photo).
    """
    import torch

    for batch, numbers in plan_batches(jobs, arguments.num_images, arguments.batch_size):
        order = [(job, number) for job in batch for number in numbers]
        photos = pipe(
            [read_map(job, pipe.spec) for job in batch],
            num_images_per_label=len(numbers),
            generator=[torch.Generator().manual_seed(arguments.seed + number) for _, number in order],
        ).images
        for (job, number), photo in zip(order, photos, strict=True):
            yield job, number, photo


def draw_sheet(pipe: "DPSIMSPipeline", shown: dict[Job, list["Image.Image"]], seed: int) -> "Image.Image":
    """One picture of maps and their photos, with captions and a legend of the classes that occur.

    Args:
        pipe: knows the classes.
        shown: photos of each map.
        seed: of photo 0.
    """
    from dpsims_hub.pictures.sheets import comparison_sheet, enlarge_photo, flow_legend, picture_of_map

    rows, captions, ids = [], [], set()
    for job, photos in shown.items():
        label_map = read_map(job, pipe.spec)
        scale = max(1, 256 // label_map.shape[1])
        rows.append([picture_of_map(label_map, pipe.spec, scale)] + [enlarge_photo(p, scale) for p in photos])
        captions.append([job.path.stem] + [f"seed {seed + number}" for number in range(len(photos))])
        ids.update(np.unique(label_map).tolist())
    width = max(sum(picture.width for picture in row) for row in rows)
    return comparison_sheet(rows, captions=captions, legend=flow_legend(pipe.spec, sorted(ids), width))


def read_map(job: Job, spec: "ClassSpec") -> np.ndarray:
    """The map in the size of its photos, (H, W) ids."""
    from dpsims_hub.labels import read_label_map

    return read_label_map(job.path, spec, stored=job.stored, size=job.size)
