"""`dpsims prepare-data`: turns a folder of pairs into parquet shards, which training can stream.

Every pair is checked. The files of a split appear in OUT only when the split is complete.
"""

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from dpsims_hub.commands.data_options import add_label_options, add_workers_option, print_map_warnings
from dpsims_hub.commands.options import add_option, whole_number

if TYPE_CHECKING:
    from dpsims_hub.labels.sources.layouts import Listing

VALIDATION = "validation"
MEGABYTE = 10**6


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `dpsims prepare-data`."""
    parser.add_argument(
        "directory",
        metavar="DIR",
        help="folder of pairs: images/, labels/ [instances/] and a classes.json, or ADE20K,\n"
        "COCO-Stuff or Cityscapes as distributed",
    )
    parser.add_argument(
        "output", type=Path, metavar="OUT", help="new folder, or one of shards without that split"
    )
    option = partial(add_option, parser)
    option("--split", "name of the split; of a DIR with splits, the one to read", "train")
    option("--validation", f"another folder of pairs, written as the split {VALIDATION}", metavar="DIR")
    words = (
        "files of the split (default: a multiple of 8, each at most about 500 MB);\n"
        "best a multiple of processes x workers; never more than pairs"
    )
    option("--num-shards", words, 0, "N", whole_number(1))
    option("--seed", "of the order", 0, parse=whole_number(0))
    words = "only N pairs of each split, drawn by the seed (default: all)"
    option("--max-samples", words, 0, "N", whole_number(1))
    words = "skip up to N bad pairs of each split (default: 0, stop at the first)"
    option("--skip-bad", words, 0, "N", whole_number(0))
    add_label_options(parser)
    add_workers_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Writes the shards, and prints how to train on them."""
    from dpsims_hub.commands import INTERRUPTED

    folders = {arguments.split: arguments.directory}
    if arguments.validation:
        if arguments.split == VALIDATION:
            raise ValueError(f"--split {VALIDATION} and --validation would write one split; leave one out.")
        folders[VALIDATION] = arguments.validation
    listings = {split: list_split(folder, split, arguments.label_suffix) for split, folder in folders.items()}
    try:
        for split, listing in listings.items():
            prepare_split(listing, split, arguments)
    except KeyboardInterrupt:
        print("dpsims: stopped; no half-written split remains.", file=sys.stderr)
        return INTERRUPTED
    flags = f"--dataset_name {arguments.output} --train_split {arguments.split} --streaming"
    flags += f" --validation_split {VALIDATION}" if arguments.validation else ""
    print(f"train on it: accelerate launch train_accelerate.py {flags}")
    return 0


def list_split(folder: str, split: str, label_suffix: str) -> "Listing":
    """The pairs of a folder itself or, where it holds none, of its split."""
    from dpsims_hub.labels.sources.layouts import list_pairs

    try:
        return list_pairs(folder, None, label_suffix)
    except (FileNotFoundError, ValueError) as error:
        if not Path(folder).is_dir():
            raise
        try:
            return list_pairs(folder, split, label_suffix)
        except FileNotFoundError:
            said = str(error).rstrip(".")
            raise FileNotFoundError(f"{said}; it has no split {split!r} either.") from None


def prepare_split(listing: "Listing", split: str, arguments: argparse.Namespace) -> None:
    """Writes the shards of one split with a progress bar, and prints their number and size."""
    from tqdm import tqdm

    from dpsims_hub.labels import ClassSpec
    from dpsims_hub.labels.sources.shards import ShardOptions, write_shards

    options = ShardOptions(
        split=split,
        num_shards=arguments.num_shards,
        seed=arguments.seed,
        max_samples=arguments.max_samples,
        skip_bad=arguments.skip_bad,
        num_workers=arguments.workers,
    )
    spec = ClassSpec.load(arguments.classes) if arguments.classes else listing.spec()
    print_map_warnings(listing, spec)
    total = min(len(listing.pairs), arguments.max_samples or len(listing.pairs))
    with tqdm(total=total, unit="pair", desc=split, disable=None) as bar:
        written = write_shards(listing, spec, arguments.output, options, bar.update)
    for sentence in written.skipped:
        print(f"left out: {sentence}", file=sys.stderr)
    print(
        f"{split}: {written.num_pairs} pairs in {written.num_shards} shard(s), "
        f"{written.num_bytes / MEGABYTE:.1f} MB, in {arguments.output}"
    )
