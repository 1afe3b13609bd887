from __future__ import annotations

import math

import pytest
import torch

from dpsims_hub.models import DPSIMSGeneratorOutput
from tests.models.generator_kinds import IGNORE, KINDS, OASIS, assert_same, some_latents, some_maps
from tests.tiny import LATENT_DIM, STRIDE, tiny_generator

every_kind = pytest.mark.parametrize("kind", KINDS)
with_noise = pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "no noise"])


@pytest.fixture(autouse=True)
def _no_gradients():
    with torch.no_grad():
        yield


@every_kind
@pytest.mark.parametrize("size", [(4, 4), (4, 12), (20, 8)])
def test_any_multiple_of_the_stride(kind, size):
    generator = tiny_generator(**KINDS[kind])
    assert generator.stride == STRIDE
    sample = generator(some_maps(2, *size), some_latents(2)).sample
    assert sample.shape == (2, 3, *size)
    assert sample.isfinite().all()
    assert sample.abs().max() <= 1
    assert sample.std() > 0.01


def test_returns_a_tuple_on_request():
    generator = tiny_generator()
    output = generator(some_maps(1), some_latents(1))
    assert isinstance(output, DPSIMSGeneratorOutput)
    (sample,) = generator(some_maps(1), some_latents(1), return_dict=False)
    assert_same(sample, output.sample)


@every_kind
@pytest.mark.parametrize("padding_mode", ["replicate", "zeros"])
def test_lookup_equals_the_plain_convolution(kind, padding_mode):
    settings = {**KINDS[kind], "padding_mode": padding_mode}
    fast = tiny_generator(**settings)
    slow = tiny_generator(seed=1, **settings, label_convolution="plain")
    slow.load_state_dict(fast.state_dict())
    maps, latents = some_maps(2), some_latents(2)
    assert (maps == IGNORE).any()
    assert_same(fast(maps, latents).sample, slow(maps, latents).sample)


@every_kind
def test_a_photo_does_not_depend_on_its_batch(kind):
    generator = tiny_generator(**KINDS[kind])
    maps, latents = some_maps(3), some_latents(3)
    together = generator(maps, latents).sample
    for i in range(3):
        alone = generator(maps[i : i + 1], latents[i : i + 1]).sample
        assert_same(together[i : i + 1], alone)
    assert (together[0] - together[1]).abs().mean() > 0.01


@every_kind
def test_one_encoding_serves_all_photos_of_a_map(kind):
    generator = tiny_generator(**KINDS[kind])
    maps, latents = some_maps(2), some_latents(6)
    shared = generator.decode(generator.encode(maps), latents)
    order = [0, 0, 0, 1, 1, 1]
    expected = generator(torch.stack([maps[i] for i in order]), latents).sample
    assert_same(shared, expected)
    assert_same(generator(maps, latents).sample, expected)


@every_kind
def test_encoding_does_not_change_when_it_is_used(kind):
    generator = tiny_generator(**KINDS[kind])
    encoding = generator.encode(some_maps(1))
    first = generator.decode(encoding, some_latents(1))
    generator.decode(encoding, some_latents(4, seed=1))
    assert_same(generator.decode(encoding, some_latents(1)), first)


@every_kind
def test_latents_change_the_photo_exactly_where_there_is_noise(kind):
    generator = tiny_generator(**KINDS[kind])
    first, second = (generator(some_maps(1), some_latents(1, seed=seed)).sample for seed in range(2))
    if kind == "no noise":
        assert_same(first, second)
    else:
        assert (first - second).abs().mean() > 0.01


@pytest.mark.parametrize(("noise_at", "shares_the_encoder"), [("modulation", True), ("encoder", False)])
def test_where_the_noise_enters_decides_what_is_shared(noise_at, shares_the_encoder):
    encoding = tiny_generator(noise_at=noise_at).encode(some_maps(1))
    assert (encoding.features is not None) == shares_the_encoder
    assert (encoding.embedding is None) == shares_the_encoder  # not needed any more, and large


@every_kind
def test_one_latent_for_one_region_may_be_written_either_way(kind):
    generator = tiny_generator(**KINDS[kind])
    maps, latents = some_maps(2), some_latents(2)
    assert_same(generator(maps, latents[:, None]).sample, generator(maps, latents).sample)


@with_noise
def test_regions_of_equal_latents_are_one_region(kind):
    generator = tiny_generator(**KINDS[kind])
    maps, latents = some_maps(2), some_latents(2)
    regions = torch.randint(0, 3, maps.shape, generator=torch.Generator().manual_seed(0))
    divided = generator(maps, latents[:, None].expand(-1, 3, -1), regions).sample
    assert_same(divided, generator(maps, latents).sample)


@with_noise
def test_a_region_over_the_whole_map_reads_its_own_latent(kind):
    generator = tiny_generator(**KINDS[kind])
    maps, latents = some_maps(2), some_latents(2, 3)
    for region in range(3):
        whole = generator(maps, latents, torch.full_like(maps, region)).sample
        alone = generator(maps, latents[:, region]).sample
        assert_same(whole, alone)


@pytest.mark.parametrize("kind", ["noise at modulation", "noise fields"])
def test_a_new_latent_for_one_region_changes_that_region_most(kind):
    # Not so for noise in the encoder, whose group norm looks at the whole map.
    generator = tiny_generator(**KINDS[kind])
    maps, latents = some_maps(1, 64, 128), some_latents(1, 2)
    regions = torch.zeros_like(maps)
    regions[:, :, 64:] = 1
    before = generator(maps, latents, regions).sample
    latents[:, 1] = some_latents(1, seed=9)
    change = (generator(maps, latents, regions).sample - before).abs().mean((0, 1, 2))
    assert change[96:].mean() > 0.01
    assert change[:16].mean() < 0.2 * change[96:].mean()


@with_noise
def test_one_region_map_serves_all_photos_of_a_map(kind):
    generator = tiny_generator(**KINDS[kind])
    maps, latents = some_maps(2), some_latents(4, 2)
    regions = (maps % 2).to(torch.uint8)
    shared = generator(maps, latents, regions).sample
    repeated = generator(maps, latents, regions.repeat_interleave(2, dim=0)).sample
    assert_same(shared, repeated)
    alone = generator(maps[1:], latents[2:3], regions[1:]).sample
    assert_same(shared[2:3], alone)


def test_instance_offsets_change_the_photo():
    generator = tiny_generator(use_instance_offsets=True)
    maps, latents = some_maps(1), some_latents(1)
    offsets = torch.zeros(1, 2, *maps.shape[1:])
    without = generator(maps, latents, instance_offsets=offsets).sample
    for plane in range(2):
        moved = offsets.clone()
        moved[:, plane, 2:6, 2:6] = 0.5
        assert (generator(maps, latents, instance_offsets=moved).sample - without).abs().mean() > 1e-3


def test_instance_offsets_are_shared_by_all_photos_of_a_map():
    generator = tiny_generator(use_instance_offsets=True, noise_at="encoder")
    maps, latents = some_maps(2), some_latents(4)
    offsets = torch.randn(2, 2, *maps.shape[1:], generator=torch.Generator().manual_seed(0))
    shared = generator(maps, latents, instance_offsets=offsets).sample
    alone = generator(maps[1:], latents[3:], instance_offsets=offsets[1:]).sample
    assert_same(shared[3:], alone)


@every_kind
def test_an_ignored_pixel_is_of_no_class(kind):
    generator = tiny_generator(**KINDS[kind])
    maps, latents = torch.full((1, 8, 8), IGNORE), some_latents(1)
    unknown = generator(maps, latents).sample
    assert unknown.isfinite().all()
    for label in range(3):
        assert (generator(torch.full_like(maps, label), latents).sample - unknown).abs().mean() > 1e-3


@every_kind
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32])
def test_ids_of_any_integer_type(kind, dtype):
    generator = tiny_generator(**KINDS[kind])
    maps, latents = some_maps(1), some_latents(1)
    assert_same(generator(maps.to(dtype), latents).sample, generator(maps, latents).sample)


@every_kind
def test_runs_in_bfloat16(kind):
    generator = tiny_generator(**KINDS[kind])
    maps, latents = some_maps(2), some_latents(2)
    exact = generator(maps, latents).sample
    halved = generator.to(torch.bfloat16)(maps, latents).sample
    assert halved.dtype == torch.bfloat16
    assert (halved.float() - exact).abs().mean() < 0.05


def test_oasis_noise_is_a_plane_beside_the_labels():
    # With every label ignored and no bias, spatial noise is all that the first convolution sees.
    generator = tiny_generator(**{**OASIS, "padding_mode": "replicate"})
    latents = some_latents(1)
    features = generator.start(torch.full((1, 2, 2), IGNORE), latents)
    weight = generator.start.weight[:, -LATENT_DIM:].sum((2, 3))
    torch.testing.assert_close(features, (weight @ latents[0]).view(1, -1, 1, 1).expand_as(features))


def test_smooth_output_is_a_binomial_filter_before_tanh():
    generator = tiny_generator(smooth_output=True)
    raw = []
    generator.to_rgb.register_forward_hook(lambda _, __, output: raw.append(output))
    sample = generator(some_maps(1, 4, 8), some_latents(1)).sample
    for channel, y, x in [(0, 0, 0), (1, 2, 3), (2, 3, 7), (0, 1, 4)]:
        total = 0.0
        for dy, row_weight in ((-1, 1), (0, 2), (1, 1)):
            for dx, column_weight in ((-1, 1), (0, 2), (1, 1)):
                row, column = min(max(y + dy, 0), 3), min(max(x + dx, 0), 7)
                total += row_weight * column_weight / 16 * float(raw[0][0, channel, row, column])
        assert float(sample[0, channel, y, x]) == pytest.approx(math.tanh(total), abs=1e-5)
