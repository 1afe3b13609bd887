from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from dpsims_hub.labels import (
    Sample,
    augment_pair,
    crop_pair,
    flip_pair,
    random_resized_crop_pair,
    resize_pair,
)
from dpsims_hub.labels.transforms.augment import Box, random_crop_box


def coordinates(height=60, width=90, instances=True):
    """A sample whose photo, map and object numbers all say where a pixel came from."""
    y, x = np.mgrid[:height, :width]
    photo = np.stack([2 * y, 2 * x, np.zeros_like(x)], axis=2).astype(np.uint8)
    return Sample(Image.fromarray(photo), y * width + x, "s", 10_000 + x if instances else None)


def test_the_whole_box_at_its_own_size_changes_nothing():
    sample = coordinates()
    same = crop_pair(sample, Box(0, 0, 60, 90), (60, 90))
    assert (np.asarray(same.image) == np.asarray(sample.image)).all()
    assert (same.label_map == sample.label_map).all()
    assert (same.instance_ids == sample.instance_ids).all()


def test_a_crop_without_resizing_is_a_slice():
    sample = coordinates()
    part = crop_pair(sample, Box(5, 7, 20, 30), (20, 30))
    assert (np.asarray(part.image) == np.asarray(sample.image)[5:25, 7:37]).all()
    assert (part.label_map == sample.label_map[5:25, 7:37]).all()
    assert (part.instance_ids == sample.instance_ids[5:25, 7:37]).all()


@pytest.mark.parametrize("size", [(24, 36), (60, 90), (120, 180)])
def test_photo_map_and_numbers_stay_aligned(size):
    """On a photo whose colours are coordinates, the map must name the place of the colour, to 1.5 pixels."""
    for seed in range(20):
        part = random_resized_crop_pair(coordinates(), size, rng=np.random.default_rng(seed), max_zoom=2.0)
        assert part.image.size == size[::-1]
        photo = np.asarray(part.image).astype(float)[2:-2, 2:-2] / 2
        y, x = np.divmod(part.label_map, 90)
        assert np.abs(photo[..., 0] - y[2:-2, 2:-2]).max() <= 1.5
        assert np.abs(photo[..., 1] - x[2:-2, 2:-2]).max() <= 1.5
        assert (part.instance_ids == 10_000 + x).all()


def test_the_photo_is_antialiased_and_the_map_is_not():
    stripes = np.tile(np.array([0, 255], dtype=np.uint8), (16, 8))
    sample = Sample(Image.fromarray(np.stack([stripes] * 3, axis=2)), stripes.astype(int), "s")
    small = resize_pair(sample, (4, 4))
    assert np.abs(np.asarray(small.image).astype(int) - 127).max() < 30
    assert set(np.unique(small.label_map)) <= {0, 255}


def test_mirroring_twice_is_nothing_and_once_turns_columns():
    sample = coordinates()
    once = flip_pair(sample)
    assert (np.asarray(once.image) == np.asarray(sample.image)[:, ::-1]).all()
    assert (once.label_map == sample.label_map[:, ::-1]).all()
    assert (once.instance_ids == sample.instance_ids[:, ::-1]).all()
    twice = flip_pair(once)
    assert (np.asarray(twice.image) == np.asarray(sample.image)).all()
    assert (twice.label_map == sample.label_map).all()


def test_boxes_keep_proportions_stay_inside_and_cover_the_zoom_range():
    rng = np.random.default_rng(0)
    boxes = [random_crop_box((192, 256), (96, 128), rng=rng, max_zoom=1.5) for _ in range(2000)]
    for box in boxes:
        assert abs(box.width / box.height - 4 / 3) < 0.02
        assert 0 <= box.top <= 192 - box.height
        assert 0 <= box.left <= 256 - box.width
    zooms = np.array([192 / box.height for box in boxes])
    assert zooms.min() < 1.01
    assert zooms.max() > 1.49
    assert zooms.mean() == pytest.approx(1.25, abs=0.02)
    places = np.array([box.left / (256 - box.width) for box in boxes if box.width < 250])
    assert places.mean() == pytest.approx(0.5, abs=0.03)
    assert (places == 0).any()
    assert (places == 1).any()


@pytest.mark.parametrize("shape", [(50, 300), (300, 50)])
def test_other_proportions_are_cut_and_not_stretched(shape):
    box = random_crop_box(shape, (64, 64), rng=np.random.default_rng(0), max_zoom=1.0)
    assert (box.height, box.width) == (50, 50)


def test_one_pixel_and_tiny_pictures():
    for shape in [(1, 1), (1, 9), (2, 3)]:
        box = random_crop_box(shape, (96, 128), rng=np.random.default_rng(0), max_zoom=3.0)
        assert 1 <= box.height <= shape[0]
        assert 1 <= box.width <= shape[1]


def test_the_same_seed_gives_the_same_sample_and_another_another():
    first, again, other = (
        augment_pair(coordinates(), (40, 60), rng=np.random.default_rng(s)) for s in (1, 1, 2)
    )
    assert (first.label_map == again.label_map).all()
    assert np.asarray(first.image).tobytes() == np.asarray(again.image).tobytes()
    assert (first.label_map != other.label_map).any()


def test_flip_probability_is_that():
    def mirrored(probability):
        rng = np.random.default_rng(0)
        small = [augment_pair(coordinates(6, 9), (6, 9), rng=rng, max_zoom=1.0, flip_probability=probability)
                 for _ in range(400)]  # fmt: skip
        return np.mean([sample.label_map[0, 0] > sample.label_map[0, 1] for sample in small])

    assert mirrored(0) == 0
    assert mirrored(1) == 1
    assert mirrored(0.25) == pytest.approx(0.25, abs=0.07)


def test_settings_shift_no_later_draw():
    states = []
    for settings in [{}, {"flip_probability": 0}, {"max_zoom": 1.0}]:
        rng = np.random.default_rng(0)
        augment_pair(coordinates(), (40, 60), rng=rng, **settings)
        states.append(rng.bit_generator.state["state"]["state"])
    assert len(set(states)) == 1


def test_samples_without_object_numbers():
    sample = augment_pair(coordinates(instances=False), (40, 60), rng=np.random.default_rng(0))
    assert sample.instance_ids is None
    assert flip_pair(sample).instance_ids is None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_zoom": 0.9}, "max_zoom must be at least 1, not 0.9"),
        ({"flip_probability": 1.1}, r"flip_probability must lie in 0\.\.1, not 1.1"),
        ({"size": (0, 4)}, r"at least 1 px each, not \(0, 4\)"),
    ],
)
def test_bad_settings_are_one_sentence(settings, message):
    with pytest.raises(ValueError, match=message):
        augment_pair(coordinates(), **({"size": (4, 4), "rng": np.random.default_rng(0)} | settings))


@pytest.mark.parametrize("box", [Box(-1, 0, 5, 5), Box(0, 0, 61, 5), Box(0, 86, 5, 5), Box(0, 0, 0, 5)])
def test_boxes_outside_are_refused(box):
    with pytest.raises(ValueError, match="reaches outside 60 x 90 px"):
        crop_pair(coordinates(), box, (4, 4))
