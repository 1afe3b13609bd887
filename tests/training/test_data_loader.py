"""The batches of a run, whichever processes read them."""

from __future__ import annotations

import shutil
from itertools import islice

import pytest

from dpsims_hub.labels import FolderDataset, LabelMapError
from dpsims_hub.training.command_line import parse_config
from dpsims_hub.training.data_loader import TrainingDataLoader
from dpsims_hub.training.transform import PairTransform
from tests.training.tiny_run import tiny_flags


@pytest.mark.parametrize("workers", [0, 1])
def test_a_bad_pair_is_one_sentence_whoever_read_it(pairs_dir, tmp_path, workers):
    folder = tmp_path / "pairs"
    shutil.copytree(pairs_dir, folder)
    photo = folder / "images" / "007.png"
    photo.write_bytes(photo.read_bytes()[:200])
    config = parse_config(tiny_flags(folder, tmp_path / "out", "--dataloader_num_workers", workers))
    data_loader = TrainingDataLoader(
        config, FolderDataset(folder), PairTransform(config.size, 1.0, True, "crop", 6, 2)
    )
    data_loader.start(0)
    with pytest.raises(LabelMapError) as raised:
        list(islice(iter(data_loader.next, None), 12))
    with pytest.raises(LabelMapError) as expected:
        FolderDataset(folder)[7]
    assert str(raised.value) == str(expected.value)
    assert "007.png" in str(raised.value)
