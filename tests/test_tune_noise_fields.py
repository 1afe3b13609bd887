from __future__ import annotations

import runpy
from pathlib import Path

import torch

from dpsims_hub import DPSIMSPipeline
from tests.tiny import tiny_generator

TOOL = runpy.run_path(str(Path(__file__).parents[1] / "tools" / "tune_noise_fields.py"))
descend, field_layers, with_gains = (TOOL[name] for name in ("descend", "field_layers", "with_gains"))


def test_the_search_descends_by_coordinates_and_keeps_what_is_better():
    tried = []

    def distance(gains: list[float]) -> float:
        tried.append(gains)
        return abs(gains[0] - 0.64) + abs(gains[1] - 1) + abs(gains[2] - 1.5)

    gains = descend(distance, 3)
    assert gains == [0.6, 1.0, 1.562]  # 0.6 is nearer to 0.64 than 0.8; 1.25 is taken twice
    assert tried[0] == [1.0, 1.0, 1.0]
    assert len(tried) == 1 + 2 * 3 * 3


def test_a_fall_too_small_to_matter_is_not_kept():
    assert descend(lambda gains: 1e-4 * gains[0], 1) == [1.0]


@torch.no_grad()
def test_gains_scale_the_fields_of_a_copy():
    generator = tiny_generator(noise_fields=2, noise_from_stride=2)
    pipe = DPSIMSPipeline(generator)
    before = [layer.from_fields.weight.clone() for layer in field_layers(pipe)]
    assert len(before) == 2  # of three scales; the finest has no noise
    scaled = with_gains(pipe, [0.5, 3.0])
    for layer, own, weight, gain in zip(
        field_layers(scaled), field_layers(pipe), before, [0.5, 3.0], strict=True
    ):
        assert torch.equal(layer.from_fields.weight, gain * weight)
        assert torch.equal(own.from_fields.weight, weight)
    assert field_layers(DPSIMSPipeline(tiny_generator())) == []
