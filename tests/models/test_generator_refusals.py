from __future__ import annotations

import pytest
import torch

from tests.models.generator_kinds import IGNORE, OASIS, assert_same, some_latents, some_maps
from tests.tiny import LATENT_DIM, tiny_generator


@pytest.fixture(scope="module")
def generator():
    return tiny_generator()


@pytest.mark.parametrize(
    ("label_map", "sentence"),
    [
        (
            torch.zeros(8, 8).long(),
            r"expected integer ids of shape \(B, H, W\), got torch.int64 of shape \(8, 8\)",
        ),
        (torch.zeros(1, 8, 8), r"expected integer ids .*, got torch.float32"),
        (torch.zeros(1, 3, 8, 8).long(), r"of shape \(1, 3, 8, 8\)"),
        (torch.zeros(0, 8, 8).long(), r"of shape \(0, 8, 8\)"),
        (torch.zeros(1, 8, 10).long(), "multiples of 4, got 8x10; resize or crop"),
        (torch.zeros(1, 2, 8).long(), "multiples of 4, got 2x8"),
        (torch.zeros(1, 0, 8).long(), "multiples of 4, got 0x8"),
    ],
)
def test_maps_of_wrong_type_or_size(generator, label_map, sentence):
    with pytest.raises(ValueError, match=sentence):
        generator(label_map, some_latents(1))


@pytest.mark.parametrize("wrong", [3, 254, -1])
def test_ids_out_of_range(generator, wrong):
    label_map = some_maps(2)
    label_map[1, 2:4, 5] = wrong
    with pytest.raises(
        ValueError, match=rf"id {wrong} at 2 pixels; this model has ids 0 to 2 and {IGNORE} for unknown"
    ):
        generator.encode(label_map)


def test_small_ids_of_a_model_with_many_classes():
    generator = tiny_generator(num_classes=300, ignore_index=65535)
    label_map = torch.full((1, 8, 8), 50)
    with torch.no_grad():
        expected = generator(label_map, some_latents(1)).sample
        assert_same(generator(label_map.to(torch.uint8), some_latents(1)).sample, expected)


@pytest.mark.parametrize(
    "shape",
    [(1, LATENT_DIM), (3, LATENT_DIM), (2, LATENT_DIM + 1), (0, LATENT_DIM), (2, 0, LATENT_DIM), (12,)],
)
def test_latents_that_do_not_fit_two_maps(generator, shape):
    with pytest.raises(ValueError, match=r"latents: expected \(2 \* K, 6\) or \(2 \* K, R, 6\), got \("):
        generator(some_maps(2), torch.zeros(shape))


def test_regions_need_noise():
    maps = some_maps(1)
    with pytest.raises(ValueError, match="noise_injection='none' reads none, and so none per region"):
        tiny_generator(noise_injection="none")(maps, some_latents(1, 2), torch.zeros_like(maps))


@pytest.mark.parametrize(
    ("latents", "region_map", "sentence"),
    [
        (some_latents(2, 3), None, "region_map: missing, with 3 latents a map"),
        (some_latents(2), torch.zeros(2, 8, 12).long(), "region_map: given, with 1 latents a map"),
        (
            some_latents(2, 3),
            torch.zeros(2, 8, 8).long(),
            r"integers of shape \(2, 8, 12\), got .*\(2, 8, 8\)",
        ),
        (some_latents(2, 3), torch.zeros(2, 8, 12), r"integers of shape \(2, 8, 12\), got torch.float32"),
        (
            some_latents(4, 3),
            torch.zeros(3, 8, 12).long(),
            r"\(2, 8, 12\) or \(4, 8, 12\), got .*\(3, 8, 12\)",
        ),
        (some_latents(2, 3), torch.full((2, 8, 12), 3), "regions 3 to 3, but there are latents for 0 to 2"),
        (
            some_latents(2, 3),
            torch.full((2, 8, 12), -1),
            "regions -1 to -1, but there are latents for 0 to 2",
        ),
    ],
)
def test_region_maps_that_do_not_fit(generator, latents, region_map, sentence):
    with pytest.raises(ValueError, match=sentence):
        generator(some_maps(2), latents, region_map)


def test_instance_offsets_missing_unwanted_or_of_wrong_size(generator):
    maps, latents = some_maps(1), some_latents(1)
    with pytest.raises(ValueError, match="instance_offsets: this model was built without them"):
        generator(maps, latents, instance_offsets=torch.zeros(1, 2, 8, 12))
    informed = tiny_generator(use_instance_offsets=True)
    with pytest.raises(ValueError, match="instance_offsets: this model needs them"):
        informed(maps, latents)
    with pytest.raises(ValueError, match=r"instance_offsets: expected \(1, 2, 8, 12\), got \(1, 2, 4, 6\)"):
        informed(maps, latents, instance_offsets=torch.zeros(1, 2, 4, 6))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"encoder_widths": (8, 8)}, "3 blocks .* need 3 encoder_widths and modulation_widths, got 2 and 3"),
        ({"modulation_widths": (8,) * 4}, "got 3 and 4"),
        ({"label_encoder": "none"}, "use label_encoder='unet', or noise_injection 'spatial' or 'none'"),
        ({**OASIS, "use_instance_offsets": True}, "use_instance_offsets needs label_encoder='unet'"),
        ({"label_encoder": "vit"}, "label_encoder='vit' is none of 'unet', 'none'"),
        ({"noise_at": "decoder"}, "noise_at='decoder' is none of 'encoder', 'modulation'"),
        ({"noise_injection": "3d"}, "noise_injection='3d' is none of 'cross_attention', 'spatial', 'none'"),
        ({"upsample": "cubic"}, "upsample='cubic' is none of 'bilinear', 'nearest'"),
        ({"padding_mode": "reflect"}, "padding_mode='reflect' is none of 'replicate', 'zeros'"),
        ({"label_convolution": "table"}, "label_convolution='table' is none of 'lookup', 'plain'"),
    ],
)
def test_settings_that_exclude_each_other_or_do_not_exist(settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        tiny_generator(**settings)
