"""`dpsims export`: a folder to publish, made from a training run, a checkpoint or a model."""

import argparse
import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from dpsims_hub.commands.options import add_option
from dpsims_hub.storage.links import real_path
from dpsims_hub.storage.written_json import read_written_json

if TYPE_CHECKING:
    from dpsims_hub.hub import Source

CHECKPOINT = re.compile(r"checkpoint-\d+")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `dpsims export`."""
    parser.add_argument(
        "source",
        metavar="RUN_OR_MODEL",
        help="output folder of a training run, one of its checkpoint-N folders, a model folder,\n"
        "or a bundled model's name",
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="new folder")
    option = partial(add_option, parser)
    option("--repo", "Hub id, for the model card", "", "OWNER/NAME")
    option("--license", "of the weights, as the Hub calls it: cc-by-nc-4.0, ...", "")
    option("--data-license", "of the training photos, in words", "", "TEXT")
    option("--dataset", "Hub id of the training data; repeatable", [], "OWNER/NAME", action="append")
    option("--evaluation", "report of `dpsims evaluate --output`", metavar="JSON", parse=Path)
    option("--maps", "label maps of the sample sheet (first 4)", [], "PNG", Path, nargs="+")
    words = "include the code: the model loads without this package, but with trust_remote_code=True"
    option("--remote-code", words, action="store_true")
    option("--onnx", "also write onnx/generator.onnx, and test it", action="store_true")


def run(arguments: argparse.Namespace) -> int:
    """Writes the folder, and prints each part and how to publish it."""
    from diffusers.utils import logging

    from dpsims_hub.hub import CardFacts, ExportOptions, export
    from dpsims_hub.hub.publish import license_is_stated

    report = arguments.evaluation
    facts = CardFacts(
        license=arguments.license.lower(),
        datasets=tuple(arguments.dataset),
        data_license=arguments.data_license,
        evaluation=None if report is None else read_written_json(report, f"--evaluation: {report}"),
    )
    options = ExportOptions(
        arguments.repo, facts, arguments.maps, remote_code=arguments.remote_code, onnx=arguments.onnx
    )
    logging.disable_progress_bar()
    source = open_source(arguments.source)
    folder = export(source, arguments.folder, options, say=lambda line: print(f"  {line}"))
    if not license_is_stated(folder / "README.md"):
        print("  no licence is stated: nobody is allowed to use these weights; name one with --license")
    print(f"{folder} is ready: dpsims publish {folder} {arguments.repo or 'OWNER/NAME'}")
    return 0


def open_source(name: str) -> "Source":
    """Opens the folder of a run, a checkpoint or a model, or a bundled model."""
    from dpsims_hub.bundled import NAMES, bundled_model
    from dpsims_hub.cards.model_card import RunFacts
    from dpsims_hub.hub import Source, open_model, open_run
    from dpsims_hub.hub.source import is_run

    path = bundled_model(name) if name in NAMES else Path(name)
    if not path.is_dir():
        raise FileNotFoundError(f"{name}: there is no such run, checkpoint or model folder.")
    if not CHECKPOINT.fullmatch(real_path(path).name):
        return open_run(path) if is_run(path) else open_model(path)
    from dpsims_hub.training.saved_average import open_checkpoint

    saved = open_checkpoint(path)
    run_name = real_path(path).parent.name
    return Source(run_name, saved.pipe, RunFacts(saved.step, saved.config, saved.run), saved.discriminator)
