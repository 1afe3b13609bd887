"""Streams of 41 numbered rows, and readers of them."""

from __future__ import annotations

from pathlib import Path

import torch

from dpsims_hub.labels.sources.data_source import DataSource
from dpsims_hub.labels.sources.streams import RowStream
from dpsims_hub.training.stream import StreamedPairs, make_stream_loader
from tests.training.shards import telling_transform

ROWS = 41
UNEVEN = (14, 14, 13)
EVEN = (11, 10, 10, 10)


def open_stream(folder: Path) -> RowStream:
    return DataSource(name=str(folder), streaming=True).open()


def make_pairs(stream: RowStream, **settings) -> StreamedPairs:
    return StreamedPairs(stream, telling_transform(), **{"seed": 3, "buffer_size": 6, **settings})


def make_loader(stream: RowStream, workers: int = 0, batch_size: int = 4, **settings):
    return make_stream_loader(make_pairs(stream, **settings), batch_size, workers)


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
