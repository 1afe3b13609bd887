"""Parameters and multiply-adds of the presets, against published figures and the project's own limits."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from dpsims_hub.models import (
    DISCRIMINATOR_PRESETS,
    GENERATOR_PRESETS,
    OASIS_ENCODER_WIDTHS,
    DPSIMSDiscriminator,
    DPSIMSGenerator,
)
from dpsims_hub.models.costs import (
    LiveMemory,
    count_multiply_adds,
    count_parameters,
    peak_memory,
    tensor_bytes,
)


def generator_costs(preset: str, num_planes: int, height: int, width: int) -> tuple[float, float]:
    """Parameters in millions; multiply-adds of one photo in thousand millions, without computing it."""
    settings = dict(GENERATOR_PRESETS[preset])
    if preset == "oasis":
        settings["label_convolution"] = "plain"  # as published: on one-hot planes
    with torch.device("meta"):
        generator = DPSIMSGenerator(num_planes, sample_size=(height, width), spectral_norm=False, **settings)
        label_map, latents = torch.zeros(1, height, width, dtype=torch.long), torch.zeros(1, 64)
    multiply_adds = count_multiply_adds(lambda: generator.eval()(label_map, latents))
    return count_parameters(generator) / 1e6, multiply_adds / 1e9


@pytest.mark.parametrize(
    ("num_planes", "parameters", "multiply_adds"),
    [(151, 74.3, 194.4), (183, 75.2, 204.0)],  # ADE20K and COCO-Stuff with the unknown class
)
def test_oasis_generator_costs_what_the_published_one_does(num_planes, parameters, multiply_adds):
    costs = generator_costs("oasis", num_planes, 256, 256)
    assert [round(cost, 1) for cost in costs] == [parameters, multiply_adds]


@pytest.mark.parametrize(
    ("preset", "num_planes", "size", "most_parameters", "most_multiply_adds"),
    [
        ("paper", 151, (256, 256), 90, 220),
        ("dpsims", 151, (256, 256), 90, 60),
        ("base", 151, (256, 256), 25, 16),
        ("small", 11, (192, 256), 5.5, 3),
    ],
)
def test_presets_stay_within_their_limits(preset, num_planes, size, most_parameters, most_multiply_adds):
    parameters, multiply_adds = generator_costs(preset, num_planes, *size)
    assert most_parameters / 2 < parameters <= most_parameters
    assert most_multiply_adds / 2 < multiply_adds <= most_multiply_adds


def test_cost_does_not_depend_on_the_number_of_classes():
    few, many = (generator_costs("small", num_planes, 96, 128)[1] for num_planes in (11, 150))
    assert many == few


@pytest.mark.parametrize("preset", ["paper", "dpsims", "small", "oasis"])
def test_instance_offsets_cost_nothing_when_they_are_off(preset):
    """Equal layers, parameters and multiply-adds; switched on, one 3x3 convolution of two planes is added."""
    height, width = 64, 96
    settings = {"num_classes": 5, "sample_size": (height, width), "spectral_norm": False}
    settings |= GENERATOR_PRESETS[preset]
    label_map, latents = torch.zeros(1, height, width, dtype=torch.long), torch.zeros(1, 64)
    offsets = torch.zeros(1, 2, height, width)

    def costs(given: torch.Tensor | None = None, **more: bool) -> tuple[dict[str, torch.Size], int]:
        with torch.device("meta"):
            generator = DPSIMSGenerator(**settings, **more).eval()
            inputs = [None if x is None else x.to("meta") for x in (label_map, latents, None, given)]
            work = count_multiply_adds(lambda: generator(*inputs))
        return {name: tuple(value.shape) for name, value in generator.state_dict().items()}, work

    plain, work = costs()
    assert costs(use_instance_offsets=False) == (plain, work)
    assert not any("instance" in name for name in plain)
    if preset != "oasis":  # which has no encoder that could read them
        layers, more_work = costs(offsets, use_instance_offsets=True)
        (added,) = layers.items() - plain.items()
        channels = plain["encoder.stem.weight"][0]
        assert added == ("encoder.instance_stem.weight", (channels, 2, 3, 3))
        assert more_work - work == channels * 2 * 9 * height * width


def test_oasis_discriminator_has_the_published_size():
    with torch.device("meta"):
        model = DPSIMSDiscriminator(
            151,
            image_encoder_widths=OASIS_ENCODER_WIDTHS,
            spectral_norm=False,  # it has no parameters, and takes long without values
            **DISCRIMINATOR_PRESETS["oasis"],
        )
    assert round(count_parameters(model) / 1e6, 2) == 22.26


def test_decoder_over_convnext_large_has_about_17_million():
    blocks = [(1536, 512), (512 + 768, 256), (256 + 384, 256), (256 + 192, 128), (128, 64)]
    by_hand = sum(9 * a * b + b + 9 * b * b + b + a * b + b for a, b in blocks) + 64 * 152 + 152
    assert round(by_hand / 1e6, 1) == 17.2
    with torch.device("meta"):
        model = DPSIMSDiscriminator(
            151, (192, 384, 768, 1536), (4, 8, 16, 32), **DISCRIMINATOR_PRESETS["dpsims"]
        )
    assert count_parameters(model) == by_hand


def test_multiply_adds_of_a_layer_and_of_its_backward_pass():
    layer, inputs = torch.nn.Linear(5, 7, bias=False), torch.ones(3, 5, requires_grad=True)
    assert count_multiply_adds(lambda: layer(inputs)) == 3 * 5 * 7
    assert count_multiply_adds(lambda: layer(inputs).sum().backward()) == 3 * (3 * 5 * 7)


def test_bytes_of_parameters_and_buffers():
    norm = torch.nn.BatchNorm2d(4)  # weight, bias, mean, variance; a count of 8 bytes
    assert tensor_bytes(norm) == 4 * 4 * 4 + 8


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_live_memory_follows_what_is_made_and_what_goes(device):
    with LiveMemory() as memory, torch.device(device):
        first = torch.ones(100)
        second = first * 2
        view = second[:50].view(5, 10)
        second.add_(1)
        assert (memory.bytes, memory.peak) == (800, 800)
        del first, second
        assert memory.bytes == 400  # the view keeps the whole
        del view
        third = torch.zeros(75, dtype=torch.bfloat16)
        assert (memory.bytes, memory.peak) == (150, 800)
        del third
    assert memory.bytes == 0


def test_live_memory_sees_what_the_backward_pass_keeps_and_makes():
    with LiveMemory() as memory:
        inputs = torch.ones(1000, requires_grad=True)
        result = inputs.exp().exp()  # the first is kept by the graph, the second is the result
        kept = memory.bytes
        result.sum().backward()
    assert kept in range(12000, 12100)
    assert memory.peak >= 16000
    assert inputs.grad is not None


def test_peak_memory_of_the_process_grows_with_it():
    before = peak_memory(torch.device("cpu"))
    block = torch.ones(2**22)  # 16 MiB
    assert before > 2**24
    assert peak_memory(torch.device("cpu")) >= before
    del block


@pytest.mark.parametrize(("platform", "wanted"), [("linux", 5 * 1024), ("darwin", 5), ("win32", 7)])
def test_peak_memory_of_a_process_is_in_bytes_on_every_system(monkeypatch, platform, wanted):
    resource, psutil = pytest.importorskip("resource"), pytest.importorskip("psutil")
    monkeypatch.setattr("sys.platform", platform)
    monkeypatch.setattr(resource, "getrusage", lambda who: SimpleNamespace(ru_maxrss=5))
    memory = SimpleNamespace(memory_info=lambda: SimpleNamespace(peak_wset=7))
    monkeypatch.setattr(psutil, "Process", lambda: memory)
    assert peak_memory(torch.device("cpu")) == wanted
