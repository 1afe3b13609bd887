import numpy as np
import pytest
from PIL import Image

from dpsims_hub.evaluation.exposure import exposure, exposure_rows


def test_brightness_is_that_of_pillow():
    photos = np.random.default_rng(0).integers(0, (255, 120, 30), (3, 24, 32, 3), np.uint8)  # reddish
    found = exposure(photos)[:, 0]
    assert found == pytest.approx(
        [np.asarray(Image.fromarray(one).convert("L")).mean() for one in photos], abs=0.6
    )
    assert found.std() > 0


def test_a_pixel_is_clipped_where_all_channels_are():
    white, nearly = (250, 255, 251), (249, 255, 255)
    black, dark = (5, 0, 3), (0, 6, 0)
    photo = np.array([[white, nearly, black, dark], [white, (128, 128, 128), white, dark]], np.uint8)
    assert exposure(photo[None])[0, 1:].tolist() == [3 / 8, 1 / 8]


def test_each_photo_is_measured_by_itself():
    photos = np.stack([np.full((4, 4, 3), level, np.uint8) for level in (0, 100, 255)])
    assert exposure(photos) == pytest.approx(np.array([[0, 0, 1], [100, 0, 0], [255, 1, 0]]))


def test_rows_have_means_and_the_deviation_over_photos():
    values = np.array([[100.0, 0.1, 0.0], [120.0, 0.3, 0.2]])
    (row,) = exposure_rows({"night": values})
    assert row == {"images": "night", "n": 2, "brightness": 110, "brightness_deviation": 10} | {
        "white_share": 0.2,
        "black_share": 0.1,
    }
