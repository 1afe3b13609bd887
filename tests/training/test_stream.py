"""Streams: every row once an epoch, in a new order, and exactly resumable."""

from __future__ import annotations

import io
import json
import pickle
import tarfile
import time
from itertools import islice
from pathlib import Path

import pytest
import torch

from dpsims_hub.labels import LabelMapError
from dpsims_hub.labels.sources.data_source import DataSource
from dpsims_hub.labels.sources.streams import RowStream
from dpsims_hub.training.data import collate
from dpsims_hub.training.stream import StreamedPairs, make_stream_loader
from dpsims_hub.training.stream_resume import data_state, restore
from dpsims_hub.training.stream_shares import share_of
from tests.training.shards import CLASSES, make_row, telling_transform, write_shards

ROWS = 41
UNEVEN = (14, 14, 13)
EVEN = (11, 10, 10, 10)


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[tuple[int, ...], Path]:
    root = tmp_path_factory.mktemp("shards")
    lengths = (UNEVEN, EVEN, (ROWS,))
    return {shards: write_shards(root / str(len(shards)), shards) for shards in lengths}


@pytest.fixture
def uneven(folders) -> RowStream:
    return open_stream(folders[UNEVEN])


def open_stream(folder: Path) -> RowStream:
    return DataSource(name=str(folder), streaming=True).open()


def make_pairs(stream: RowStream, **settings) -> StreamedPairs:
    return StreamedPairs(stream, telling_transform(), **{"seed": 3, "buffer_size": 6, **settings})


def make_loader(stream: RowStream, workers: int = 0, batch_size: int = 4, **settings):
    return make_stream_loader(make_pairs(stream, **settings), batch_size, workers, collate)


def numbers(items: list[dict]) -> list[int]:
    return [int(item["number"]) for item in items]


def assert_equal(first: list[dict], second: list[dict]) -> None:
    assert len(first) == len(second)
    for a, b in zip(first, second, strict=True):
        assert a.keys() == b.keys() >= {"real_images", "label_map", "latents", "skipped"}
        assert a["skipped"] == b["skipped"]
        assert a["left_out"] == b["left_out"]
        tensors = a.keys() - {"skipped", "left_out"}
        assert [name for name in tensors if not torch.equal(a[name], b[name])] == []


def epochs_of_readers(stream: RowStream, world_size: int, workers: int, **settings) -> list[list[dict]]:
    """Items of epochs 0 and 1, of all readers together."""
    epochs: list[list[dict]] = [[], []]
    for rank in range(world_size):
        loader = make_loader(stream, workers, batch_size=1, rank=rank, world_size=world_size, **settings)
        unfinished = set(range(max(1, workers)))  # batches come from the workers in turn
        for count, batch in enumerate(loader):
            if batch["epoch"] < 2:
                epochs[int(batch["epoch"])].append(batch)
            else:
                unfinished.discard(count % max(1, workers))
            if not unfinished:
                break
    return epochs


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


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("world_size", [1, 2])
def test_a_resumed_loader_gives_the_very_next_batches(folders, workers, world_size, tmp_path):
    for rank in range(world_size):
        split = {"rank": rank, "world_size": world_size}
        straight = list(islice(make_loader(open_stream(folders[UNEVEN]), workers, **split), 15))
        assert {int(epoch) for batch in straight[7:] for epoch in batch["epoch"]} >= {0, 1} or world_size == 2
        first = make_loader(open_stream(folders[UNEVEN]), workers, **split)
        assert_equal(list(islice(first, 7)), straight[:7])
        torch.save(data_state(first), tmp_path / "state.pt")
        again = make_loader(open_stream(folders[UNEVEN]), workers, **split)
        assert restore(again, torch.load(tmp_path / "state.pt", weights_only=True)) == ""
        assert_equal(list(islice(again, 8)), straight[7:])


@pytest.mark.parametrize("buffer_size", [1, 5, 100])
def test_it_can_stop_after_any_sample(uneven, buffer_size):
    straight = list(islice(make_pairs(uneven, buffer_size=buffer_size), 100))
    running = make_pairs(uneven, buffer_size=buffer_size)
    items = iter(running)
    for count in range(90):
        resumed = make_pairs(uneven, buffer_size=buffer_size)
        resumed.load_state_dict(running.state_dict())
        assert_equal(list(islice(resumed, 3)), straight[count : count + 3])
        next(items)


def test_a_loader_that_was_resumed_can_be_saved_again(uneven):
    straight = list(islice(make_loader(uneven, 2), 12))
    state = None
    for start in range(0, 12, 4):
        loader = make_loader(uneven, 2)
        assert state is None or restore(loader, state) == ""
        state = data_state(loader)  # before any batch
        loader = make_loader(uneven, 2)
        assert restore(loader, state) == ""
        assert_equal(list(islice(loader, 4)), straight[start : start + 4])
        state = data_state(loader)


def test_the_state_has_no_rows_in_it(uneven):
    sizes = []
    for buffer_size in (2, 30):
        loader = make_loader(uneven, buffer_size=buffer_size)
        list(islice(loader, 2))
        torch.save(data_state(loader), file := io.BytesIO())
        sizes.append(file.tell())
    assert sizes[0] == sizes[1] < 5_000


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

    pairs = Counted(open_stream(folders[(ROWS,)]), telling_transform(), buffer_size=10)
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


def test_with_another_seed_the_epoch_begins_anew_and_a_sentence_says_so(uneven):
    before = make_loader(uneven)
    list(islice(before, 15))  # 60 samples: in epoch 1
    changed = make_loader(uneven, seed=4)
    sentence = restore(changed, data_state(before))
    assert "seed (3 then, 4 now)" in sentence
    assert "epoch 1 begins anew" in sentence
    expected = make_loader(uneven, seed=4)
    expected.dataset.start_epoch(1)
    batches = list(islice(changed, 5))
    assert_equal(batches, list(islice(expected, 5)))
    assert {int(epoch) for epoch in batches[0]["epoch"]} == {1}


CHANGES = {
    "processes (1 then, 2 now)": {"world_size": 2},
    "workers (0 then, 2 now)": {"workers": 2},
    "shuffle buffer (6 then, 7 now)": {"buffer_size": 7},
}


@pytest.mark.parametrize("named", CHANGES)
def test_other_readers_go_on_within_the_epoch_and_a_sentence_says_so(uneven, named, tmp_path):
    """Of 41 rows 20 are given out, of which two are of an open block of 6."""
    before = make_loader(uneven)
    seen = numbers(item for batch in islice(before, 5) for item in split_batch(batch))
    torch.save(data_state(before), tmp_path / "state.pt")
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    left = []
    for rank in range(CHANGES[named].get("world_size", 1)):
        changed = make_loader(uneven, batch_size=1, **{**CHANGES[named], "rank": rank})
        sentence = restore(changed, state)
        assert f"the stream's {named}; epoch 0 goes on" in sentence
        assert "and 2 rows of blocks that were not finished come a second time" in sentence
        items = list(islice(changed, 40))
        left += [int(item["number"]) for item in items if item["epoch"] == 0]
    assert set(seen) | set(left) == set(range(ROWS))
    assert len(left) == ROWS - 18


def split_batch(batch: dict) -> list[dict]:
    return [{"number": number} for number in batch["number"]]


def test_with_other_rows_the_epoch_begins_anew(uneven, tmp_path):
    before = make_loader(uneven)
    list(islice(before, 2))
    other = make_loader(open_stream(write_shards(tmp_path / "other", UNEVEN, first=100)))
    assert "its rows; epoch 0 begins anew" in restore(other, data_state(before))
    assert len(set(numbers(islice(other.dataset, ROWS)))) == ROWS


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


@pytest.fixture(scope="module")
def with_bad_rows(tmp_path_factory) -> RowStream:
    return open_stream(write_shards(tmp_path_factory.mktemp("bad") / "data", (4, 4), bad=(2, 3, 6)))


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


def test_a_bad_row_stops_by_default_with_its_name(with_bad_rows):
    with pytest.raises(LabelMapError, match=r"^shard [01], row [23], 00[236]_map.png"):
        list(islice(make_pairs(with_bad_rows), 8))


@pytest.mark.parametrize("workers", [0, 1])
def test_bad_rows_are_skipped_and_told_once_an_epoch(with_bad_rows, workers):
    pairs = make_pairs(with_bad_rows, skip_bad=True)
    items = list(islice(make_stream_loader(pairs, 1, workers, collate), 15))
    assert sorted(numbers(items[:5])) == sorted(numbers(items[5:10])) == [0, 1, 4, 5, 7]
    told = [sentence for item in items for sentence in item["skipped"]]
    # Two epochs and what of the third came before its end.
    for name in ("002", "003", "006"):
        assert sum(name in sentence for sentence in told) in (2, 3)


def test_skipped_rows_do_not_disturb_resuming(with_bad_rows):
    straight = list(islice(make_loader(with_bad_rows, 2, skip_bad=True), 12))
    first = make_loader(with_bad_rows, 2, skip_bad=True)
    list(islice(first, 5))
    again = make_loader(with_bad_rows, 2, skip_bad=True)
    assert restore(again, data_state(first)) == ""
    assert_equal(list(islice(again, 7)), straight[5:])


def test_a_stream_without_a_good_row_ends_with_a_sentence(tmp_path):
    stream = open_stream(write_shards(tmp_path / "bad", (3,), bad=range(3)))
    with pytest.raises(ValueError, match="100 samples in a row cannot be used.*The last: .*00[012]"):
        next(iter(make_pairs(stream, skip_bad=True)))


def test_a_stream_without_rows_ends_with_a_sentence(tmp_path):
    stream = open_stream(write_shards(tmp_path / "empty", (0, 0)))
    with pytest.raises(ValueError, match="no row for one of 1 process"):
        next(iter(make_pairs(stream)))


def test_a_damaged_shard_is_named(tmp_path):
    folder = write_shards(tmp_path / "damaged", (9, 9, 9))
    stream = open_stream(folder)
    shard = folder / "data" / "train-00001-of-00003.parquet"
    shard.write_bytes(shard.read_bytes()[:1000])
    with pytest.raises(ValueError, match="^shard 1 .* of the stream's 3 cannot be read"):
        list(islice(make_pairs(stream), 27))


def test_more_readers_than_rows_end_with_a_sentence(tmp_path):
    stream = open_stream(write_shards(tmp_path / "few", (1,)))
    assert numbers(islice(make_pairs(stream, rank=0, world_size=2), 2)) == [0, 0]
    with pytest.raises(ValueError, match="no row for one of 2 process"):
        next(iter(make_pairs(stream, rank=1, world_size=2)))


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"buffer_size": 0}, "--shuffle_buffer_size"), ({"rank": 2, "world_size": 2}, "rank 2")],
)
def test_impossible_settings_are_refused(uneven, settings, message):
    with pytest.raises(ValueError, match=message):
        make_pairs(uneven, **settings)


def test_pairs_can_be_pickled_in_the_middle(uneven):
    pairs = make_pairs(uneven)
    straight = list(islice(make_pairs(uneven), 20))
    list(islice(pairs, 9))
    assert_equal(list(islice(pickle.loads(pickle.dumps(pairs)), 11)), straight[9:])
