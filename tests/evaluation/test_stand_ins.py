import numpy as np

from dpsims_hub.evaluation.stand_ins import ClassMeanColours

PHOTO = np.array([[[10, 0, 0], [20, 0, 5], [200, 100, 0]], [[100, 50, 50], [0, 0, 0], [30, 0, 4]]], np.uint8)
LABELS = np.array([[0, 0, 2], [255, 255, 0]], np.uint8)


def test_every_pixel_gets_the_mean_of_its_class():
    colours = ClassMeanColours(num_classes=3, ignore_index=255)
    colours.add(PHOTO[None], LABELS[None])
    painted = colours.paint(LABELS[None])
    assert painted.dtype == np.uint8
    road, car, unknown = [20, 0, 3], [200, 100, 0], [50, 25, 25]
    assert painted[0].tolist() == [[road, road, car], [unknown, unknown, road]]


def test_an_unseen_class_gets_the_mean_of_all_pixels():
    colours = ClassMeanColours(num_classes=3, ignore_index=255)
    colours.add(PHOTO[None], LABELS[None])
    assert colours.paint(np.array([[[1]]])).tolist() == [[[[60, 25, 10]]]]


def test_batches_add_up():
    random = np.random.default_rng(0)
    photos = random.integers(0, 256, (5, 4, 6, 3), np.uint8)
    labels = random.choice([0, 1, 2, 255], size=(5, 4, 6))
    whole, parts = ClassMeanColours(3, 255), ClassMeanColours(3, 255)
    whole.add(photos, labels)
    for number in range(5):
        parts.add(photos[number : number + 1], labels[number : number + 1])
    np.testing.assert_array_equal(whole.paint(labels), parts.paint(labels))
    for value in (0, 1, 2, 255):
        expected = np.rint(photos[labels == value].astype(float).mean(axis=0))
        assert (whole.paint(labels)[labels == value] == expected).all()
