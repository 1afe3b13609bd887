"""`dpsims evaluate`: a model's photos against real ones, every number beside its floor or ceiling.

One photo of each label map, and K - 1 more for diversity, are made at the size of the training. The report
holds the numbers and the settings that they depend on. Features are cached on disk, so that a stopped
evaluation continues. `torchrun` and `accelerate launch` divide the work among processes.
"""

from __future__ import annotations

import argparse
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dpsims_hub.commands.backbone_options import add_backbone_options, json_object, load_backbone
from dpsims_hub.commands.data_options import add_label_options, open_pairs, print_map_warnings
from dpsims_hub.commands.model_options import add_model_options, add_truncation_option, load_pipeline
from dpsims_hub.commands.options import add_option
from dpsims_hub.processes.process_group import ProcessGroup
from dpsims_hub.storage.writable import check_file

if TYPE_CHECKING:
    import torch

    from dpsims_hub.evaluation import Evaluation
    from dpsims_hub.evaluation.measures import Measure
    from dpsims_hub.evaluation.survey import Pairs
    from dpsims_hub.labels import ClassSpec
    from dpsims_hub.pipelines.pipeline_dpsims import DPSIMSPipeline

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
    """The folder of cached features, in the user's cache folder."""
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(caches) / "dpsims_hub" / "evaluation"


def run(arguments: argparse.Namespace) -> int:
    """Evaluates the model and prints the report."""
    from tqdm import tqdm

    from dpsims_hub.evaluation import Evaluation, Settings, format_report
    from dpsims_hub.evaluation.recipe import describe_machine
    from dpsims_hub.evaluation.record_cache import RecordCache
    from dpsims_hub.evaluation.speed import time_photos
    from dpsims_hub.processes.cpu_setup import prepare_cpu

    if arguments.segmenter_map is not None and arguments.segmenter is None:
        raise ValueError("--segmenter-map: pairs the classes of a segmenter; name one with --segmenter.")
    prepare_cpu()
    settings = Settings(arguments.seed, arguments.batch_size, arguments.num_images, arguments.bootstrap)
    card = check_outputs(arguments)
    group = ProcessGroup(arguments.device)
    data, train = group.together(lambda: open_data(arguments))
    if group.is_first:
        print_map_warnings(data, data.spec)
    pipe = group.together(lambda: load_pipeline(arguments.model, group.device, arguments.dtype))
    model = describe_model(pipe, arguments)
    pipe.truncate(arguments.truncation)
    inputs = group.together(lambda: first_inputs(pipe, data))
    machine = describe_machine(pipe.device)  # before the evaluation adds to the load
    speed = group.by_first(lambda: time_photos(pipe, *inputs))  # before anything else is loaded
    size = tuple(pipe.generator.config.sample_size)
    measures, missing = group.together(lambda: load_measures(arguments, size, pipe.device, data.spec))
    if group.is_first:
        backbone = measures[0].backbone
        print(f"Backbone {backbone.name}: weights from {backbone.source}.")
    evaluation = group.together(
        lambda: Evaluation(pipe, data, measures, train, settings, RecordCache(arguments.cache, _warn), group)
    )
    steps = -(-evaluation.steps // group.count)
    with tqdm(total=steps, unit="step", disable=None if group.is_first else True) as bar:
        measured = evaluation.run(bar.update)
    if group.is_first:
        measured |= {"model": model, "speed": speed, "machine": machine}
        report = complete_report(measured, evaluation, arguments, missing)
        print(format_report(report))
        write_outputs(report, evaluation, arguments, card)
    return 0


def _warn(sentence: str) -> None:
    """Prints a sentence on stderr, above the progress bar."""
    from tqdm import tqdm

    tqdm.write(f"dpsims: {sentence}", file=sys.stderr)


def open_data(arguments: argparse.Namespace) -> tuple[Pairs, Pairs | None]:
    """The evaluated pairs, and the training pairs or None."""
    more = (arguments.classes, arguments.label_suffix)
    data = open_pairs(arguments.data, arguments.split, *more)
    if not (arguments.train_data or arguments.train_split):
        return data, None
    train = (arguments.train_data or arguments.data, arguments.train_split)
    if train == (arguments.data, arguments.split):
        raise ValueError("the training data are the evaluated data; name another --train-split.")
    return data, open_pairs(*train, *more)


def first_inputs(pipe: DPSIMSPipeline, data: Pairs) -> tuple[list, Any]:
    """The label maps for the timing and their instance offsets or None, after a check of the data."""
    from dpsims_hub.evaluation.measure import check_fits, check_objects
    from dpsims_hub.evaluation.scenes import offsets_for
    from dpsims_hub.evaluation.speed import CALLS
    from dpsims_hub.evaluation.survey import read_pair

    check_fits(pipe, data, "the evaluated data")
    check_objects(pipe, data)
    size = tuple(pipe.generator.config.sample_size)
    pairs = [read_pair(data, index, size) for index in range(min(CALLS, len(data)))]
    return [pair.label_map for pair in pairs], offsets_for(pipe, pairs, data.spec)


def describe_model(pipe: DPSIMSPipeline, arguments: argparse.Namespace) -> dict:
    """Name, number of parameters and checksum of the model, and its truncation unless it is 1."""
    from dpsims_hub.evaluation.recipe import tensors_sha256

    model = {
        "name": "/".join(Path(arguments.model).parts[-2:]),
        "parameters": sum(tensor.numel() for tensor in pipe.generator.parameters()),
        "tensors_sha256": tensors_sha256(pipe.generator),
    }
    return model if arguments.truncation == 1 else model | {"truncation": arguments.truncation}


def load_measures(
    arguments: argparse.Namespace, size: tuple[int, int], device: torch.device | str, spec: ClassSpec
) -> tuple[list[Measure], list[str]]:
    """The measures, and one sentence for each measure that cannot be computed here.

    `size` is the (height, width) of the photos, and `spec` holds the classes of the data.
    """
    from dpsims_hub.evaluation.inception import InceptionMeasure
    from dpsims_hub.evaluation.local_weights import MissingWeightsError
    from dpsims_hub.evaluation.lpips import LpipsMeasure
    from dpsims_hub.evaluation.measures import JudgeMeasure

    measures, missing = [_backbone_measure(arguments, size, device)], []
    for measure, weights in (
        (InceptionMeasure, arguments.inception_weights),
        (LpipsMeasure, arguments.lpips_weights),
    ):
        try:
            measures.append(measure(weights, device))
        except MissingWeightsError as error:
            missing.append(str(error))
    if arguments.segmenter is None:
        missing.append("mIoU: not measured; name a segmenter of transformers with --segmenter.")
    else:
        measures.append(JudgeMeasure("segmenter", _segmenter(arguments, device, spec)))
    return measures, missing


def _backbone_measure(
    arguments: argparse.Namespace, size: tuple[int, int], device: torch.device | str
) -> Measure:
    from dpsims_hub.evaluation.measures import BackboneMeasure
    from dpsims_hub.evaluation.recipe import describe_backbone

    backbone = load_backbone(arguments, size).to(device)
    description = describe_backbone(backbone, arguments.backbone_weights, arguments.backbone_kwargs)
    return BackboneMeasure(backbone, description)


def _segmenter(arguments: argparse.Namespace, device: torch.device | str, spec: ClassSpec) -> Any:
    from dpsims_hub.evaluation.class_matching import read_choices
    from dpsims_hub.evaluation.segmenter import Segmenter

    choices = None if arguments.segmenter_map is None else read_choices(arguments.segmenter_map)
    return Segmenter(arguments.segmenter, spec, choices, device)


def complete_report(
    measured: dict, evaluation: Evaluation, arguments: argparse.Namespace, missing: list[str]
) -> dict:
    """The report: the measurements and facts about data, features and versions, with notes.

    `measured` includes "model", "speed" and "machine". `missing` are sentences on what was not measured.
    """
    from dpsims_hub.evaluation.notes import notes_for
    from dpsims_hub.evaluation.recipe import package_versions

    report = measured | {
        "data": {"name": short_name(arguments.data, arguments.split)} | measured["data"],
        "features": evaluation.measures[0].description,
        "processes": evaluation.group.count,
        "versions": package_versions(),
    }
    if measured["train_data"] is not None:
        name = short_name(arguments.train_data or arguments.data, arguments.train_split)
        report["train_data"] = {"name": name} | measured["train_data"]
    return report | {"notes": notes_for(report, missing)}


def check_outputs(arguments: argparse.Namespace) -> Path | None:
    """Checks that the report can be written; returns the card to update, or None."""
    from dpsims_hub.cards.card_numbers import card_of

    path = arguments.output
    if path is not None:
        if path.suffix.lower() == ".png":
            raise ValueError(f"--output {path}: the report is JSON; give it a name such as report.json.")
        picture = path.with_suffix(".png")
        folders = [Path(place).resolve() for place in (arguments.data, arguments.train_data) if place]
        if picture.exists() and any(picture.resolve().is_relative_to(one) for one in folders):
            raise ValueError(f"--output {path}: {picture}, a file of the data, would be replaced.")
        check_file(path)
    return None if arguments.update_card is None else card_of(arguments.update_card, arguments.model)


def write_outputs(
    report: dict, evaluation: Evaluation, arguments: argparse.Namespace, card: Path | None
) -> None:
    """Writes report, sheet and card where the options ask for them, and prints their paths."""
    from dpsims_hub.cards.card_numbers import update_card
    from dpsims_hub.evaluation import save_report
    from dpsims_hub.evaluation.contact_sheet import save_sheet

    if arguments.output is not None:
        save_report(report, arguments.output)
        print(f"\nreport: {arguments.output}")
        sheet = arguments.output.with_suffix(".png")
        if save_sheet(evaluation, sheet):
            print(f"best, median and worst maps: {sheet}")
        else:
            print("best, median and worst maps: none (they need --segmenter or training data)")
    if card is not None:
        update_card(card, report)
        print(f"card: {card}")


def short_name(place: str, split: str = "") -> str:
    """The last two parts of a path, of which `split` is the last one if it is given, such as camvid/val."""
    path = Path(place)
    parts = path.resolve().parts if path.exists() else path.parts
    return "/".join([*parts, split][-2:] if split else parts[-2:])
