"""Which pair comes when: a function of the position alone."""

from __future__ import annotations

import shutil
from itertools import islice
from pathlib import Path

import pytest
import torch

from dpsims_hub.labels import FolderDataset, LabelMapError
from dpsims_hub.training.data import PositionSampler, TrainingPairs, make_loader
from dpsims_hub.training.transform import PairTransform
from tests.training.tiny_run import write_pairs

LISTS = {"skipped", "left_out"}


@pytest.fixture
def folder(pairs_dir) -> FolderDataset:
    return FolderDataset(pairs_dir)


def number(image: torch.Tensor) -> int:
    """The photo's number in its folder, from its blue channel."""
    return round(float(image[2].float().mean()) / 20)


def make_pairs(folder: FolderDataset, **settings: object) -> TrainingPairs:
    return TrainingPairs(folder, PairTransform((24, 32), latent_dim=3, samples_per_map=2), 5, **settings)


def batches(folder: FolderDataset, count: int, workers: int = 0, start_step: int = 0) -> list[dict]:
    pairs = make_pairs(folder)
    loader = make_loader(pairs, PositionSampler(3, start_step=start_step), workers)
    return list(islice(iter(loader), count))


def assert_equal(first: list, second: list) -> None:
    assert len(first) == len(second)
    for a, b in zip(first, second, strict=True):
        assert a.keys() == b.keys() == {"real_images", "label_map", "latents", *LISTS}
        assert all(a[name] == b[name] for name in LISTS)
        assert all(torch.equal(a[name], b[name]) for name in a.keys() - LISTS)


def test_items_are_tensors_in_the_stated_ranges(folder):
    item = make_pairs(folder)[0]
    assert item["real_images"].shape == (3, 24, 32)
    assert item["real_images"].dtype == torch.uint8
    assert item["real_images"].float().std() > 12
    assert item["label_map"].shape == (24, 32)
    assert item["label_map"].dtype == torch.uint8
    assert set(item["label_map"].unique().tolist()) <= {0, 1, 2}


def test_a_position_is_the_same_whatever_the_workers_and_the_start(folder):
    straight = batches(folder, 6)
    assert_equal(batches(folder, 6, workers=2), straight)
    assert_equal(batches(folder, 3, start_step=3), straight[3:])
    assert_equal(batches(folder, 2, workers=1, start_step=4), straight[4:])


def test_a_position_is_the_same_whatever_was_read_before(folder):
    pairs, fresh = (make_pairs(folder) for _ in range(2))
    for position in (13, 0, 25, 13):
        assert_equal([pairs[position]], [fresh[position]])
        fresh = make_pairs(folder)


def test_two_ranks_share_what_one_would_read(folder):
    single = list(islice(PositionSampler(6), 60))
    ranks = [list(islice(PositionSampler(3, rank, 2), 30)) for rank in range(2)]
    assert not set(ranks[0]) & set(ranks[1])
    interleaved = [p for step in range(10) for rank in ranks for p in rank[3 * step : 3 * step + 3]]
    assert interleaved == single == list(range(60))


def test_every_epoch_has_every_pair_once_in_a_new_order(tmp_path):
    folder = FolderDataset(write_pairs(tmp_path / "seven", count=7))
    pairs = TrainingPairs(folder, PairTransform((24, 32), max_zoom=1.0, flip=False), seed=5)
    # Batches of 2 on 2 ranks: epochs of 7 end in the middle of a step.
    positions = sorted(p for rank in range(2) for p in islice(PositionSampler(2, rank, 2), 14))
    numbers = [number(pairs[position]["real_images"]) for position in positions]
    epochs = [numbers[start : start + 7] for start in range(0, 28, 7)]
    assert all(sorted(epoch) == list(range(7)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 4


def test_the_seed_changes_order_and_crops(folder):
    first, second = (TrainingPairs(folder, PairTransform((24, 32)), seed=seed) for seed in (1, 2))
    numbers = [[number(pairs[p]["real_images"]) for p in range(12)] for pairs in (first, second)]
    assert numbers[0] != numbers[1]
    again = TrainingPairs(folder, PairTransform((24, 32)), seed=1)
    same_photo = next(p for p in range(12, 24) if number(again[p]["real_images"]) == numbers[0][0])
    assert not torch.equal(first[0]["real_images"], again[same_photo]["real_images"])


def damage(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:200])


@pytest.fixture
def one_bad(pairs_dir, tmp_path) -> FolderDataset:
    """The folder with photo 004 cut off."""
    shutil.copytree(pairs_dir, tmp_path / "bad")
    damage(tmp_path / "bad" / "images" / "004.png")
    return FolderDataset(tmp_path / "bad")


def test_a_bad_pair_stops_the_epoch_with_its_name(one_bad):
    pairs = make_pairs(one_bad)
    with pytest.raises(LabelMapError, match=r"004\.png"):
        [pairs[position] for position in range(12)]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_bad_pair_that_is_tolerated_is_replaced_and_told(one_bad, workers):
    def read() -> list[dict]:
        loader = make_loader(make_pairs(one_bad, skip_bad=True), PositionSampler(3), workers)
        return list(islice(iter(loader), 4))

    found = read()
    told = [sentence for batch in found for sentence in batch["skipped"]]
    assert len(told) == 1
    assert "004.png" in told[0]
    numbers = [number(image) for batch in found for image in batch["real_images"]]
    assert len(numbers) == 12
    assert 4 not in numbers
    assert len(set(numbers)) == 11  # all the others, one of them twice
    assert_equal(read(), found)


def test_pairs_that_are_all_bad_end_with_an_error_not_in_a_search(one_bad):
    for path in (one_bad.root / "labels").iterdir():
        damage(path)
    with pytest.raises(LabelMapError, match=r"\.png"):
        make_pairs(one_bad, skip_bad=True)[0]


def test_max_samples_takes_the_first_pairs_only(folder):
    pairs = make_pairs(folder, max_samples=5)
    assert len(pairs) == 5
    assert {number(pairs[position]["real_images"]) for position in range(5)} <= set(range(5))
