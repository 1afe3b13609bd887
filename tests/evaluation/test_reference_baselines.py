import json

import numpy as np

from dpsims_hub.evaluation.reference_baselines import colour_sums, paint_mean_colours
from dpsims_hub.labels import ClassSpec

SPEC = ClassSpec.from_dict(json.loads('{"name": "three", "classes": ["road", "sky", "car"]}'))
PHOTO = np.array([[[10, 0, 0], [20, 0, 5], [200, 100, 0]], [[100, 50, 50], [0, 0, 0], [30, 0, 4]]], np.uint8)
LABELS = np.array([[0, 0, 2], [255, 255, 0]], np.uint8)


def test_every_pixel_gets_the_mean_of_its_class():
    painted = paint_mean_colours(LABELS[None], colour_sums(PHOTO, LABELS, SPEC), SPEC)
    assert painted.dtype == np.uint8
    road, car, unknown = [20, 0, 3], [200, 100, 0], [50, 25, 25]
    assert painted[0].tolist() == [[road, road, car], [unknown, unknown, road]]


def test_an_unseen_class_gets_the_mean_of_all_pixels():
    painted = paint_mean_colours(np.array([[[1]]]), colour_sums(PHOTO, LABELS, SPEC), SPEC)
    assert painted.tolist() == [[[[60, 25, 10]]]]


def test_photos_add_up():
    random = np.random.default_rng(0)
    photos = random.integers(0, 256, (5, 4, 6, 3), np.uint8)
    labels = random.choice([0, 1, 2, 255], size=(5, 4, 6))
    sums = sum(colour_sums(*pair, SPEC) for pair in zip(photos, labels, strict=True))
    painted = paint_mean_colours(labels, sums, SPEC)
    for value in (0, 1, 2, 255):
        expected = np.rint(photos[labels == value].astype(float).mean(axis=0))
        assert (painted[labels == value] == expected).all()
