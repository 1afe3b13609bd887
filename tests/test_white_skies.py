import json
import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dpsims_hub.labels import FolderDataset
from dpsims_hub.pipelines.pipeline_dpsims import DPSIMSPipeline
from tests.tiny import tiny_generator

TOOL = runpy.run_path(str(Path(__file__).parents[1] / "tools" / "white_skies.py"))
without_white_skies = TOOL["without_white_skies"]
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


def test_the_share_of_white_sky_is_the_mean_over_photos_with_sky(data, tmp_path, monkeypatch, capsys):
    """Pixel by pixel, in the real photos and in those that a model makes of the same maps."""
    for path in (data / "images").iterdir():
        photo = np.asarray(Image.open(path)).copy()
        photo[:3, :3], photo[0, 0] = (250, 255, 251), (255, 249, 255)
        Image.fromarray(photo).save(path)
    network = tiny_generator(2, spectral_norm=False, sample_size=[16, 20])
    with torch.no_grad():
        network.to_rgb.bias += 2  # some pixels are white
    pipe = DPSIMSPipeline(network, FolderDataset(data).spec.to_dict())
    pipe.save_pretrained(tmp_path / "model")
    shares = {"real": [], "generated": []}
    for seed, path in enumerate(sorted((data / "labels").iterdir())):
        ids = np.asarray(Image.open(path).resize((20, 16), Image.Resampling.NEAREST))
        made = pipe(ids, generator=torch.Generator().manual_seed(seed)).images[0]
        real = Image.open(data / "images" / path.name).resize((20, 16), Image.Resampling.LANCZOS)
        sky = [(int(column), int(row)) for row, column in np.argwhere(ids == SKY)]
        for kind, photo in (("real", real), ("generated", made)) if sky else ():
            shares[kind].append(sum(min(photo.getpixel(place)) >= 250 for place in sky) / len(sky))
    assert all(len(some) == 2 and 0 < sum(some) < 2 for some in shares.values())
    monkeypatch.setattr("sys.argv", ["white_skies.py", str(data), "--model", str(tmp_path / "model")])
    TOOL["main"]()
    printed = capsys.readouterr().out
    for kind, some in shares.items():
        assert f"3 {kind} photos: {sum(some) / 2:.1%} of the sky at 250 or more" in printed
