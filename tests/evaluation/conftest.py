import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dpsims_hub.evaluation.measures import BackboneMeasure
from dpsims_hub.evaluation.recipe import describe_backbone
from dpsims_hub.labels import FolderDataset
from dpsims_hub.models import PretrainedBackbone
from dpsims_hub.pipelines.pipeline_dpsims import DPSIMSPipeline
from tests.tiny import save_tiny_backbone, tiny_generator


@pytest.fixture(scope="session")
def weights(tmp_path_factory) -> Path:
    """Random weights of timm's tiny residual network."""
    return save_tiny_backbone(tmp_path_factory.mktemp("backbone") / "tiny.safetensors")


@pytest.fixture(scope="session")
def backbone(weights):
    return PretrainedBackbone("test_resnet", weights)


@pytest.fixture(scope="session")
def backbone_measure(backbone, weights) -> BackboneMeasure:
    return BackboneMeasure(backbone, describe_backbone(backbone, weights))


def write_pairs(root: Path, count: int, seed: int) -> FolderDataset:
    """Pairs of 48x32: blocks of three classes and unknown, in noisy colours."""
    (root / "images").mkdir()
    (root / "labels").mkdir()
    (root / "classes.json").write_text(json.dumps(["road", "sky", "car"]))
    random = np.random.default_rng(seed)
    for number in range(count):
        ids = random.choice([0, 1, 2, 255], size=(4, 6)).astype(np.uint8).repeat(8, axis=0).repeat(8, axis=1)
        colours = np.where(ids == 255, 3, ids)[..., None] * 60 + random.integers(0, 60, (32, 48, 3))
        Image.fromarray(colours.astype(np.uint8)).save(root / "images" / f"{number}.png")
        Image.fromarray(ids).save(root / "labels" / f"{number}.png")
    return FolderDataset(root)


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> FolderDataset:
    """Seven pairs."""
    return write_pairs(tmp_path_factory.mktemp("pairs"), 7, 0)


@pytest.fixture(scope="session")
def training(tmp_path_factory) -> FolderDataset:
    """Nine others."""
    return write_pairs(tmp_path_factory.mktemp("training"), 9, 1)


@pytest.fixture(scope="session")
def pipe(folder) -> DPSIMSPipeline:
    """A random model of those classes that makes 24x16."""
    return DPSIMSPipeline(tiny_generator(spectral_norm=False), folder.spec.to_dict())
