import json
import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

without_white_skies = runpy.run_path(str(Path(__file__).parents[1] / "tools" / "white_skies.py"))[
    "without_white_skies"
]
SKY, WALL = 0, 1
WHITE, BLUE = (245, 240, 250), (90, 150, 230)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Photos of 10x8 px, the upper half sky: 4 or 5 of its 10 columns white, and one without sky."""
    for folder in ("images", "labels"):
        (tmp_path / "data" / folder).mkdir(parents=True)
    classes = {"name": "two", "classes": [{"name": "Sky"}, {"name": "Wall"}]}
    (tmp_path / "data" / "classes.json").write_text(json.dumps(classes))
    for name, columns, rows in (("cloud", 4, 4), ("burnt", 5, 4), ("wall", 10, 0)):
        photo, ids = np.full((8, 10, 3), BLUE, np.uint8), np.full((8, 10), WALL, np.uint8)
        photo[:, :columns] = WHITE
        ids[:rows] = SKY
        Image.fromarray(photo).save(tmp_path / "data" / "images" / f"{name}.png")
        Image.fromarray(ids).save(tmp_path / "data" / "labels" / f"{name}.png")
    return tmp_path / "data"


def test_only_a_sky_that_is_mostly_white_becomes_unknown(data, tmp_path):
    assert without_white_skies(data, tmp_path / "new") == 1
    for path in (data / "labels").iterdir():
        ids = np.array(Image.open(path))
        if path.stem == "burnt":
            ids[:4] = 255
        np.testing.assert_array_equal(np.array(Image.open(tmp_path / "new" / "labels" / path.name)), ids)
    for path in (data / "images").iterdir():
        assert (tmp_path / "new" / "images" / path.name).read_bytes() == path.read_bytes()


def test_data_without_sky_and_a_folder_that_exists_are_refused(data, tmp_path):
    with pytest.raises(FileExistsError):
        without_white_skies(data, data)
    classes = (data / "classes.json").read_text().replace("Sky", "Sea")
    (data / "classes.json").write_text(classes)
    with pytest.raises(KeyError, match="no class called 'sky'"):
        without_white_skies(data, tmp_path / "other")
    assert not (tmp_path / "other").exists()
