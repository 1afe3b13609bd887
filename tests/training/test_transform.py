"""From a pair to tensors: what the key decides, and what it does not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from dpsims_hub.labels import ClassSpec, Sample
from dpsims_hub.training.transform import PairTransform, network_inputs

SPEC = ClassSpec.from_dict(
    {"classes": [{"name": "wall", "kind": "stuff"}, {"name": "car", "kind": "thing"}], "name": "two"}
)


@pytest.fixture
def sample() -> Sample:
    """48x64 (height x width): a car of one object on the left, another on the right."""
    rng = np.random.default_rng(0)
    label_map, objects = np.zeros((48, 64), np.uint8), np.zeros((48, 64), np.int32)
    label_map[10:30, 4:20], objects[10:30, 4:20] = 1, 7
    label_map[20:40, 40:60], objects[20:40, 40:60] = 1, 8
    return Sample(Image.fromarray(rng.integers(0, 256, (48, 64, 3), np.uint8)), label_map, "a", objects)


def same(first: dict, second: dict) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_the_key_decides_everything(sample):
    transform = PairTransform((24, 32), latent_dim=5, samples_per_map=2, spec=SPEC)
    assert same(transform(sample, (1, 2)), transform(sample, [1, 2]))
    other = transform(sample, (1, 3))
    for name, value in transform(sample, (1, 2)).items():
        assert not torch.equal(value, other[name])


def test_latents_are_standard_normal_and_do_not_depend_on_the_augmentation(sample):
    transform = PairTransform((24, 32), latent_dim=500, samples_per_map=3)
    latents = transform(sample, (0,))["latents"]
    assert latents.shape == (3, 500)
    assert latents.dtype == torch.float32
    assert float(latents.mean()) == pytest.approx(0, abs=0.1)
    assert float(latents.std()) == pytest.approx(1, abs=0.1)
    assert not torch.equal(latents[0], latents[1])
    without = PairTransform((24, 32), max_zoom=1.0, flip=False, latent_dim=500, samples_per_map=3)
    assert torch.equal(without(sample, (0,))["latents"], latents)


def test_offsets_are_made_of_the_crop_and_turn_with_the_mirror(sample):
    flipped, plain = None, None
    for key in range(20):
        made = PairTransform((48, 64), max_zoom=1.0, spec=SPEC)(sample, (key,))
        if made["label_map"][20, 10] and not made["label_map"][12, 50]:
            plain = made
        else:
            flipped = made
    assert plain is not None
    assert flipped is not None
    y, x = plain["instance_offsets"]
    # Pixel (10, 4) of the first car, whose centre is (19.5, 11.5).
    assert float(y[10, 4]) == pytest.approx(9.5 / 48)
    assert float(x[10, 4]) == pytest.approx(7.5 / 64)
    assert float(x[0, 0]) == 0
    assert torch.allclose(flipped["instance_offsets"][1], -x.flip(1))
    assert torch.allclose(flipped["instance_offsets"][0], y.flip(1))


def test_offsets_of_a_crop_point_to_the_centre_of_what_is_visible(sample):
    made = PairTransform((24, 24), max_zoom=2.0, flip=False, spec=SPEC)(sample, (3,))
    label_map, offsets = made["label_map"].numpy(), made["instance_offsets"].numpy()
    assert label_map.any()
    rows, columns = np.nonzero(label_map)
    ends = {
        (round(float(r + offsets[0, r, c] * 24), 3), round(float(c + offsets[1, r, c] * 24), 3))
        for r, c in zip(rows, columns, strict=True)
    }
    assert len(ends) <= 2  # one centre for each object in view
    for row, column in ends:
        assert 0 <= row <= 23
        assert 0 <= column <= 23


def test_without_a_spec_there_are_no_offsets_and_without_a_length_no_latents(sample):
    assert PairTransform((24, 32))(sample, (0,)).keys() == {"real_images", "label_map"}


def test_stretch_shows_the_whole_picture_in_other_proportions(sample):
    made = PairTransform((16, 64), max_zoom=1.0, flip=False, resize_mode="stretch")(sample, (0,))
    rows = np.array([int((y + 0.5) * 48 / 16) for y in range(16)])
    assert np.array_equal(made["label_map"].numpy(), sample.label_map[rows])


def test_stretch_cuts_the_same_share_of_both_sides_always(sample):
    seen = set()
    for key in range(10):
        made = PairTransform((24, 32), max_zoom=1.5, flip=False, resize_mode="stretch")(sample, (key,))
        seen.add(tuple(made["label_map"].flatten().tolist()))
        # a window of 32x43 of 48x64: a car of 20 rows is 15 rows high in 24
        heights = made["label_map"].bool().sum(0)
        assert int(heights.max()) <= 30 * 24 // 32
    assert len(seen) > 5


def test_bytes_become_what_the_networks_read(sample):
    made = PairTransform((48, 64), max_zoom=1.0, flip=False, latent_dim=3, num_draws=4)(sample, (0,))
    assert {name: value.dtype for name, value in made.items()} == {
        "real_images": torch.uint8,
        "label_map": torch.uint8,
        "latents": torch.float32,
        "draws": torch.float32,
    }
    assert np.array_equal(made["real_images"].permute(1, 2, 0).numpy(), np.asarray(sample.image))
    inputs = network_inputs({name: value[None] for name, value in made.items()}, "cpu")
    assert inputs["real_images"].is_contiguous(memory_format=torch.channels_last)
    assert inputs["label_map"].dtype == torch.int64
    for level in (0, 17, 255):
        where = made["real_images"] == level
        assert where.any()
        assert torch.allclose(inputs["real_images"][0][where], torch.tensor(level / 255 * 2 - 1))


def test_ids_of_more_than_255_classes_keep_their_value(sample):
    wide = sample._replace(label_map=sample.label_map.astype(np.uint16) * 40000)
    made = PairTransform((48, 64), max_zoom=1.0, flip=False)(wide, (0,))
    made = {name: value[None] for name, value in made.items()}
    assert set(network_inputs(made, "cpu")["label_map"].unique().tolist()) == {0, 40000}


def test_draws_are_uniform_and_change_neither_crops_nor_latents(sample):
    plain = PairTransform((24, 32), latent_dim=3)(sample, (5,))
    made = PairTransform((24, 32), latent_dim=3, num_draws=5000)(sample, (5,))
    draws = made.pop("draws")
    assert same(plain, made)
    assert 0 <= float(draws.min()) < 0.01
    assert 0.99 < float(draws.max()) < 1
    assert float(draws.mean()) == pytest.approx(0.5, abs=0.02)
