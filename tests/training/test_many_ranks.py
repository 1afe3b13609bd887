"""64 ranks with 8 workers each over 1024 uneven shards, simulated: one reader after the other, no process.

A row is its number in the whole stream. What a row's shard and place are is counted here from the lengths
alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from dpsims_hub.training import stream as stream_module
from dpsims_hub.training.stream import StreamedPairs
from dpsims_hub.training.stream_resume import data_state, restore

RANKS, WORKERS, SHARDS, BUFFER = 64, 8, 1024, 3
LENGTHS = np.random.default_rng(0).integers(4, 10, SHARDS).tolist()
BEGINS = np.concatenate(([0], np.cumsum(LENGTHS)))
ROWS = list(range(BEGINS[-1]))


class ShardsOfNumbers:
    """As much of a data set of `datasets` and of a `RowStream` as a reader uses."""

    spec = SimpleNamespace(ignore_index=255)

    def __init__(self, lengths: list[int]) -> None:
        self.num_shards = len(lengths)
        self.begins = np.concatenate(([0], np.cumsum(lengths)))
        self.rows = self

    def shard(self, num_shards: int, index: int) -> ShardsOfNumbers:
        one = ShardsOfNumbers([])
        one.numbers = list(range(self.begins[index], self.begins[index + 1]))
        return one

    def skip(self, count: int) -> ShardsOfNumbers:
        self.numbers = self.numbers[count:]
        return self

    def iter(self, batch_size: int) -> Iterator[dict[str, list[int]]]:
        for start in range(0, len(self.numbers), batch_size):
            yield {"number": self.numbers[start : start + batch_size]}

    def sample(self, row: dict[str, int], name: str) -> SimpleNamespace:
        return SimpleNamespace(number=row["number"], stem=name)


KNOWN = torch.zeros(1, dtype=torch.uint8)


def tell(sample: SimpleNamespace, key: tuple[int, ...]) -> dict:
    return {"label_map": KNOWN, "epoch": key[2], "number": sample.number}


class Pairs(StreamedPairs):
    fingerprint = "the same rows"


class Rank:
    """The loader of a process with its workers, whose readers are asked one after the other."""

    def __init__(self, lengths: list[int], rank: int, ranks: int, workers: int = WORKERS) -> None:
        settings = {"seed": 7, "buffer_size": BUFFER, "rank": rank, "world_size": ranks}
        self.num_workers = workers
        self.dataset = Pairs(ShardsOfNumbers(lengths), tell, **settings)
        self.readers = [Pairs(ShardsOfNumbers(lengths), tell, **settings) for _ in range(workers)]

    def state_dict(self) -> dict:
        return {f"worker_{i}": {"worker_id": i, "state": r.state_dict()} for i, r in enumerate(self.readers)}

    def load_state_dict(self, state: dict) -> None:
        for i, reader in enumerate(self.readers):
            reader.load_state_dict(state[f"worker_{i}"]["state"])

    def read(self, monkeypatch, worker: int) -> Iterator[tuple[int, int]]:
        """(epoch, number) of a reader's rows, without end."""
        reader = self.readers[worker]
        info = SimpleNamespace(id=worker, num_workers=self.num_workers)
        reader.earlier = self.dataset.earlier
        with monkeypatch.context() as patch:
            patch.setattr(stream_module, "get_worker_info", lambda: info)
            rows = iter(reader)
            first = next(rows)
        yield first["epoch"], first["number"]
        yield from ((row["epoch"], row["number"]) for row in rows)

    def resume(self, states: list[dict]) -> str:
        sentence = restore(self, states[min(self.dataset.rank, len(states) - 1)], lambda: states)
        if sentence:  # else the readers have states of their own
            for reader in self.readers:
                reader.load_state_dict(self.dataset.state_dict())
        return sentence


def read_some(monkeypatch, ranks: list[Rank], counts: Iterator[int]) -> list[tuple[int, int]]:
    """So many rows of every reader."""
    return [
        row
        for rank in ranks
        for worker in range(rank.num_workers)
        for _, row in zip(range(next(counts)), rank.read(monkeypatch, worker), strict=False)
    ]


def read_to(monkeypatch, ranks: list[Rank], epoch: int) -> list[list[tuple[int, int]]]:
    """The rows of every reader before `epoch`."""
    found = []
    for rank in ranks:
        for worker in range(rank.num_workers):
            rows = rank.read(monkeypatch, worker)
            found.append(list(iter(lambda rows=rows: row if (row := next(rows))[0] < epoch else None, None)))
    return found


def group(ranks: int, workers: int = WORKERS, lengths: list[int] = LENGTHS) -> list[Rank]:
    return [Rank(lengths, rank, ranks, workers) for rank in range(ranks)]


def in_epoch(rows: list[tuple[int, int]], epoch: int) -> Counter[int]:
    return Counter(number for of, number in rows if of == epoch)


def test_every_row_is_read_once_an_epoch_and_no_reader_starves(monkeypatch):
    by_reader = read_to(monkeypatch, group(RANKS), 2)
    assert len(by_reader) == 512
    for epoch in (0, 1):
        assert min(sum(of == epoch for of, _ in rows) for rows in by_reader) >= 8  # two shards each
        assert sorted(in_epoch([row for rows in by_reader for row in rows], epoch).elements()) == ROWS
    assert all(a <= b for rows in by_reader for (a, _), (b, _) in pairwise(rows))


@pytest.mark.parametrize(("ranks", "workers"), [(32, 8), (64, 3)])
def test_other_readers_lose_no_row_and_repeat_only_open_blocks(monkeypatch, ranks, workers):
    """The ranks are in different epochs when they stop, since their shards are not equally long."""
    old = group(RANKS)
    seen = read_some(monkeypatch, old, iter([5, 9, 6, 14] * 128))
    assert {epoch for epoch, _ in seen} >= {0, 1}
    states = [data_state(rank) for rank in old]
    new = group(ranks, workers)
    sentences = {rank.resume(states) for rank in new}
    assert len(sentences) == 1
    seen += [row for rows in read_to(monkeypatch, new, 3) for row in rows]
    counts = [in_epoch(seen, epoch) for epoch in range(3)]
    assert all(sorted(count) == ROWS for count in counts)
    assert all(value <= 2 for count in counts for value in count.values())
    again = sum(count.total() - len(ROWS) for count in counts)
    assert 0 < again <= BUFFER * RANKS * WORKERS
    assert f" {again} rows of unfinished blocks come a second time" in sentences.pop()


def test_a_second_change_of_readers_keeps_what_both_runs_have_read(monkeypatch):
    lengths = LENGTHS[:48]
    old = group(4, 2, lengths)
    seen = read_some(monkeypatch, old, iter([40, 11, 25, 33] * 2))
    again = 0
    for ranks, workers in ((2, 2), (3, 2)):
        states = [data_state(rank) for rank in old]
        old = group(ranks, workers, lengths)
        sentence = {rank.resume(states) for rank in old}.pop()
        again += int(sentence.split(" rows of unfinished blocks")[0].rsplit(" ", 1)[1])
        same = group(ranks, workers, lengths)  # a stop at once, and the same readers
        assert {rank.resume([data_state(rank) for rank in old]) for rank in same} == {""}
        seen += read_some(monkeypatch, same, iter([5, 17, 8, 12, 3, 9]))
        old = same
    seen += [row for rows in read_to(monkeypatch, old, 4) for row in rows]
    rows = list(range(sum(lengths)))
    counts = [in_epoch(seen, epoch) for epoch in range(4)]
    assert all(sorted(count) == rows for count in counts)
    assert sum(count.total() - len(rows) for count in counts) == again


def test_shards_that_are_read_are_not_opened_again(monkeypatch):
    old = group(2, 1, [6] * 8)
    read_some(monkeypatch, old, iter([16, 16]))  # two shards of each, and a block of the next
    new = group(1, 1, [6] * 8)
    new[0].resume([data_state(rank) for rank in old])
    opened = []
    reader = new[0].readers[0]
    source = reader._shard_rows
    monkeypatch.setattr(reader, "_shard_rows", lambda *which: opened.append(which) or source(*which))
    rows = new[0].read(monkeypatch, 0)
    while next(rows)[0] == 0:
        pass
    assert len(opened) <= 6 + 1  # of 8, and one of the next epoch
    assert sum(first == 3 for _, first in opened) == 2
