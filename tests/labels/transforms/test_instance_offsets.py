from __future__ import annotations

import numpy as np
import pytest

from dpsims_hub.labels import ClassInfo, ClassSpec, instance_offsets

KINDS = ["stuff", "thing", "thing", None]
SPEC = ClassSpec("k", tuple(ClassInfo(i, f"c{i}", kind=kind) for i, kind in enumerate(KINDS)))


def slow_offsets(instance_ids, label_map):
    """Pixel by pixel in plain Python: where is the mean place of all pixels that are the same object?"""
    height, width = label_map.shape
    planes = np.zeros((2, height, width))
    for y in range(height):
        for x in range(width):
            if label_map[y, x] not in (1, 2):
                continue
            same = [
                (v, u)
                for v in range(height)
                for u in range(width)
                if instance_ids[v, u] == instance_ids[y, x] and label_map[v, u] == label_map[y, x]
            ]
            planes[0, y, x] = (sum(v for v, _ in same) / len(same) - y) / height
            planes[1, y, x] = (sum(u for _, u in same) / len(same) - x) / width
    return planes


def random_pair(seed, shape=(7, 9)):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 4, shape) * 1000, rng.choice([0, 1, 2, 3, 255], size=shape)


def test_by_hand():
    label_map = np.array([[1, 1, 1, 0], [1, 1, 1, 255]])
    planes = instance_offsets(np.full((2, 4), 7), label_map, SPEC)
    assert planes.dtype == np.float32
    assert planes[0].tolist() == [[0.25, 0.25, 0.25, 0], [-0.25, -0.25, -0.25, 0]]
    assert planes[1].tolist() == [[0.25, 0, -0.25, 0], [0.25, 0, -0.25, 0]]


@pytest.mark.parametrize("seed", range(8))
def test_equals_the_slow_form(seed):
    instance_ids, label_map = random_pair(seed)
    planes = instance_offsets(instance_ids.astype(np.uint16), label_map.astype(np.uint8), SPEC)
    assert np.abs(planes - slow_offsets(instance_ids, label_map)).max() < 1e-6


@pytest.mark.parametrize("seed", range(20))
def test_mirroring_the_ids_mirrors_the_planes_and_turns_the_sign_of_x(seed):
    instance_ids, label_map = random_pair(seed, (16, 24))
    planes = instance_offsets(instance_ids, label_map, SPEC)
    mirrored = instance_offsets(instance_ids[:, ::-1], label_map[:, ::-1], SPEC)
    assert np.abs(mirrored[0] - planes[0, :, ::-1]).max() < 1e-6
    assert np.abs(mirrored[1] + planes[1, :, ::-1]).max() < 1e-6
    assert np.abs(planes[1]).max() > 0.1


def test_zero_off_things_and_within_one_and_mean_zero_per_object():
    instance_ids, label_map = random_pair(3, (30, 40))
    planes = instance_offsets(instance_ids, label_map, SPEC)
    assert (planes[:, ~np.isin(label_map, [1, 2])] == 0).all()
    assert np.abs(planes).max() < 1
    for number in np.unique(instance_ids):
        for kind in (1, 2):
            pixels = (instance_ids == number) & (label_map == kind)
            assert np.abs(planes[:, pixels].mean(axis=1)).max() < 1e-6


def test_without_things_all_is_zero():
    assert not instance_offsets(np.ones((2, 2), int), np.array([[0, 3], [255, 0]]), SPEC).any()


def test_maps_of_two_sizes_are_refused():
    with pytest.raises(ValueError, match=r"\(2, 3\) and label_map \(2, 2\) must be maps of one size"):
        instance_offsets(np.zeros((2, 3), int), np.zeros((2, 2), int), SPEC)
