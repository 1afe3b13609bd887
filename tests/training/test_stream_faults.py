"""Streams with bad rows, damaged shards or too few rows."""

from __future__ import annotations

from itertools import islice

import pytest

from dpsims_hub.labels import LabelMapError
from dpsims_hub.labels.sources.streams import RowStream
from dpsims_hub.training.stream import make_stream_loader
from dpsims_hub.training.stream_resume import data_state, restore
from tests.training.shards import write_shards
from tests.training.stream_readers import (
    assert_equal,
    make_loader,
    make_pairs,
    numbers,
    open_stream,
)


@pytest.fixture(scope="module")
def with_bad_rows(tmp_path_factory) -> RowStream:
    return open_stream(write_shards(tmp_path_factory.mktemp("bad") / "data", (4, 4), bad=(2, 3, 6)))


def test_a_bad_row_stops_by_default_with_its_name(with_bad_rows):
    with pytest.raises(LabelMapError, match=r"^shard [01], row [23], 00[236]_map.png"):
        list(islice(make_pairs(with_bad_rows), 8))


@pytest.mark.parametrize("workers", [0, 1])
def test_bad_rows_are_skipped_and_told_once_an_epoch(with_bad_rows, workers):
    pairs = make_pairs(with_bad_rows, skip_bad=True)
    items = list(islice(make_stream_loader(pairs, 1, workers), 15))
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
