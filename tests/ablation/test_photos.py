import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image

from dpsims_hub.ablation.photos import draw_photos
from dpsims_hub.ablation.plan import make_runs
from dpsims_hub.ablation.runner import Outcome
from dpsims_hub.ablation.study import Arm, Study
from dpsims_hub.labels import FolderDataset
from dpsims_hub.labels.reading.resizing import resize_label_map
from dpsims_hub.pipelines.pipeline_dpsims import DPSIMSPipeline
from tests.tiny import tiny_generator
from tests.training.tiny_run import write_pairs

STUDY = Study("s", "Which?", "that one", (Arm("a"), Arm("b", {"focal_gamma": 0.0})))


@pytest.fixture
def data(tmp_path) -> FolderDataset:
    write_pairs(tmp_path / "val", count=7)
    return FolderDataset(tmp_path / "val")


@pytest.fixture
def outcomes(tmp_path, data) -> list[Outcome]:
    """Two seeds of two arms; seed 0 of b failed."""
    made = []
    for number, run in enumerate(make_runs(STUDY, STUDY.arms, [], ("t", "v"), tmp_path, 5, 2)):
        torch.manual_seed(number)
        network = tiny_generator(data.spec.num_classes, spectral_norm=False)
        DPSIMSPipeline(network, data.spec.to_dict()).save_pretrained(run.folder / "pipeline")
        made.append(Outcome(run, {}))
    made[1] = dataclasses.replace(made[1], report=None, failure="nan")
    return made


def test_every_arm_makes_the_same_maps_from_the_same_latents(outcomes, data, tmp_path):
    path = tmp_path / "photos.png"
    assert draw_photos(outcomes, data, path)
    sheet = np.asarray(Image.open(path))
    for column, run in ((2, outcomes[0].run), (3, outcomes[3].run)):  # a with seed 0, b with seed 1
        pipe = DPSIMSPipeline.from_pretrained(run.folder / "pipeline")
        height, width = pipe.generator.config.sample_size
        scale = round(250 / width)
        for row, index in enumerate((0, 1, 2, 4, 5)):
            label_map = resize_label_map(data[index].label_map, (height, width))
            wanted = pipe(label_map, generator=torch.Generator().manual_seed(row)).images[0]
            wanted = np.asarray(wanted.resize((width * scale, height * scale), Image.Resampling.LANCZOS))
            top = 6 + 16 + 6 + row * (height * scale + 6)
            left = 6 + column * (width * scale + 6)
            seen = sheet[top : top + height * scale, left : left + width * scale]
            np.testing.assert_array_equal(seen, wanted)


def test_nothing_to_draw(outcomes, data, tmp_path):
    failed = [dataclasses.replace(one, report=None) for one in outcomes]
    assert not draw_photos(failed, data, tmp_path / "photos.png")
    assert not (tmp_path / "photos.png").exists()
