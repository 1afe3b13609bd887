"""Tiny parquet shards whose rows can be told apart by the colour of their photo."""

from __future__ import annotations

import io
import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from datasets import Features
from datasets import Image as ImageColumn
from PIL import Image

from dpsims_hub.labels import Sample
from dpsims_hub.training.transform import PairTransform

CLASSES = ["road", "sky", "car"]
SIZE = (16, 24)
BAD_ID = 9
ROWS_PER_GROUP = 4


def write_shards(root: Path, lengths: Sequence[int], bad: Collection[int] = (), first: int = 0) -> Path:
    """Shards of so many rows, numbered on from `first`; maps of rows in `bad` hold an id that is no class.

    Photos have one colour, which is their number; maps are random blocks, which every crop and flip changes.
    """
    (root / "data").mkdir(parents=True)
    row = first
    for shard, length in enumerate(lengths):
        numbers = range(row, row + length)
        row += length
        path = root / "data" / f"train-{shard:05}-of-{len(lengths):05}.parquet"
        _write_shard(path, [make_row(number, number in bad) for number in numbers])
    (root / "classes.json").write_text(json.dumps(CLASSES))
    return root


def _write_shard(path: Path, rows: list[dict[str, Any]]) -> None:
    schema = Features({"image": ImageColumn(), "label": ImageColumn()}).arrow_schema
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, len(rows), ROWS_PER_GROUP):
            writer.write_table(pa.Table.from_pylist(rows[start : start + ROWS_PER_GROUP], schema))


def make_row(number: int, bad: bool = False) -> dict[str, Any]:
    """{"image", "label"}, each {"bytes", "path"}."""
    height, width = 2 * SIZE[0], 2 * SIZE[1]
    photo = np.full((height, width, 3), (number % 16 * 16, number // 16 * 16, 0), dtype=np.uint8)
    rng = np.random.default_rng(number)
    blocks = rng.integers(0, len(CLASSES), (height // 4, width // 4), dtype=np.uint8)
    if bad:
        blocks[:] = BAD_ID
    return {
        "image": {"bytes": _png(photo), "path": f"{number:03}.png"},
        "label": {"bytes": _png(blocks.repeat(4, 0).repeat(4, 1)), "path": f"{number:03}_map.png"},
    }


def _png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


class TellingTransform(PairTransform):
    """Adds to every example the epoch in which it was read and the number of its photo."""

    def __call__(self, sample: Sample, key: Sequence[int]) -> dict[str, torch.Tensor]:
        red, green, _ = (int(value) // 16 for value in np.asarray(sample.image)[0, 0])
        told = {"epoch": torch.tensor(key[2]), "number": torch.tensor(16 * green + red)}
        return {**super().__call__(sample, key), **told}


def telling_transform() -> TellingTransform:
    return TellingTransform(SIZE, latent_dim=5, samples_per_map=2)
