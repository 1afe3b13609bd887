"""Scale the noise fields of a trained generator to the smallest kernel distance on training pairs.

    python tools/tune_noise_fields.py outputs/outdoor/pipeline outdoor/train outputs/tuned \
        --backbone mobilenetv2_100 --backbone-weights mobilenetv2.safetensors

Noise fields seed textures, and too much of them shows as specks in skies. The projection of each scale's
fields is multiplied by a gain: one gain after the other is tried 0.6, 0.8 and 1.25 times as large, and kept
where the kernel distance of a photo of each map to all photos falls, in two passes. Training pairs, because
validation pairs judge the result; the backbone should not be the discriminator's.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from dpsims_hub import DPSIMSPipeline
from dpsims_hub.commands.backbone_options import add_backbone_options, json_object, load_backbone
from dpsims_hub.evaluation.features import feature_maps, pooled
from dpsims_hub.evaluation.kernel import kernel_distance
from dpsims_hub.evaluation.survey import read_pair
from dpsims_hub.labels import FolderDataset
from dpsims_hub.models.noise import NoiseCrossAttention
from dpsims_hub.processes.cpu_setup import prepare_cpu

FACTORS = (0.6, 0.8, 1.25)
LEAST_GAIN = 0.002
"""A smaller fall of the distance is not kept: our choice, a hundredth of that of a trained model's photos."""


def with_gains(pipe: DPSIMSPipeline, gains: list[float]) -> DPSIMSPipeline:
    """A copy of the pipeline whose noise fields are multiplied by a gain a scale, fine to coarse."""
    scaled = DPSIMSPipeline(copy.deepcopy(pipe.generator), pipe.config.class_spec)
    with torch.no_grad():
        for layer, gain in zip(field_layers(scaled), gains, strict=True):
            layer.from_fields.weight.mul_(gain)
    return scaled


def field_layers(pipe: DPSIMSPipeline) -> list[NoiseCrossAttention]:
    """The cross-attentions with noise fields, fine to coarse."""
    return [layer for layer in pipe.generator.attentions or () if layer is not None and layer.from_fields]


def descend(distance: Callable[[list[float]], float], count: int) -> list[float]:
    """Gains of `count` scales with a small distance, by coordinates; prints each that is tried."""
    gains, best = [1.0] * count, distance([1.0] * count)
    for place in [*range(count)] * 2:
        tried = [[*gains[:place], round(gains[place] * factor, 3), *gains[place + 1 :]] for factor in FACTORS]
        found, value = min(((one, distance(one)) for one in tried), key=lambda pair: pair[1])
        if value < best - LEAST_GAIN:
            gains, best = found, value
    return gains


def main() -> None:
    """Search, print and save."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, help="pipeline folder")
    parser.add_argument("data", type=Path, help="training pairs")
    parser.add_argument("destination", type=Path, help="folder of the tuned pipeline")
    parser.add_argument("--maps", type=int, default=200, help="label maps, drawn once (default: 200)")
    add_backbone_options(parser, "the kernel distance")
    parser.add_argument("--backbone-kwargs", type=json_object, help="further timm.create_model arguments")
    arguments = parser.parse_args()
    prepare_cpu()
    pipe = DPSIMSPipeline.from_pretrained(arguments.source)
    if not field_layers(pipe):
        parser.error(f"{arguments.source}: its generator has no noise fields.")
    data, size = FolderDataset(arguments.data), tuple(pipe.generator.config.sample_size)
    backbone = load_backbone(arguments, size)

    def vector(photo: object) -> np.ndarray:
        return pooled(feature_maps(backbone, np.array(photo)[None]))

    pairs = [read_pair(data, index, size) for index in range(len(data))]
    real = np.concatenate([vector(pair.image) for pair in pairs])
    drawn = np.random.default_rng(0).permutation(len(pairs))[: arguments.maps]

    def distance(gains: list[float]) -> float:
        scaled = with_gains(pipe, gains).optimize()
        draws = [torch.Generator().manual_seed(int(index)) for index in drawn]
        made = [
            scaled(pairs[index].label_map, generator=draw) for index, draw in zip(drawn, draws, strict=True)
        ]
        value = kernel_distance(np.concatenate([vector(one.images[0]) for one in made]), real)
        print(gains, f"{value:.4f}", flush=True)
        return value

    gains = descend(distance, len(field_layers(pipe)))
    with_gains(pipe, gains).save_pretrained(arguments.destination)
    print(f"{arguments.destination}: gains {gains}, strides fine to coarse")


if __name__ == "__main__":
    main()
