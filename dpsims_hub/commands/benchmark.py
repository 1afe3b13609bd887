"""`dpsims benchmark`: how fast photos are made, and how fast a training runs and what it waits for."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from dpsims_hub.commands.paths import check_writable

KINDS = {
    "inference": "time of a photo, photos per second, memory, of all variants side by side",
    "training": "photos per second of a training, and where the time goes",
}
_SHORT_FORMS = {"--data": "--train_data_dir", "--workers": "--dataloader_num_workers"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `dpsims benchmark`."""
    kinds = "\n".join(f"{name}: {summary}" for name, summary in KINDS.items())
    parser.add_argument("kind", choices=list(KINDS), metavar="KIND", help=kinds)
    parser.add_argument(
        "options", nargs=argparse.REMAINDER, metavar="...", help="see dpsims benchmark KIND --help"
    )


def run(arguments: argparse.Namespace) -> int:
    """Measures what the command line asks for.

    Raises:
        OSError: a file is missing, or the report cannot be written.
        ValueError: anything else in the input is wrong.
    """
    if arguments.kind == "inference":
        from dpsims_hub.commands.benchmark_inference import run_inference

        return run_inference(arguments.options)
    own, flags = _training_parser().parse_known_args(arguments.options)
    if own.json is not None:
        _check_output(own.json)

    from tqdm import tqdm

    from dpsims_hub.benchmark.training import benchmark_training, format_report
    from dpsims_hub.evaluation import save_report
    from dpsims_hub.training.config import parse_config

    config = parse_config(training_flags(flags))
    is_first = os.environ.get("RANK", "0") == "0"
    with tqdm(total=own.warmup + own.steps, unit="step", disable=None if is_first else True) as bar:
        measured = benchmark_training(config, own.steps, own.warmup, bar.update)
    if is_first:
        report = _complete(measured, config.train_data_dir or config.dataset_name)
        print(format_report(report))
        if own.json is not None:
            save_report(report, own.json)
            print(f"report: {own.json}")
    return 0


def training_flags(words: Sequence[str]) -> list[str]:
    """Flags of this command as those of `train_accelerate.py`: the long names.

    Args:
        words: such as ["--mixed-precision", "bf16", "--workers=2"].
    """
    flags = []
    for word in words:
        name, equals, value = word.partition("=")
        flags.append(_SHORT_FORMS.get(name, name) + equals + value)
    return flags


def _training_parser() -> argparse.ArgumentParser:
    from dpsims_hub.commands import OneLineParser

    parser = OneLineParser(
        prog="dpsims benchmark training",
        description="Run the real training for some steps; nothing is kept.",
        epilog="Every flag of train_accelerate.py can be given too, for example\n"
        "  dpsims benchmark training --preset small --resolution 128x96 --mixed-precision bf16\n"
        "--data DIR is short for --train_data_dir (without it the pairs are synthetic), --workers N for\n"
        "--dataloader_num_workers.\n"
        "Weights of the backbone are random unless a file is named: they do not change the speed.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--steps", type=int, default=30, help="updates to time (default: 30)")
    parser.add_argument("--warmup", type=int, default=5, help="updates before them (default: 5)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the report as JSON")
    return parser


def _complete(measured: dict, source: str) -> dict:
    """Adds to the numbers with what data, where and with what versions they were measured."""
    import torch

    from dpsims_hub.evaluation.recipe import describe_machine, package_versions

    return measured | {
        "data": "/".join(Path(source).parts[-2:]) if source else "synthetic",
        "machine": describe_machine(torch.device(measured["device"])),
        "versions": package_versions(),
    }


def _check_output(path: Path) -> None:
    """Finds out before the work whether the report can be written after it."""
    if path.is_dir():
        raise OSError(f"cannot write {path}: it is a folder; give --json a file name.")
    check_writable(path.parent)
