import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dpsims_hub.commands import main
from dpsims_hub.labels import ClassSpec
from dpsims_hub.pipelines.pipeline_dpsims import DPSIMSPipeline
from tests.tiny import save_tiny_backbone, tiny_generator

SPEC = ClassSpec.load("camvid")


@pytest.fixture(scope="session")
def model(tmp_path_factory) -> Path:
    """A folder with a tiny random model of the CamVid classes that makes multiples of 4."""
    network = tiny_generator(SPEC.num_classes, spectral_norm=False)
    folder = tmp_path_factory.mktemp("model")
    DPSIMSPipeline(network, SPEC.to_dict()).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def weights(tmp_path_factory) -> Path:
    return save_tiny_backbone(tmp_path_factory.mktemp("backbone") / "tiny.safetensors")


@pytest.fixture(scope="session")
def pairs(tmp_path_factory) -> Path:
    """Five photos of 24x16 with their maps, in val; six in train."""
    root = tmp_path_factory.mktemp("data") / "streets"
    random = np.random.default_rng(0)
    for split, count in (("val", 5), ("train", 6)):
        for name in ("images", "labels"):
            (root / split / name).mkdir(parents=True)
        for number in range(count):
            photo = random.integers(0, 256, (16, 24, 3), np.uint8)
            Image.fromarray(photo).save(root / split / "images" / f"{number}.png")
            ids = random.integers(0, 11, (16, 24), np.uint8)
            Image.fromarray(ids).save(root / split / "labels" / f"{number}.png")
        (root / split / "classes.json").write_text(json.dumps(list(SPEC.names)))
    return root


@pytest.fixture
def maps(tmp_path) -> Path:
    """A folder of three label maps: a.png and b.png of 24x16, c.png of 16x12."""
    folder = tmp_path / "maps"
    folder.mkdir()
    random = np.random.default_rng(0)
    for name, height, width in (("a", 4, 6), ("b", 4, 6), ("c", 3, 4)):
        ids = random.integers(0, SPEC.num_classes, (height, width), dtype=np.uint8)
        Image.fromarray(ids.repeat(4, axis=0).repeat(4, axis=1)).save(folder / f"{name}.png")
    return folder


@pytest.fixture
def refused(capsys, tmp_path):
    """Runs `dpsims` on bad input: exit code 2, one sentence on stderr, nothing written into tmp_path."""

    def run(*arguments: object) -> str:
        before = sorted(tmp_path.rglob("*"))
        capsys.readouterr()  # what the test itself caused, such as a progress bar of diffusers
        assert main([str(argument) for argument in arguments]) == 2
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err.startswith("dpsims: ")
        assert printed.err.count("\n") == 1, printed.err
        assert "Traceback" not in printed.err
        assert sorted(tmp_path.rglob("*")) == before
        return printed.err

    return run
