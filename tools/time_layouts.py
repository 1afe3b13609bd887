"""Time of a photo by layouts of the preset `small`: widths, noise, encoder; what settled its architecture.

    python tools/time_layouts.py --resolution 256x192 --classes 11

Random weights, batch 1, float32, all layouts in turns, plain and in the form of `DPSIMSPipeline.optimize`.
"""

from __future__ import annotations

import argparse

import torch

from dpsims_hub.benchmark.timing import describe_seconds, time_in_turns
from dpsims_hub.commands.options import image_size
from dpsims_hub.models import GENERATOR_PRESETS, DPSIMSGenerator
from dpsims_hub.models.costs import count_multiply_adds, count_parameters, tensor_bytes
from dpsims_hub.models.inference_form import inference_form
from dpsims_hub.processes.cpu_setup import prepare_cpu

LAYOUTS = {
    "small": {},
    "no noise fields": {"noise_fields": 0},
    "noise at full resolution too": {"noise_from_stride": 1},
    "noise from stride 8": {"noise_from_stride": 8},
    "no noise": {"noise_injection": "none", "noise_fields": 0},
    "noise in the encoder": {"noise_at": "encoder"},
    "two convolutions a block in the encoder": {"encoder_convolutions": 2},
    "encoder at full resolution": {"encoder_full_resolution": True},
    "3x3 modulation": {"modulation_kernel": 3},
    "plain output": {"smooth_output": False},
    "320 to 20 channels": {"image_widths": (320, 320, 208, 104, 52, 26, 20)},
    "256 to 16 channels": {"image_widths": (256, 256, 192, 96, 64, 32, 16)},
    "384 to 16 channels": {"image_widths": (384, 384, 256, 128, 64, 32, 16)},
    "finest 32 channels": {"image_widths": (320, 320, 256, 128, 64, 32, 32)},
}
"""Settings over the preset `small`; the first row is the preset."""


@torch.no_grad()
def rows(size: tuple[int, int], num_classes: int, rounds: int) -> list[str]:
    """One line of the table for each layout."""
    label_map = torch.randint(num_classes, (1, *(side // 16 for side in size)))
    label_map = label_map.repeat_interleave(16, 1).repeat_interleave(16, 2)
    calls, facts = [], []
    for settings in LAYOUTS.values():
        config = GENERATOR_PRESETS["small"] | {"spectral_norm": False} | settings
        network = DPSIMSGenerator(num_classes=num_classes, sample_size=size, **config).eval()
        latents = torch.randn(1, network.config.latent_dim)
        calls += [lambda n=form, z=latents: n(label_map, z) for form in (network, inference_form(network))]
        work, parameters = count_multiply_adds(calls[-2]) / 1e9, count_parameters(network) / 1e6
        facts.append(f"{parameters:.2f} | {tensor_bytes(network) / 2e6:.1f} | {work:.2f}")
    for call in calls:
        call()
    medians = [
        describe_seconds(each)["median"] * 1e3 for each in time_in_turns(calls, rounds, torch.device("cpu"))
    ]
    plain, optimized = medians[::2], medians[1::2]
    return [
        f"| {name} | {fact} | {a:.1f} | {b:.1f} | {b / optimized[0]:.2f} |"
        for name, fact, a, b in zip(LAYOUTS, facts, plain, optimized, strict=True)
    ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--resolution", type=image_size, default=(192, 256), help="WxH (default: 256x192)")
    parser.add_argument("--classes", type=int, default=11, help="(default: 11)")
    parser.add_argument("--rounds", type=int, default=20, help="times that each is timed (default: 20)")
    arguments = parser.parse_args()
    prepare_cpu()
    torch.manual_seed(0)
    print(
        "| layout | M parameters | MB in float16 | G multiply-adds | plain, ms | optimized, ms | of small |"
    )
    print("|---|---|---|---|---|---|---|")
    print(*rows(arguments.resolution, arguments.classes, arguments.rounds), sep="\n")


if __name__ == "__main__":
    main()
