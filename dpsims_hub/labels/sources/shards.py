"""Parquet shards of a folder of pairs: what `datasets` streams, with the files' bytes untouched.

A folder of shards looks like a data set on the Hub: `data/SPLIT-00000-of-00008.parquet`, a `classes.json`
and a README.md that names the splits. Columns are image, label and perhaps instances, each the bytes of a
file and its name. The class list also travels in the schema of every file: one shard alone can be read.

Pairs are shuffled while the shards are written, because a stream can only shuffle near neighbours. Row groups
are small, because a reader holds whole ones in memory. Files are stored without a second compression: JPEG
and PNG leave nothing to gain.
"""

from __future__ import annotations

import json
import math
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
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
from dpsims_hub.labels.sources.shard_card import CLASSES_KEY, class_text, write_card

if TYPE_CHECKING:
    import pyarrow

ROWS_PER_GROUP = 16  # our choice: a worker holds some MB of undecoded files, not a whole shard
SHARD_BYTES = 500 * 10**6  # what the Hub recommends for a parquet file
SHARDS_STEP = 8  # shards are a multiple, so that 2, 4 or 8 readers get equally many
COLUMNS = ("image", "label", "instances")
SPLIT_NAME = re.compile(r"\w+(\.\w+)*")
SHARD_NAME = re.compile(r"(?P<split>\w+(?:\.\w+)*)-\d{5}-of-(?P<count>\d{5})\.parquet")


@dataclass(frozen=True)
class ShardOptions:
    """How a split is written.

    Args:
        split: Its name: letters, digits, _ and dots.
        num_shards: Files; 0 chooses, see `choose_num_shards`. Never more than pairs.
        seed: Of the order.
        max_samples: Pairs to write, drawn by the seed; 0 writes all.
        skip_bad: Bad pairs to leave out before giving up.
        num_workers: Threads that read and check.
    """

    split: str = "train"
    num_shards: int = 0
    seed: int = 0
    max_samples: int = 0
    skip_bad: int = 0
    num_workers: int = 0

    def __post_init__(self) -> None:
        if not SPLIT_NAME.fullmatch(self.split):
            raise ValueError(f"split {self.split!r} must be letters, digits, _ and dots, such as train.")
        for name in ("num_shards", "seed", "max_samples", "skip_bad", "num_workers"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be a whole number from 0, not {getattr(self, name)}.")


@dataclass(frozen=True)
class WrittenShards:
    """What was written: pairs, files, the bytes of their content, and the sentence of each pair left out."""

    num_pairs: int
    num_shards: int
    num_bytes: int
    skipped: tuple[str, ...]


def write_shards(
    listing: Listing,
    spec: ClassSpec,
    folder: str | Path,
    options: ShardOptions | None = None,
    on_pair: Callable[[], object] | None = None,
) -> WrittenShards:
    """Write one split of pairs as parquet shards into a new folder, or into one that has other splits.

    Every pair is decoded and checked on the way. All of it goes into `FOLDER.SPLIT.tmp` first and is moved
    when it is complete: a fault, a full disk or Ctrl-C leave `folder` as it was.

    Args:
        listing: The pairs, all with their partners.
        spec: The classes; label files follow its stored-value rule.
        folder: Where to write.
        options: How.
        on_pair: Called after each pair, for a progress bar.

    Raises:
        LabelMapError: If more pairs than `skip_bad` are bad, or all; the sentence begins with the file.
        ValueError: If the listing is empty or lacks partners, or if `folder` holds something else, this split
            already, or other splits with other classes or columns.
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
    tally = _Tally(options.skip_bad)
    try:
        _make_empty(unfinished / "data", unfinished)
        with closing(read_ahead(check, pairs, options.num_workers)) as checked:
            rows = tally.good_rows(checked, on_pair)
            for number, count in enumerate(_even_parts(len(pairs), num_shards)):
                name = f"{options.split}-{number:05d}-of-{num_shards:05d}.parquet"
                _write_shard(unfinished / "data" / name, schema, islice(rows, count))
        if not tally.num_pairs:
            raise LabelMapError(tally.skipped[0])
        _publish(unfinished, folder, options.split, schema)
    except OSError as error:
        reason = error.strerror or str(error).splitlines()[0]
        raise OSError(
            f"cannot write {folder} ({reason}); nothing was changed there: make room or take another place."
        ) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return WrittenShards(tally.num_pairs, num_shards, tally.num_bytes, tuple(tally.skipped))


def choose_num_shards(root: Path, pairs: Sequence[PairFiles]) -> int:
    """Return the smallest multiple of 8 that keeps shards at about 500 MB or less, by the files' sizes.

    Args:
        root: What the paths are relative to.
        pairs: The files.
    """
    files = (root / path for pair in pairs for path in _paths(pair))
    total = sum(file.stat().st_size for file in files if file.exists())  # a missing one is reported when read
    return SHARDS_STEP * max(1, math.ceil(total / (SHARD_BYTES * SHARDS_STEP)))


class _Tally:
    """Counts the pairs on their way to the shards and stops at one bad pair too many."""

    def __init__(self, skip_bad: int) -> None:
        self.num_pairs = 0
        self.num_bytes = 0
        self.skipped: list[str] = []
        self._skip_bad = skip_bad

    def good_rows(
        self, checked: Iterable[dict[str, Any] | str], on_pair: Callable[[], object] | None
    ) -> Iterator[dict[str, Any]]:
        """Yield the rows and keep the sentences of bad pairs."""
        for row in checked:
            if on_pair is not None:
                on_pair()
            if isinstance(row, str):
                self.skipped.append(row)
                if len(self.skipped) > self._skip_bad:
                    raise LabelMapError(self._too_many(row))
                continue
            self.num_pairs += 1
            self.num_bytes += sum(len(cell["bytes"]) for cell in row.values())
            yield row

    def _too_many(self, last: str) -> str:
        if not self._skip_bad:
            return last
        return f"{last.rstrip('.')}; it is bad pair {len(self.skipped)}, {self._skip_bad} may be left out."


def _read_row(pair: PairFiles, *, root: Path, spec: ClassSpec) -> dict[str, Any] | str:
    """Return the row of a pair that can be decoded, or the sentence that says why it cannot."""
    try:
        read_pair(root, pair, spec)
        return {
            column: {"bytes": (root / path).read_bytes(), "path": Path(path).name}
            for column, path in zip(COLUMNS, _paths(pair), strict=False)
        }
    except LabelMapError as error:
        return str(error)
    except OSError as error:  # told apart from a disk that cannot be written
        return f"{error.filename or root / pair.photo}: cannot be read ({error.strerror or error})."


def _paths(pair: PairFiles) -> list[str]:
    return [path for path in (pair.photo, pair.label, pair.instances) if path is not None]


def _check_target(folder: Path, split: str, schema: pyarrow.Schema) -> None:
    """Refuse a folder that holds something else, this split already, or splits of another kind."""
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder}: is a file; choose another name for the folder of shards.")
    if not folder.exists() or not any(folder.iterdir()):
        return
    splits = {name: files for name, files in _split_files(folder).items() if _is_complete(files)}
    if not splits:
        raise ValueError(f"{folder}: exists and holds no shards; choose another name or remove it.")
    if split in splits:
        raise ValueError(
            f"{folder}: has a split {split} already ({len(splits[split])} shards); choose another --split, "
            "or remove those files."
        )
    _check_same_kind(folder, next(iter(splits.values()))[0], schema)


def _check_same_kind(folder: Path, shard: Path, schema: pyarrow.Schema) -> None:
    """Refuse to put two splits side by side that cannot be one data set."""
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
    """Return the class list of a schema without its name, which may come from a folder's."""
    text = (schema.metadata or {}).get(CLASSES_KEY)
    return None if text is None else replace(ClassSpec.from_dict(json.loads(text)), name="")


def _split_files(folder: Path) -> dict[str, list[Path]]:
    """Return the shards of each split, in order."""
    splits: dict[str, list[Path]] = {}
    for path in sorted(folder.glob("data/*.parquet")):
        if name := SHARD_NAME.fullmatch(path.name):
            splits.setdefault(name["split"], []).append(path)
    return splits


def _is_complete(files: Sequence[Path]) -> bool:
    return all(path.stem.endswith(f"-of-{len(files):05d}") for path in files)


def _schema(spec: ClassSpec, has_instances: bool) -> pyarrow.Schema:
    """Return the columns, with what `datasets` and this package read from a schema's metadata."""
    from datasets import Features, Image

    columns = COLUMNS if has_instances else COLUMNS[:2]
    schema = Features({column: Image() for column in columns}).arrow_schema
    return schema.with_metadata({**(schema.metadata or {}), CLASSES_KEY: class_text(spec).encode()})


def _write_shard(path: Path, schema: pyarrow.Schema, rows: Iterator[dict[str, Any]]) -> None:
    """Write rows in small groups; statistics of image bytes would only copy image bytes."""
    import pyarrow
    import pyarrow.parquet

    with pyarrow.parquet.ParquetWriter(
        path, schema, compression="none", use_dictionary=False, write_statistics=False
    ) as writer:
        while group := list(islice(rows, ROWS_PER_GROUP)):
            writer.write_table(pyarrow.Table.from_pylist(group, schema=schema))


def _even_parts(total: int, parts: int) -> list[int]:
    """Return `parts` sizes that differ by at most one."""
    return [total * (part + 1) // parts - total * part // parts for part in range(parts)]


def _make_empty(folder: Path, unfinished: Path) -> None:
    """Make `folder`; what a killed run left of `unfinished` goes."""
    if unfinished.exists():
        shutil.rmtree(unfinished)
    folder.mkdir(parents=True)


def _publish(unfinished: Path, folder: Path, split: str, schema: pyarrow.Schema) -> None:
    """Move the finished shards to their place; the card, written last, is what makes a split visible."""
    _check_target(folder, split, schema)  # another run may have finished meanwhile
    if not folder.exists() or not any(folder.iterdir()):
        write_card(unfinished, schema)
        if folder.exists():
            folder.rmdir()
        unfinished.replace(folder)
        return
    for remains in _split_files(folder).get(split, []):
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
