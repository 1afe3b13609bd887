"""`dpsims benchmark training`: speed and phases of a training, also compared with other flags."""

import argparse
import os
import shlex
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from dpsims_hub.commands.benchmark_options import (
    add_report_options,
    check_report_options,
    new_parser,
    write_report,
)
from dpsims_hub.commands.options import add_option
from dpsims_hub.processes.process_group import StopSignals, launched_processes

if TYPE_CHECKING:
    from dpsims_hub.benchmark.training_comparison import TrainingVariant
    from dpsims_hub.training.config import TrainConfig

AS_GIVEN = "as given"
SOME_FAILED = 1
_SHORT_FORMS = {"--data": "--train_data_dir", "--workers": "--dataloader_num_workers"}


def run_training(options: Sequence[str]) -> int:
    """Runs `dpsims benchmark training`.

    Returns:
        0, or 1 where one of several trainings failed.

    Raises:
        KeyboardInterrupt: after Ctrl-C or SIGTERM; no file is left.
    """
    own, flags = make_parser().parse_known_args(options)
    check_report_options(own)
    return _compare(own, flags) if own.compare else _measure(own, flags)


def training_flags(words: Sequence[str]) -> list[str]:
    """The flags with the names of `train_accelerate.py`: "--dataloader_num_workers=2" for "--workers=2"."""
    parts = (word.partition("=") for word in words)
    return [_SHORT_FORMS.get(name, name) + equals + value for name, equals, value in parts]


def list_variants(flags: Sequence[str], compared: Sequence[str]) -> "list[TrainingVariant]":
    """The training of `flags`, and one for each text of further flags, such as "--mixed-precision bf16"."""
    from dpsims_hub.benchmark.training_comparison import TrainingVariant
    from dpsims_hub.training.command_line import parse_config

    variants = [TrainingVariant(AS_GIVEN, parse_config(training_flags(flags)))]
    for text in compared:
        try:
            more = shlex.split(text)
        except ValueError as error:
            raise ValueError(f"--compare {text!r}: not a list of flags ({error}).") from error
        variant = TrainingVariant(text.strip(), parse_config(training_flags([*flags, *more])))
        for other in variants:
            if other.config == variant.config:
                raise ValueError(f"--compare {text!r}: is the same training as {other.name!r}.")
        variants.append(variant)
    return variants


def make_parser() -> argparse.ArgumentParser:
    """The options of `dpsims benchmark training` itself; the flags of the training are not among them."""
    parser = new_parser(
        "training",
        "Run the real training for some steps; its model is not kept.",
        "Every flag of train_accelerate.py can be given too, for example\n"
        "  dpsims benchmark training --preset small --resolution 128x96 --mixed-precision bf16\n"
        "--data DIR is short for --train_data_dir (without it the pairs are synthetic), --workers N for\n"
        "--dataloader_num_workers. Several trainings side by side, each with further flags (flags outside\n"
        "--compare override those of a compared preset):\n"
        '  dpsims benchmark training --preset small --compare="--mixed-precision bf16" \\\n'
        '      --compare="--train-batch-size 8" --compare="--preset oasis"\n'
        "The backbone has random weights unless a file is given or the package of its weights is installed.",
    )
    option = partial(add_option, parser)
    option("--steps", "updates to time", 30, parse=int)
    option("--warmup", "updates before them", 5, parse=int)
    words = (
        'also with these flags, as --compare="--preset base"; can be repeated. Each turn of a\n'
        "training is a separate process"
    )
    option("--compare", words, [], "FLAGS", action="append")
    option("--rounds", "turns of each training with --compare", 2, parse=int)
    add_report_options(parser)
    return parser


def _measure(own: argparse.Namespace, flags: Sequence[str]) -> int:
    """Measures one training, in this process or in the processes of a launcher."""
    from tqdm import tqdm

    from dpsims_hub.benchmark.training import benchmark_training
    from dpsims_hub.benchmark.training_report import draw_training, format_training
    from dpsims_hub.training.command_line import parse_config

    config = parse_config(training_flags(flags))
    circumstances = _circumstances(config)
    is_first = os.environ.get("RANK", "0") == "0"
    steps = own.warmup + own.steps
    with StopSignals() as stop, tqdm(total=steps, unit="step", disable=None if is_first else True) as bar:

        def advance(count: int) -> None:
            bar.update(count)
            if stop.number is not None:
                raise KeyboardInterrupt

        measured = benchmark_training(config, own.steps, own.warmup, advance)
    if is_first:
        report = measured | circumstances
        print(format_training(report))
        named = [{"name": config.preset} | report]
        write_report(own, report, lambda path: draw_training(named, report["machine"], path))
    return 0


def _compare(own: argparse.Namespace, flags: Sequence[str]) -> int:
    """Measures several trainings in turns, each turn in a process of its own."""
    from tqdm import tqdm

    from dpsims_hub.benchmark.training_comparison import compare_trainings
    from dpsims_hub.benchmark.training_report import draw_training, format_comparison

    if launched_processes() > 1:
        raise ValueError("--compare starts its processes itself; start it without a launcher.")
    variants = list_variants(flags, own.compare)
    circumstances = _circumstances(variants[0].config)
    with tqdm(total=own.rounds * len(variants), unit="training", disable=None) as bar:
        trainings = compare_trainings(
            variants, own.steps, own.warmup, own.rounds, bar.set_postfix_str, bar.update
        )
    report = {"trainings": trainings} | circumstances
    print(format_comparison(report))
    write_report(own, report, lambda path: draw_training(trainings, report["machine"], path))
    return SOME_FAILED if any("failure" in one for one in trainings) else 0


def _circumstances(config: "TrainConfig") -> dict:
    """Data, machine and versions. Called before the measurement, which changes the machine's load."""
    import torch

    from dpsims_hub.evaluation.recipe import describe_machine, package_versions

    source = config.train_data_dir or config.dataset_name
    return {
        "data": "/".join(Path(source).parts[-2:]) if source else "synthetic",
        "machine": describe_machine(torch.device("cuda" if torch.cuda.is_available() else "cpu")),
        "versions": package_versions(),
    }
