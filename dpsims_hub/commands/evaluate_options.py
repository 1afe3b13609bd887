"""Options of `dpsims evaluate`."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from dpsims_hub.commands.backbone_options import add_backbone_options, json_object
from dpsims_hub.commands.data_options import add_label_options
from dpsims_hub.commands.model_options import add_model_options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `dpsims evaluate`."""
    add_model_options(parser)
    _add_data(parser)
    _add_features(parser)
    _add_segmenter(parser)
    parser.add_argument(
        "--batch-size",
        type=int,
        default=8,
        metavar="N",
        help="label maps of a batch; it changes speed and memory only (default: 8)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of latents, splits and pairs (default: 0)")
    parser.add_argument(
        "--num-images", type=int, default=4, metavar="K", help="photos of each map, at least 2 (default: 4)"
    )
    parser.add_argument(
        "--bootstrap",
        type=int,
        default=100,
        metavar="N",
        help="draws of each interval; 0 for no intervals (default: 100)",
    )
    _add_output(parser)


def _add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data",
        required=True,
        metavar="DIR",
        help="photos and label maps that the model was not trained on:\nimages/, labels/ and a classes.json, "
        "ADE20K, COCO-Stuff or Cityscapes as\ndistributed, parquet, webdataset, or a data set on the Hub",
    )
    parser.add_argument("--split", default="", help="of it, such as val (default: the folder itself)")
    parser.add_argument(
        "--train-data",
        default="",
        metavar="DIR",
        help="photos that it was trained on, for the floor and the pixel probe\n(default with --train-split: "
        "--data)",
    )
    parser.add_argument("--train-split", default="", metavar="SPLIT", help="of it, such as train")
    add_label_options(parser)


def _add_features(parser: argparse.ArgumentParser) -> None:
    add_backbone_options(parser, "FD, KD, precision, recall and diversity")
    parser.add_argument(
        "--backbone-kwargs", type=json_object, metavar="JSON", help="further timm.create_model arguments"
    )
    parser.add_argument(
        "--inception-weights", metavar="FILE", help="for FID and KID (default: in torch's cache, if there)"
    )
    parser.add_argument(
        "--lpips-weights", metavar="FILE", help="AlexNet, for LPIPS (default: in torch's cache, if there)"
    )


def _add_segmenter(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--segmenter",
        metavar="NAME",
        help="for mIoU: a semantic or universal segmenter of transformers, Hub id or folder",
    )
    parser.add_argument(
        "--segmenter-map",
        type=Path,
        metavar="FILE",
        help='JSON that pairs its classes with ours where names differ: {"asphalt": "road", "dog": null}',
    )


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--output",
        type=Path,
        metavar="report.json",
        help="also write the report as JSON, and report.png with the best,\nmedian and worst maps",
    )
    parser.add_argument(
        "--update-card",
        type=Path,
        nargs="?",
        const=Path(),
        metavar="README.md",
        help="write the numbers into a model card (default: the model folder's)",
    )
    parser.add_argument(
        "--cache",
        type=Path,
        default=default_cache(),
        metavar="DIR",
        help="cache of features, to continue after a stop (default: ~/.cache/dpsims_hub/evaluation)",
    )
    parser.add_argument("--no-cache", dest="cache", action="store_const", const=None, help="use no cache")


def default_cache() -> Path:
    """The cache of features in the user's folder of caches."""
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(caches) / "dpsims_hub" / "evaluation"
