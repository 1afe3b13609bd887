"""Cost of noise at each scale of a label-map encoder: cross-attention, or noise planes.

    python tools/noise_cost.py --preset paper --resolution 256

One map, batch 1, float32, channels innermost, in turns. `attention` is `NoiseCrossAttention` of the preset.
`planes` is OASIS's noise at every scale: z at each pixel is concatenated to the features, for the 3x3
convolution that follows; its cost is that of the convolution with the planes less that without. Memory is the
peak of a call's tensors without its inputs; for `planes` again the difference.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from dpsims_hub.benchmark.timing import describe_seconds, time_in_turns
from dpsims_hub.models import GENERATOR_PRESETS, DPSIMSGenerator
from dpsims_hub.models.costs import LiveMemory, count_multiply_adds
from dpsims_hub.models.noise import NoiseCrossAttention

Call = Callable[[], Tensor]


def attention_call(features: Tensor, config: dict) -> Call:
    """Cross-attention of features (1, C, H, W) with one w, with the generator's settings."""
    layer = NoiseCrossAttention(
        features.shape[1],
        config["mapping_width"],
        config["num_noise_tokens"],
        config["attention_dim"],
        normalize=config["rms_normalization"],
    )
    return partial(layer, features, torch.randn(1, 1, config["mapping_width"]))


def convolution_call(features: Tensor, latent: Tensor | None) -> Call:
    """A 3x3 convolution of features (1, C, H, W), with or without z (1, latent_dim, 1, 1) at each pixel."""
    planes = 0 if latent is None else latent.shape[1]
    layer = nn.Conv2d(features.shape[1] + planes, features.shape[1], 3, padding=1)
    layer = layer.to(memory_format=torch.channels_last)
    if latent is None:
        return lambda: layer(features)
    return lambda: layer(torch.cat([features, latent.expand(-1, -1, *features.shape[2:])], dim=1))


def peak_bytes(call: Call) -> int:
    """Peak bytes of the tensors of a call."""
    with LiveMemory() as memory:
        call()
    return memory.peak


def rows(preset: str, size: tuple[int, int], num_classes: int, rounds: int) -> list[str]:
    """One line of the table for each scale at which the encoder has features."""
    with torch.device("meta"):
        network = DPSIMSGenerator(num_classes=num_classes, sample_size=size, **GENERATOR_PRESETS[preset])
    config = dict(network.config)
    latent = torch.randn(1, config["latent_dim"], 1, 1)
    lines = []
    for scale, channels in enumerate(config["encoder_widths"]):
        side = [length >> scale for length in size]
        features = torch.randn(1, channels, *side).to(memory_format=torch.channels_last)
        calls = [
            attention_call(features, config),
            convolution_call(features, None),
            convolution_call(features, latent),
        ]
        for call in calls:
            call()
        seconds = time_in_turns(calls, rounds, torch.device("cpu"))
        attention, plain, planes = (describe_seconds(each)["median"] * 1e3 for each in seconds)
        work = [count_multiply_adds(call) / 1e6 for call in calls]
        memory = [peak_bytes(call) / 2**20 for call in calls]
        times = f"{attention:.2f} | {planes - plain:.2f} | {plain:.2f}"
        costs = f"{work[0]:.1f} | {work[2] - work[1]:.1f} | {memory[0]:.1f} | {memory[2] - memory[1]:.1f}"
        lines.append(f"| {2**scale} | {channels} | {times} | {costs} |")
    return lines


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="paper", choices=[n for n in GENERATOR_PRESETS if n != "oasis"])
    parser.add_argument("--resolution", type=int, default=256, help="side in pixels (default: 256)")
    parser.add_argument("--num-classes", type=int, default=150)
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    kinds = "attention, ms | planes, ms | the convolution, ms | attention, M multiply-adds | planes"
    print(f"| stride | channels | {kinds} | attention, MiB | planes |")
    print("|---" * 9 + "|")
    with torch.inference_mode():
        size = (arguments.resolution,) * 2
        print("\n".join(rows(arguments.preset, size, arguments.num_classes, arguments.rounds)))


if __name__ == "__main__":
    main()
