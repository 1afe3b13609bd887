"""Options of the subcommands that read a data set."""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from dpsims_hub.commands.options import add_option, whole_number

if TYPE_CHECKING:
    from dpsims_hub.evaluation.survey import Pairs
    from dpsims_hub.labels import ClassSpec, Listing
    from dpsims_hub.labels.sources.data_source import DataSource

DEFAULT_WORKERS = min(os.cpu_count() or 1, 8)
SAMPLED_MAPS = 64  # as many as a training checks at its start
SOURCE_OPTIONS = (
    *("split", "revision", "image_column", "label_column", "instance_column"),
    *("classes", "label_suffix", "streaming", "cache_dir"),
)
"""Options that have the name of a field of `DataSource`."""


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """Adds DIR, --dataset-name and their options, under the names of the trainer's flags."""
    parser.add_argument(
        "directory",
        nargs="?",
        default="",
        metavar="DIR",
        help="folder of pairs: images/, labels/ [instances/] and a classes.json, or ADE20K,\n"
        "COCO-Stuff or Cityscapes as distributed; or a folder of parquet, webdataset or imagefolder",
    )
    _add(parser, "--dataset-name", "NAME", "instead of DIR: Hub id (owner/name) or a local path")
    _add(parser, "--dataset-config-name", "NAME", "configuration of a data set on the Hub")
    add_option(parser, "--split", "such as train or val (default: train; of a DIR: itself)", "")
    add_option(parser, "--revision", "branch, tag or commit on the Hub", "")
    _add(parser, "--image-column", "NAME", "of photos", "image")
    _add(parser, "--label-column", "NAME", "of label maps", "label")
    _add(parser, "--instance-column", "NAME", "of object numbers (default: instances, if there is one)")
    add_label_options(parser)
    add_option(parser, "--streaming", "read rows one by one, build no table", action="store_true")
    _add(parser, "--cache-dir", "DIR", "folder of the tables that are built")


def _add(parser: argparse.ArgumentParser, flag: str, metavar: str, words: str, default: str = "") -> None:
    """Adds a flag, and without help the same flag in the trainer's spelling with underscores."""
    dest = flag.strip("-").replace("-", "_")
    add_option(parser, flag, words, default, metavar)
    parser.add_argument(f"--{dest}", dest=dest, default=argparse.SUPPRESS, help=argparse.SUPPRESS)


def add_label_options(parser: argparse.ArgumentParser) -> None:
    """Adds --classes and --label-suffix."""
    words = (
        "ade20k, camvid, cityscapes, coco-stuff, outdoor or a classes.json\n(default: that of the data set)"
    )
    add_option(parser, "--classes", words, "", "NAME_OR_FILE")
    add_label_suffix_option(parser)


def add_label_suffix_option(parser: argparse.ArgumentParser) -> None:
    """Adds --label-suffix."""
    words = "text after the photo's stem in the names of a folder's maps, such as _mask"
    _add(parser, "--label-suffix", "TEXT", words)


def add_workers_option(parser: argparse.ArgumentParser) -> None:
    """Adds --workers."""
    words = f"threads that read files (default here: {DEFAULT_WORKERS})"
    add_option(parser, "--workers", words, DEFAULT_WORKERS, "N", whole_number(0))


def data_source(arguments: argparse.Namespace) -> "DataSource":
    """The data source that the options of `add_data_options` name.

    A DIR for which `holds_rows` is true is opened as if it were given by --dataset-name.
    """
    from dpsims_hub.labels.sources.data_source import DataSource

    directory, name = arguments.directory, arguments.dataset_name
    if bool(directory) == bool(name):
        fault = "DIR and --dataset-name both name data" if name else "nothing to read"
        raise ValueError(f"{fault}; give one: a DIR of pairs, or --dataset-name.")
    if directory and holds_rows(directory, arguments.split):
        directory, name = "", directory
    same = {name: getattr(arguments, name) for name in SOURCE_OPTIONS}
    return DataSource(directory, name, arguments.dataset_config_name, **same)


def open_pairs(place: str, split: str, classes: str, label_suffix: str = "") -> "Pairs":
    """The pairs of a path or a Hub id (owner/name). The other arguments are values of the options."""
    from dpsims_hub.labels.sources.data_source import DataSource

    is_hub_id = not Path(place).exists() and place.count("/") == 1 and not place.startswith(".")
    is_named = is_hub_id or (Path(place).exists() and holds_rows(place, split))
    source = {"name" if is_named else "directory": place}
    return DataSource(**source, split=split, classes=classes, label_suffix=label_suffix).open()


def print_map_warnings(data: "Pairs | Listing", spec: "ClassSpec") -> None:
    """Examines some of the label maps, and prints warnings about them on stderr."""
    from dpsims_hub.labels.survey.masks import look_at_masks
    from dpsims_hub.labels.survey.opened_source import some_labels

    for sentence in look_at_masks(some_labels(data, SAMPLED_MAPS), spec):
        print(f"dpsims: {sentence}", file=sys.stderr)


def holds_rows(directory: str, split: str) -> bool:
    """Whether a path is a file, or a folder without pairs that holds parquet, archives or an imagefolder."""
    from dpsims_hub.labels.sources.layouts import list_pairs
    from dpsims_hub.labels.sources.named_data import kind_of_folder

    if Path(directory).is_file():
        return True
    try:
        list_pairs(directory, split or None)
    except (FileNotFoundError, ValueError):
        return kind_of_folder(Path(directory)) is not None
    return False
