"""Streams: every row once an epoch, in a new order."""

from __future__ import annotations

import io
import json
import tarfile
import time
from itertools import islice
from pathlib import Path

import pytest
import torch

from dpsims_hub.training.stream import StreamedPairs
from dpsims_hub.training.stream_resume import data_state, restore
from dpsims_hub.training.stream_shares import share_of
from tests.training.shards import CLASSES, make_row, telling_transform
from tests.training.stream_readers import (
    EVEN,
    ROWS,
    UNEVEN,
    assert_equal,
    epochs_of_readers,
    make_loader,
    make_pairs,
    numbers,
    open_stream,
)


@pytest.mark.parametrize("shards", [UNEVEN, EVEN, (ROWS,)], ids=len)
@pytest.mark.parametrize(("world_size", "workers"), [(1, 0), (2, 0), (3, 0), (1, 2), (2, 2)])
def test_every_epoch_has_every_row_once_over_all_readers(folders, shards, world_size, workers):
    for epoch in epochs_of_readers(open_stream(folders[shards]), world_size, workers):
        assert sorted(numbers(epoch)) == list(range(ROWS))


@pytest.mark.parametrize("num_readers", range(1, 9))
@pytest.mark.parametrize("num_shards", range(1, 9))
def test_shares_are_disjoint_and_equally_large(num_readers, num_shards):
    turns, rows = range(num_shards), range(num_readers)
    cells = []
    for reader in range(num_readers):
        group, groups, offset, stride = share_of(reader, num_readers, num_shards)
        mine = [(t, r) for t in turns for r in rows if t % groups == group and r % stride == offset]
        assert len(mine) == num_shards
        cells += mine
    assert sorted(cells) == [(t, r) for t in turns for r in rows]


def test_shards_that_can_be_dealt_out_are_read_by_one_reader_only(folders):
    class Opened(StreamedPairs):
        def _shard_rows(self, shard, first):
            opened.append((self.rank, shard))
            return super()._shard_rows(shard, first)

    opened: list[tuple[int, int]] = []
    stream = open_stream(folders[EVEN])
    for rank in range(2):
        pairs = Opened(stream, telling_transform(), seed=3, buffer_size=1, rank=rank, world_size=2)
        list(islice(pairs, 19))  # one less than its epoch has
    assert sorted(shard for _, shard in opened) == [0, 1, 2, 3]
    assert [rank for rank, _ in opened] == [0, 0, 1, 1]


def test_epochs_and_seeds_differ_in_order_and_crops(uneven):
    first, second = epochs_of_readers(uneven, 1, 0)
    assert numbers(first) != numbers(second)
    assert numbers(first) != numbers(epochs_of_readers(uneven, 1, 0, seed=4)[0])
    assert_equal(first, epochs_of_readers(uneven, 1, 0)[0])
    maps = [{int(item["number"]): item["label_map"] for item in epoch} for epoch in (first, second)]
    same = [torch.equal(maps[0][number], maps[1][number]) for number in range(ROWS)]
    assert sum(same) < 3


def test_a_row_is_cropped_alike_whoever_reads_it(uneven):
    alone, shared = (epochs_of_readers(uneven, *readers)[1] for readers in ((1, 0), (2, 2)))
    assert numbers(alone) != numbers(shared)
    by_number = [sorted(items, key=lambda item: int(item["number"])) for items in (alone, shared)]
    assert_equal(*by_number)


def starts_of_runs(values: list[int]) -> list[int]:
    return [value for i, value in enumerate(values) if i == 0 or value != values[i - 1] + 1]


def test_shards_are_shuffled_anew_every_epoch_and_rows_within_the_buffer(folders):
    stream = open_stream(folders[EVEN])
    plain = numbers(islice(make_pairs(stream, buffer_size=1), 3 * ROWS))
    orders = [starts_of_runs(plain[start : start + ROWS]) for start in range(0, 3 * ROWS, ROWS)]
    assert all(sorted(order) == [0, 11, 21, 31] for order in orders)
    assert len({tuple(order) for order in orders}) == 3
    shuffled = numbers(islice(make_pairs(stream, buffer_size=20), ROWS))
    assert len(starts_of_runs(shuffled)) > 20


def test_it_reads_one_row_for_every_row_given_out_and_never_holds_more_than_the_buffer(folders):
    class Counted(StreamedPairs):
        read = 0

        def _shard_rows(self, shard, first):
            for row in super()._shard_rows(shard, first):
                self.read += 1
                yield row

    pairs = Counted(open_stream(folders[(ROWS,)]), telling_transform(), seed=0, buffer_size=10)
    reads = [pairs.read for _ in islice(pairs, 200)]
    assert reads[0] == 11
    held = [read - given for given, read in enumerate(reads)]
    assert max(held) <= 11
    # Only after the epoch's last block, of one row, the next one has to be filled at once.
    steps = [b - a for a, b in zip(reads, reads[1:], strict=False)]
    assert sorted(step for step in steps if step > 1) == [10] * 4


def test_neither_the_clock_nor_the_global_random_numbers_are_used(uneven, monkeypatch):
    """Some versions of `datasets` sleep for seconds where an iterator over parquet ends."""
    monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail(f"slept {seconds} s"))
    before = torch.get_rng_state()
    assert len(list(islice(make_loader(uneven), 30))) == 30
    assert torch.equal(torch.get_rng_state(), before)


def test_it_says_when_readers_must_share_shards(folders, capsys):
    make_loader(open_stream(folders[EVEN]), workers=2, world_size=2)
    assert capsys.readouterr().out == ""
    make_loader(open_stream(folders[UNEVEN]), workers=2, world_size=2)
    said = capsys.readouterr().out
    assert "3 shard(s)" in said
    assert "2 process(es) with 2 workers each" in said
    assert "4 times" in said
    make_loader(open_stream(folders[UNEVEN]), workers=2, world_size=2, rank=1)
    assert capsys.readouterr().out == ""


def write_webdataset(root: Path) -> Path:
    """Three archives of 5, 5 and 4 pairs, in columns with other names."""
    root.mkdir()
    for shard, count in enumerate((5, 5, 4)):
        with tarfile.open(root / f"train-{shard:05}.tar", "w") as archive:
            for number in range(5 * shard, 5 * shard + count):
                row = make_row(number)
                for column in ("image", "label"):
                    member = tarfile.TarInfo(f"{number:03}.{column}.png")
                    member.size = len(row[column]["bytes"])
                    archive.addfile(member, io.BytesIO(row[column]["bytes"]))
    (root / "classes.json").write_text(json.dumps(CLASSES))
    return root


def write_imagefolder(root: Path) -> Path:
    (root / "train").mkdir(parents=True)
    lines = []
    for number in range(14):
        row = make_row(number)
        names = {f"{column}_file_name": row[column]["path"] for column in ("image", "label")}
        for column in ("image", "label"):
            (root / "train" / row[column]["path"]).write_bytes(row[column]["bytes"])
        lines.append(json.dumps(names) + "\n")
    (root / "train" / "metadata.jsonl").write_text("".join(lines))
    (root / "classes.json").write_text(json.dumps(CLASSES))
    return root


@pytest.mark.parametrize("write", [write_webdataset, write_imagefolder])
def test_other_formats_are_read_once_an_epoch_and_resumed_exactly(write, tmp_path):
    stream = open_stream(write(tmp_path / "data"))
    for epoch in epochs_of_readers(stream, world_size=2, workers=2):
        assert sorted(numbers(epoch)) == list(range(14))
    straight = list(islice(make_loader(stream, 2), 9))
    first, again = (make_loader(open_stream(tmp_path / "data"), 2) for _ in range(2))
    list(islice(first, 4))
    assert restore(again, data_state(first)) == ""
    assert_equal(list(islice(again, 5)), straight[4:])
