"""Where the time of a photo goes: shares of CPU time by operator and stage, one thread, as a Markdown table.

Operators are timed one by one; Python between them is not counted. Stages do not overlap.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from dpsims_hub.benchmark.inference import make_inputs
from dpsims_hub.benchmark.variants import Variant, random_network
from dpsims_hub.commands.model_options import load_pipeline
from dpsims_hub.evaluation.report import format_table
from dpsims_hub.models import GENERATOR_PRESETS, DPSIMSGenerator
from dpsims_hub.models.inference_form import inference_form

CALLS = 5


class StageClock(TorchDispatchMode):
    """Inside, adds up seconds of a network's calls by (stage, operator), either of them also "all"."""

    def __init__(self, network: DPSIMSGenerator) -> None:
        super().__init__()
        self.seconds: Counter[tuple[str, str]] = Counter()
        own = {"attention": [network.mapping, network.fields, *(network.attentions or ())]}
        own["modulation"] = [m for m in network.modules() if type(m).__name__.endswith("Modulation")]
        own["encoder"] = [network.encoder, network.encoder and network.encoder.stem]
        for stage, modules in own.items():
            for module in filter(None, modules):
                module.register_forward_pre_hook(lambda *_, stage=stage: self.stages.append(stage))
                module.register_forward_hook(lambda *_: self.stages.pop() and None)
        network.register_forward_pre_hook(lambda *_: setattr(self, "stages", ["picture network"]))
        network.to_rgb.register_forward_pre_hook(lambda *_: self.stages.append("output"))  # to the end

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        start = time.process_time()
        result = func(*args, **(kwargs or {}))
        seconds, stage, operator = time.process_time() - start, self.stages[-1], func.overloadpacket.__name__
        self.seconds.update({(a, b): seconds for a in (stage, "all") for b in (operator, "all")})
        return result


def table(seconds: Counter[tuple[str, str]]) -> str:
    """Shares of the operators above half a per cent in rows, of the stages in columns."""
    stages = sorted({stage for stage, _ in seconds}, key=lambda name: -seconds[name, "all"])
    rows, total = [("operator", *stages)], seconds["all", "all"]
    for operator in sorted({name for _, name in seconds}, key=lambda name: -seconds["all", name]):
        if seconds["all", operator] >= 0.005 * total:
            rows.append((operator, *(f"{seconds[stage, operator] / total:.1%}" for stage in stages)))
    return format_table(rows)


@torch.inference_mode()
def main(argv: list[str] | None = None) -> None:
    """Prints the table of five calls."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", default="dpsims", help="a preset or a model")
    parser.add_argument("--form", default="optimized", choices=("plain", "optimized", "optimized_bf16"))
    parser.add_argument("--resolution", type=int, default=256, help="side in pixels")
    name, form, side = vars(parser.parse_args(argv)).values()
    torch.set_num_threads(1)
    preset = name in GENERATOR_PRESETS
    network = random_network(name, 151, (side, side)) if preset else load_pipeline(name, "cpu").generator
    inputs = make_inputs(network, Variant(name, form), (side, side), torch.device("cpu"))
    if form != "plain":
        network = inference_form(network, torch.bfloat16 if form == "optimized_bf16" else None)
    network(*inputs)  # to warm up
    with StageClock(network) as clock:
        for _ in range(CALLS):
            network(*inputs)
    photo = 1e3 * clock.seconds["all", "all"] / CALLS
    print(f"{name}, {form}, {side}x{side}: {photo:.0f} ms of one thread a photo\n\n{table(clock.seconds)}")


if __name__ == "__main__":
    main()
