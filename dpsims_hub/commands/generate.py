"""`dpsims generate`: photos of label-map files.

With --seed S, photo k of a map has seed S + k, whatever the other maps, the batch size and the number of
photos are: `generate --seed 7 --num-images 3` writes the photos of the seeds 7, 8 and 9. In Python
`pipe(label_map, generator=torch.Generator().manual_seed(9))` makes the last one again. All maps are read and
checked before the first photo is made. With `--as-dataset` the photos become a data set, see
`dpsims_hub.commands.generate_dataset`.
"""

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from dpsims_hub import __version__
from dpsims_hub.commands.data_options import add_label_suffix_option
from dpsims_hub.commands.model_options import add_model_options, add_truncation_option, load_pipeline
from dpsims_hub.commands.options import add_option, image_size, whole_number
from dpsims_hub.generation.jobs import MAX_SEED, Job, check_seed, read_job
from dpsims_hub.generation.map_files import check_outputs, find_maps, photo_path
from dpsims_hub.generation.paired_dataset import IMAGE_FORMATS
from dpsims_hub.generation.photos import draw_sheet, make_photos
from dpsims_hub.pictures.sheets import save_picture
from dpsims_hub.processes.process_group import launched_processes

if TYPE_CHECKING:
    from PIL import Image

SHEET_ROWS = 24  # label maps; our choice
SHEET_NAME = "sheet.png"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `dpsims generate`."""
    parser.add_argument(
        "maps", nargs="+", type=Path, metavar="MAP.png", help="label maps, or folders of them"
    )
    add_model_options(parser)
    add_truncation_option(parser)
    target = parser.add_mutually_exclusive_group()
    add_option(target, "--output", "folder", Path("outputs"), parse=Path)
    words = (
        "write a data set instead: images/, labels/, classes.json, the seed of every photo;\n"
        "maps in subfolders too, all photos from different seeds; also under torchrun or\n"
        "accelerate launch; the same command continues a stopped run"
    )
    add_option(target, "--as-dataset", words, metavar="FOLDER", parse=Path)
    option = partial(add_option, parser)
    words = "of the photos of a data set; label maps are always PNG"
    option("--image-format", words, "png", choices=IMAGE_FORMATS)
    option("--seed", "seed of photo 0", 0, parse=whole_number(0, MAX_SEED))
    words = (
        "photos of each map, from the seeds SEED, SEED + 1, ... (in a data set\n"
        "seeds count over all maps; default: 1)"
    )
    option("--num-images", words, 1, "K", whole_number(1, 100_000))
    words = "photos made at a time; it changes speed and memory only"
    option("--batch-size", words, 8, "N", whole_number(1, 4096))
    option("--size", "of the photos (default: each map's own)", metavar="WxH", parse=image_size)
    option("--allow-distortion", "let --size change width : height", action="store_true")
    words = "the files hold the stored values of their data set (ADE20K: id + 1), not plain ids"
    option("--stored", words, action="store_true")
    add_label_suffix_option(parser)
    words = f"also write {SHEET_NAME}: map and photos side by side, of the first {SHEET_ROWS} maps"
    option("--sheet", words, action="store_true")


def run(arguments: argparse.Namespace) -> int:
    """Writes photos into one folder, or a data set."""
    if arguments.as_dataset is not None:
        from dpsims_hub.commands import generate_dataset

        return generate_dataset.run(arguments)
    if arguments.image_format != "png" or launched_processes() > 1:
        what = "--image-format" if arguments.image_format != "png" else "more than one process"
        raise ValueError(f"{what} works with --as-dataset only.")
    return _write_photos(arguments)


def _write_photos(arguments: argparse.Namespace) -> int:
    from tqdm import tqdm

    check_seed(arguments.seed, arguments.num_images)
    maps = find_maps(arguments.maps, arguments.label_suffix, subfolders=False)
    paths, sheet = [one.path for one in maps], SHEET_NAME if arguments.sheet else ""
    check_outputs(paths, arguments.output, arguments.num_images, sheet)
    pipe = load_pipeline(arguments.model, arguments.device, arguments.dtype).truncate(arguments.truncation)
    how = arguments.size, arguments.allow_distortion, arguments.stored
    jobs = [read_job(one, pipe, pipe.spec, *how) for one in maps]
    shown: dict[Job, list[Image.Image]] = {job: [] for job in jobs[:SHEET_ROWS]} if arguments.sheet else {}
    count = len(jobs) * arguments.num_images
    with tqdm(total=count, unit="photo", disable=None if count > 1 else True) as bar:
        for job, number, photo in make_photos(
            pipe, jobs, seed=arguments.seed, num_images=arguments.num_images, batch_size=arguments.batch_size
        ):
            facts = {
                "seed": str(arguments.seed + number),
                "label_map": job.path.name,
                "model": arguments.model,
                "truncation": f"{arguments.truncation:g}",
                "software": f"dpsims_hub {__version__}",
            }
            save_picture(photo, photo_path(arguments.output, job.path, number), facts)
            if job in shown:
                shown[job].append(photo)
            bar.update()
    if shown:
        save_picture(draw_sheet(pipe, shown, arguments.seed), arguments.output / SHEET_NAME)
    print(f"photos: {count}, label maps: {len(jobs)}, folder: {arguments.output}")
    return 0
