"""Options of `dpsims evaluate`."""

from __future__ import annotations

import argparse
import os
from functools import partial
from pathlib import Path

from dpsims_hub.commands.backbone_options import add_backbone_options, json_object
from dpsims_hub.commands.data_options import add_label_options
from dpsims_hub.commands.model_options import add_model_options, add_truncation_option
from dpsims_hub.commands.options import add_option

DATA = (
    "photos and label maps that the model was not trained on:\nimages/, labels/ and a classes.json, "
    "ADE20K, COCO-Stuff or Cityscapes as\ndistributed, parquet, webdataset, or a data set on the Hub"
)
TRAIN_DATA = (
    "photos that it was trained on, for the floor and the pixel probe\n(default with --train-split: --data)"
)
CLASS_MAP = 'JSON that pairs its classes with ours where names differ: {"asphalt": "road", "dog": null}'
CACHE = "cache of features, to continue after a stop (default: ~/.cache/dpsims_hub/evaluation)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `dpsims evaluate`."""
    option = partial(add_option, parser)
    add_model_options(parser)
    add_truncation_option(parser)
    option("--data", DATA, metavar="DIR", required=True)
    option("--split", "of it, such as val (default: the folder itself)", "")
    option("--train-data", TRAIN_DATA, "", "DIR")
    option("--train-split", "of it, such as train", "", "SPLIT")
    add_label_options(parser)
    add_backbone_options(parser, "FD, KD, precision, recall and diversity")
    option("--backbone-kwargs", "further timm.create_model arguments", metavar="JSON", parse=json_object)
    option("--inception-weights", "for FID and KID (default: in torch's cache, if there)", metavar="FILE")
    option("--lpips-weights", "AlexNet, for LPIPS (default: in torch's cache, if there)", metavar="FILE")
    words = "for mIoU: a semantic or universal segmenter of transformers, Hub id or folder"
    option("--segmenter", words, metavar="NAME")
    option("--segmenter-map", CLASS_MAP, metavar="FILE", parse=Path)
    option("--batch-size", "label maps of a batch; it changes speed and memory only", 8, "N", int)
    option("--seed", "of latents, splits and pairs", 0, parse=int)
    option("--num-images", "photos of each map, at least 2", 4, "K", int)
    option("--bootstrap", "draws of each interval; 0 for no intervals", 100, "N", int)
    words = "also write the report as JSON, and report.png with the best,\nmedian and worst maps"
    option("--output", words, metavar="report.json", parse=Path)
    words = "write the numbers into a model card (default: the model folder's)"
    option("--update-card", words, metavar="README.md", parse=Path, nargs="?", const=Path())
    option("--cache", CACHE, default_cache(), "DIR", Path)
    option("--no-cache", "use no cache", dest="cache", action="store_const", const=None)


def default_cache() -> Path:
    """The cache of features in the user's folder of caches."""
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(caches) / "dpsims_hub" / "evaluation"
