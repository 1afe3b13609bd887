"""Parquet shards of a folder of pairs, for streaming with `datasets`; the files' bytes are unchanged.

A folder of shards has the form of a data set on the Hub: `data/SPLIT-00000-of-00008.parquet`, a
`classes.json` and a README.md that lists the splits. Columns are image, label and optional instances, each
with the bytes of a file and its name. The schema of every shard contains the class list.

Pairs are shuffled when they are written, because a stream can only shuffle within a buffer. Row groups are
small, because readers hold whole ones in memory. The bytes are not compressed again.
"""

from __future__ import annotations

import json
import math
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dpsims_hub.labels.classes.errors import LabelMapError
from dpsims_hub.labels.classes.spec import ClassSpec
from dpsims_hub.labels.sources.folder import check_listing, read_pair
from dpsims_hub.labels.sources.layouts import Listing, PairFiles
from dpsims_hub.labels.sources.read_ahead import read_ahead
from dpsims_hub.labels.sources.shard_card import CLASSES_KEY, class_text, split_files, write_card
from dpsims_hub.storage.error_text import first_line

if TYPE_CHECKING:
    import pyarrow

ROWS_PER_GROUP = 16  # our choice: some MB of undecoded files in memory
SHARD_BYTES = 500 * 10**6  # what the Hub recommends for a parquet file
SHARDS_STEP = 8  # the number of shards is a multiple, so 2, 4 or 8 readers get equal numbers
COLUMNS = ("image", "label", "instances")
SPLIT_NAME = re.compile(r"\w+(\.\w+)*")


@dataclass(frozen=True)
class ShardOptions:
    """Options of `write_shards`."""

    split: str = "train"  # letters, digits, _ and dots
    num_shards: int = 0  # files, at most one per pair; 0 takes `choose_num_shards`
    seed: int = 0  # of the order
    max_samples: int = 0  # pairs to write, drawn by the seed; 0 writes all
    skip_bad: int = 0  # bad pairs to leave out before the run fails
    num_workers: int = 0  # threads that read and check

    def __post_init__(self) -> None:
        if not SPLIT_NAME.fullmatch(self.split):
            raise ValueError(f"split {self.split!r} must be letters, digits, _ and dots, such as train.")
        for name in ("num_shards", "seed", "max_samples", "skip_bad", "num_workers"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be a whole number from 0, not {getattr(self, name)}.")


@dataclass
class WrittenShards:
    """Numbers of files, pairs and bytes written, and the error message of each pair left out."""

    num_shards: int
    num_pairs: int = 0
    num_bytes: int = 0
    skipped: list[str] = field(default_factory=list)


def write_shards(
    listing: Listing,
    spec: ClassSpec,
    folder: str | Path,
    options: ShardOptions | None = None,
    on_pair: Callable[[], object] | None = None,
) -> WrittenShards:
    """Write one split of pairs as parquet shards into a new folder, or into one with other splits.

    Every pair is decoded and checked; its label file follows the stored-value rule of the spec. Files are
    written to `FOLDER.SPLIT.tmp` and moved when complete, so a failed or interrupted run leaves `folder`
    unchanged. `on_pair` is called after each pair, for a progress bar.

    Raises:
        LabelMapError: If more pairs than `skip_bad` are bad, or all; the sentence begins with the file.
        ValueError: If the listing is empty or has unpaired files, or if `folder` holds something else, this
            split, or splits with other classes or columns.
        OSError: If the files cannot be written.
    """
    options, folder = options or ShardOptions(), Path(folder)
    check_listing(listing)
    schema = _schema(spec, listing.has_instances)
    _check_target(folder, options.split, schema)
    order = np.random.default_rng(options.seed).permutation(len(listing.pairs))
    pairs = [listing.pairs[index] for index in order[: options.max_samples or None]]
    num_shards = min(options.num_shards or choose_num_shards(listing.root, pairs), len(pairs))
    unfinished = folder.with_name(f"{folder.name}.{options.split}.tmp")
    check = partial(_read_row, root=listing.root, spec=spec)
    written = WrittenShards(num_shards)
    try:
        shutil.rmtree(unfinished, ignore_errors=True)  # of an interrupted run
        (unfinished / "data").mkdir(parents=True)
        with closing(read_ahead(check, pairs, options.num_workers)) as checked:
            rows = _good_rows(checked, written, options.skip_bad, on_pair)
            for number, count in enumerate(_even_parts(len(pairs), num_shards)):
                name = f"{options.split}-{number:05d}-of-{num_shards:05d}.parquet"
                _write_shard(unfinished / "data" / name, schema, islice(rows, count))
        if not written.num_pairs:
            raise LabelMapError(written.skipped[0])
        _publish(unfinished, folder, options.split, schema)
    except OSError as error:
        raise OSError(
            f"cannot write {folder} ({first_line(error)}); nothing was changed there: make room or "
            "take another place."
        ) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return written


def choose_num_shards(root: Path, pairs: Sequence[PairFiles]) -> int:
    """Return the smallest multiple of 8 that keeps shards at about 500 MB or less, by file sizes."""
    files = (root / path for pair in pairs for path in _paths(pair))
    total = sum(file.stat().st_size for file in files if file.exists())  # missing files fail later
    return SHARDS_STEP * max(1, math.ceil(total / (SHARD_BYTES * SHARDS_STEP)))


def _good_rows(
    checked: Iterable[dict[str, Any] | str],
    written: WrittenShards,
    skip_bad: int,
    on_pair: Callable[[], object] | None,
) -> Iterator[dict[str, Any]]:
    """Yield and count the rows; collect the messages of bad pairs, and fail at one too many."""
    for row in checked:
        if on_pair is not None:
            on_pair()
        if not isinstance(row, str):
            written.num_pairs += 1
            written.num_bytes += sum(len(cell["bytes"]) for cell in row.values())
            yield row
            continue
        written.skipped.append(row)
        if len(written.skipped) > skip_bad:
            many = f"; it is bad pair {len(written.skipped)}, {skip_bad} may be left out."
            raise LabelMapError(row.rstrip(".") + many if skip_bad else row)


def _read_row(pair: PairFiles, *, root: Path, spec: ClassSpec) -> dict[str, Any] | str:
    """Return the row of a pair, or the message that says why it cannot be decoded."""
    try:
        read_pair(root, pair, spec)
        return {
            column: {"bytes": (root / path).read_bytes(), "path": Path(path).name}
            for column, path in zip(COLUMNS, _paths(pair), strict=False)
        }
    except LabelMapError as error:
        return str(error)
    except OSError as error:  # not an error of writing
        return f"{error.filename or root / pair.photo}: cannot be read ({error.strerror or error})."


def _paths(pair: PairFiles) -> list[str]:
    return [path for path in (pair.photo, pair.label, pair.instances) if path is not None]


def _check_target(folder: Path, split: str, schema: pyarrow.Schema) -> None:
    """Refuse a folder with content other than shards, with this split, or with incompatible splits."""
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder}: is a file; choose another name for the folder of shards.")
    if not folder.exists() or not any(folder.iterdir()):
        return
    splits = {name: files for name, files in split_files(folder).items() if _is_complete(files)}
    if not splits:
        raise ValueError(f"{folder}: exists and holds no shards; choose another name or remove it.")
    if split in splits:
        raise ValueError(
            f"{folder}: has a split {split} already ({len(splits[split])} shards); choose another --split, "
            "or remove those files."
        )
    _check_same_kind(folder, next(iter(splits.values()))[0], schema)


def _check_same_kind(folder: Path, shard: Path, schema: pyarrow.Schema) -> None:
    """Refuse a split whose columns or classes differ from those of an existing shard."""
    import pyarrow.parquet

    other = pyarrow.parquet.read_schema(shard)
    if other.names != schema.names:
        raise ValueError(
            f"{folder}: its splits have the columns {', '.join(other.names)}, this one would have "
            f"{', '.join(schema.names)}; choose another folder."
        )
    if _classes_in(other) != _classes_in(schema):
        raise ValueError(f"{folder}: its splits have other classes than this one; choose another folder.")


def _classes_in(schema: pyarrow.Schema) -> ClassSpec | None:
    """Return the class list of a schema without its name, which may be that of a folder."""
    text = (schema.metadata or {}).get(CLASSES_KEY)
    return None if text is None else replace(ClassSpec.from_dict(json.loads(text)), name="")


def _is_complete(files: Sequence[Path]) -> bool:
    return all(path.stem.endswith(f"-of-{len(files):05d}") for path in files)


def _schema(spec: ClassSpec, has_instances: bool) -> pyarrow.Schema:
    """Return the columns, with the metadata of `datasets` and the class list."""
    from datasets import Features, Image

    columns = COLUMNS if has_instances else COLUMNS[:2]
    schema = Features({column: Image() for column in columns}).arrow_schema
    return schema.with_metadata({**(schema.metadata or {}), CLASSES_KEY: class_text(spec).encode()})


def _write_shard(path: Path, schema: pyarrow.Schema, rows: Iterator[dict[str, Any]]) -> None:
    """Write rows in small groups, without statistics, which would repeat the image bytes."""
    import pyarrow.parquet

    with pyarrow.parquet.ParquetWriter(
        path, schema, compression="none", use_dictionary=False, write_statistics=False
    ) as writer:
        while group := list(islice(rows, ROWS_PER_GROUP)):
            writer.write_table(pyarrow.Table.from_pylist(group, schema=schema))


def _even_parts(total: int, parts: int) -> list[int]:
    """Return `parts` sizes that differ by at most one."""
    return [total * (part + 1) // parts - total * part // parts for part in range(parts)]


def _publish(unfinished: Path, folder: Path, split: str, schema: pyarrow.Schema) -> None:
    """Move the finished shards; the card is written last, and makes the split visible to readers."""
    _check_target(folder, split, schema)  # another run may have finished since
    if not folder.exists() or not any(folder.iterdir()):
        write_card(unfinished, schema)
        if folder.exists():
            folder.rmdir()
        unfinished.replace(folder)
        return
    for remains in split_files(folder).get(split, []):
        remains.unlink()
    targets = {path: folder / "data" / path.name for path in sorted((unfinished / "data").iterdir())}
    try:
        for path, target in targets.items():
            path.replace(target)
        write_card(folder, schema)
    except BaseException:
        for target in targets.values():
            target.unlink(missing_ok=True)
        raise
