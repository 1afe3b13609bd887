"""`dpsims benchmark inference`: speed of photos on this machine, all variants side by side."""

import argparse
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
from dpsims_hub.commands.model_options import load_pipeline, usable_device
from dpsims_hub.commands.options import add_option, positive_number, whole_number
from dpsims_hub.processes.process_group import launched_processes

if TYPE_CHECKING:
    from dpsims_hub.models import DPSIMSGenerator


def run_inference(options: Sequence[str]) -> int:
    """Runs `dpsims benchmark inference`."""
    arguments = make_parser().parse_args(options)
    check_report_options(arguments)

    import torch
    from tqdm import tqdm

    from dpsims_hub.benchmark.inference import benchmark_inference, count_calls
    from dpsims_hub.benchmark.inference_report import draw_inference, format_inference
    from dpsims_hub.benchmark.variants import list_variants
    from dpsims_hub.evaluation.recipe import describe_machine, package_versions
    from dpsims_hub.processes.cpu_setup import prepare_cpu
    from dpsims_hub.training.config import TrainConfig

    if launched_processes() > 1:
        raise ValueError("benchmark inference runs in one process; start it without a launcher.")
    prepare_cpu()
    device = torch.device(usable_device(arguments.device))
    size = TrainConfig(resolution=arguments.resolution).size
    networks = _networks(arguments, size)
    variants = list_variants(list(networks), arguments.forms, arguments.batches, arguments.photos)
    if arguments.clock == "cpu":
        if device.type != "cpu":
            raise ValueError("--clock cpu: needs --device cpu.")
        torch.set_num_threads(1)
    machine = describe_machine(device)  # before the benchmark adds to the load
    counts = arguments.rounds, arguments.warmup
    with tqdm(total=count_calls(variants, *counts), unit="call", disable=None) as bar:
        limits = *counts, bar.update, arguments.seconds, arguments.clock
        measured = benchmark_inference(networks, variants, size, device, *limits)
    report = measured | {"machine": machine, "versions": package_versions()}
    print(format_inference(report))
    write_report(arguments, report, lambda path: draw_inference(report, path))
    return 0


def make_parser() -> argparse.ArgumentParser:
    """The options of `dpsims benchmark inference`."""
    parser = new_parser(
        "inference",
        "Time networks, forms, batches and photos of one map in turns.",
        "Presets have random weights, which do not change the speed. oasis computes as published, on\n"
        "one-hot planes. Forms: plain (float32, PyTorch's default memory format); channels_last; bf16;\n"
        "optimized, optimized_bf16 (by DPSIMSPipeline.optimize); compile; graph (CUDA only); pipeline\n"
        "(optimized, ids in memory to pictures). After Ctrl-C the report of what was finished is printed.\n"
        "Of several --num-classes oasis has the first; networks of the others have it in their names.",
    )
    option = partial(add_option, parser)
    option("--preset", "small, base, dpsims, paper, oasis", ["small", "dpsims", "oasis"], "NAME", nargs="*")
    option("--model", "also these models, at --resolution", [], "PATH", nargs="*")
    option("--resolution", "side, or WIDTHxHEIGHT", "256", "WxH")
    option("--num-classes", "of the presets", [151], "N", whole_number(1), nargs="+")
    option("--forms", "see below", ["plain", "optimized", "optimized_bf16", "pipeline"], "NAME", nargs="*")
    option("--batches", "label maps of a call", [1], "N", int, nargs="*")
    option("--photos", "of one map", 2, "K", int)
    option("--rounds", "times that each is timed", 10, parse=int)
    option("--seconds", "begin no round after X seconds; two are timed in any case", 15, "X", positive_number)
    option("--warmup", "calls after the first, not timed", 1, parse=int)
    option("--clock", "wall, or cpu: CPU time of one thread", "wall", choices=("wall", "cpu"))
    option("--device", "cpu, cuda, ... (default: cuda where there is one)")
    add_report_options(parser)
    return parser


def _networks(arguments: argparse.Namespace, size: tuple[int, int]) -> dict:
    """Functions that build the networks, by the names of the networks in the table."""
    from dpsims_hub.benchmark.variants import BASELINE, random_network
    from dpsims_hub.models import GENERATOR_PRESETS

    makers = {}
    first, *others = arguments.num_classes
    for preset in arguments.preset:
        if preset not in GENERATOR_PRESETS:
            known = ", ".join(GENERATOR_PRESETS)
            raise ValueError(f"--preset: unknown preset {preset!r}; choose from {known}.")
        makers[preset] = partial(random_network, preset, first, size)
        for count in others if preset != BASELINE else ():
            makers[f"{preset}, {count} classes"] = partial(random_network, preset, count, size)
    for model in arguments.model:
        name = "/".join(Path(model).parts[-2:])
        if name in makers:
            raise ValueError(
                f"--model: two would be called {name} in the table; time them one after the other."
            )
        makers[name] = partial(_load, model)
    if not makers:
        raise ValueError("nothing to time; give --preset or --model.")
    return makers


def _load(model: str) -> "DPSIMSGenerator":
    return load_pipeline(model, "cpu").generator.eval()
