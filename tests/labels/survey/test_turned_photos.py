"""Photos with an EXIF orientation, and what their maps need."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from dpsims_hub.labels import FolderDataset, LabelMapError
from dpsims_hub.labels.reading.turned_photos import TURNS
from tests.labels.pair_folders import cut_off, make_pairs, photo_of
from tests.labels.survey.surveyed import facts_of, turned_photo


@pytest.mark.parametrize(
    ("orientation", "how"),
    [(5, "mirrored and turned by 90"), (6, "90 degrees clockwise"), (7, "90"), (8, "counter-clockwise")],
)
def test_a_map_as_the_photo_is_stored_is_told_so(tmp_path, orientation, how):
    root = make_pairs(tmp_path, 3)
    turned_photo(root, "p001", orientation)
    with pytest.raises(LabelMapError) as caught:
        FolderDataset(root)[1]
    text = str(caught.value)
    assert text.startswith(f"{root / 'images' / 'p001.jpg'}: an EXIF note turns the photo to 6 x 10 px")
    assert "label map is 10 x 6, as the photo is stored; turn the map in the same way" in text
    assert how in text
    assert "nearest" not in text
    facts = facts_of(root)
    assert facts["errors"]["size"]["count"] == 1
    assert sum(facts["turned_photos"].values()) == 1


def turn(array, orientation):
    """EXIF 2.3 by its table: which side of the stored picture is the top and the left of the seen one."""
    top_left = {
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.T,
        6: lambda a: a[::-1].T,
        7: lambda a: a[::-1, ::-1].T,
        8: lambda a: a[:, ::-1].T,
    }
    return top_left[orientation](array)


@pytest.mark.parametrize("orientation", range(2, 9))
def test_the_words_say_how_to_turn_the_map(tmp_path, orientation):
    """Following them with Pillow's rotations gives what EXIF's table says."""
    stored = np.arange(6, dtype=np.uint8).reshape(2, 3)
    image, words = Image.fromarray(stored), TURNS[orientation]
    if "upside down" in words:
        image = image.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    elif "mirrored" in words:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if "180" in words:
        image = image.rotate(180)
    elif "90" in words:
        image = image.rotate(90 if "counter" in words else -90, expand=True)
    assert np.asarray(image).tolist() == turn(stored, orientation).tolist()


def test_half_turns_are_counted_and_come_before_errors(tmp_path):
    root = make_pairs(tmp_path, 4)
    turned_photo(root, "p000", 3)
    turned_photo(root, "p001", 2)
    cut_off(photo_of(root, "p003"))
    facts = facts_of(root)
    assert facts["turned_photos"] == {"turned by 180 degrees": 1, "mirrored": 1}
    assert "2 photo(s) have an EXIF note and are read as seen" in facts["advice"][0]
    assert "1 damaged file(s)" in facts["advice"][1]
