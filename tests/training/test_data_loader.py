"""The batches of a run, whichever processes read them."""

from __future__ import annotations

import shutil
from itertools import islice

import pytest
import torch

from dpsims_hub.labels import FolderDataset, LabelMapError
from dpsims_hub.labels.sources.data_source import DataSource
from dpsims_hub.training.command_line import parse_config
from dpsims_hub.training.config import TrainConfig
from dpsims_hub.training.data_loader import TrainingDataLoader
from dpsims_hub.training.transform import PairTransform
from tests.training.shards import telling_transform, write_shards
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


def test_fewer_processes_go_on_within_the_epoch_from_all_places_of_a_checkpoint(tmp_path):
    """Of 9 and 9 rows the old processes gave out 6 and 2, in blocks of 2."""
    rows = write_shards(tmp_path / "rows", (9, 9))
    config = TrainConfig(train_batch_size=2, dataloader_num_workers=0, shuffle_buffer_size=2)

    def loader(rank: int, processes: int) -> TrainingDataLoader:
        source = DataSource(name=str(rows), streaming=True).open()
        return TrainingDataLoader(config, source, telling_transform(), rank, processes)

    seen = []
    for rank, steps in enumerate((3, 1)):
        old = loader(rank, 2)
        old.start(0)
        seen += [int(number) for _ in range(steps) for number in old.next()["number"]]
        torch.save({"feed": old.state()}, tmp_path / f"data_{rank}.pt")
    new = loader(0, 1)
    state = torch.load(tmp_path / "data_0.pt")["feed"]
    # The last block of each is counted as open although all of it was given out.
    assert "and 4 rows of unfinished blocks come a second time" in new.start(3, state, tmp_path)
    batches = [new.next() for _ in range(10)]
    left = [
        int(number)
        for batch in batches
        for number, epoch in zip(batch["number"], batch["epoch"], strict=True)
        if epoch == 0
    ]
    assert sorted(left) == sorted(set(left))
    assert set(seen) | set(left) == set(range(18))
    assert len(left) == 18 - 8 + 4
