"""Pairs as rows of parquet, webdataset and imagefolder, written by hand from known numbers."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import datasets
import pyarrow
import pyarrow.parquet

from tests.labels.png_files import PALETTE, RGB, png_bytes

CLASSES = ["road", "sky", "car"]
HEIGHT, WIDTH = 4, 6
PALETTE_COLOURS = bytes([200, 10, 10, 0, 0, 0, 9, 200, 3])  # greys of these would be 67, 0 and 120


def label_rows(number: int) -> list[list[int]]:
    return [[(x + y + number) % 3 for x in range(WIDTH)] for y in range(HEIGHT)]


def photo_bytes(number: int) -> bytes:
    return png_bytes([[number * 10] * (3 * WIDTH)] * HEIGHT, kind=RGB)


def label_bytes(number: int) -> bytes:
    """Palette, 16-bit and plain maps in turn."""
    options = [{"kind": PALETTE, "palette": PALETTE_COLOURS}, {"depth": 16}, {}][number % 3]
    return png_bytes(label_rows(number), **options)


def instance_bytes(number: int) -> bytes:
    return png_bytes([[26000 + number] * WIDTH] * HEIGHT, depth=16)


def rows(count: int, columns: tuple[str, ...] = ("image", "label"), first: int = 0) -> list[dict]:
    """Rows whose cells are bytes and file names; a third column holds object numbers."""
    makers = (photo_bytes, label_bytes, instance_bytes)
    return [
        {
            column: {"bytes": make(number), "path": f"{number:03}.png"}
            for column, make in zip(columns, makers, strict=False)
        }
        for number in range(first, first + count)
    ]


def write_parquet(
    folder: Path,
    shards: int = 4,
    rows_each: int = 3,
    columns: tuple[str, ...] = ("image", "label"),
    classes: list[str] | None = CLASSES,
    split: str = "train",
) -> Path:
    """Shards of `rows_each` rows, two a row group; the class list in the schema."""
    schema = datasets.Features({column: datasets.Image() for column in columns}).arrow_schema
    extra = {} if classes is None else {b"dpsims_classes": json.dumps(classes).encode()}
    schema = schema.with_metadata({**schema.metadata, **extra})
    (folder / "data").mkdir(parents=True, exist_ok=True)
    for shard in range(shards):
        table = pyarrow.Table.from_pylist(rows(rows_each, columns, shard * rows_each), schema=schema)
        path = folder / "data" / f"{split}-{shard:05d}-of-{shards:05d}.parquet"
        pyarrow.parquet.write_table(table, path, row_group_size=2)
    return folder


def write_archive(path: Path, count: int = 3, first: int = 0, endings=("image.png", "label.png")) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for number, row in enumerate(rows(count, endings, first), first):
            for ending in endings:
                entry = tarfile.TarInfo(f"{number:03}.{ending}")
                entry.size = len(row[ending]["bytes"])
                archive.addfile(entry, io.BytesIO(row[ending]["bytes"]))
    return path


def write_imagefolder(folder: Path, count: int = 3) -> Path:
    """Photos and maps side by side, named by a metadata.jsonl."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for number, row in enumerate(rows(count)):
        names = {"image_file_name": f"photo{number}.png", "annotation_file_name": f"map{number}.png"}
        for name, cell in zip(names.values(), row.values(), strict=True):
            (folder / name).write_bytes(cell["bytes"])
        lines.append(json.dumps(names))
    (folder / "metadata.jsonl").write_text("\n".join(lines))
    return folder


def numbers_of(samples) -> list[int]:
    """Which pairs these are, told by the photos; fails unless every map is exactly its photo's."""
    found = []
    for sample in samples:
        number = sample.image.getpixel((0, 0))[0] // 10
        assert sample.label_map.tolist() == label_rows(number)
        found.append(number)
    return found
