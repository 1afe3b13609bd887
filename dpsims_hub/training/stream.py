"""Training pairs from a stream of rows: endless, shuffled, split between processes and workers, resumable.

A reader is one worker of one process. It reads its share of an epoch in blocks of undecoded rows and yields
the rows of a block in random order. For every row that it yields, it reads one row of the next block. Its
state is the place of the block's first row and the number of rows yielded; a resumed reader reads that block
again. A checkpoint then contains a few numbers instead of a shuffle buffer of hundreds of MB, and no row is
lost or repeated. The crop of a row depends only on (seed, epoch, shard, row).
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from dpsims_hub.labels import LabelMapError
from dpsims_hub.training.data import MOST_IN_A_ROW, check_left_out, collate, has_known_pixel
from dpsims_hub.training.stopping import ignore_stop_signals
from dpsims_hub.training.stream_shares import Place, Progress, Share, share_of
from dpsims_hub.training.transform import PairTransform

if TYPE_CHECKING:
    from torch.utils.data._utils.worker import WorkerInfo
    from torchdata.stateful_dataloader import StatefulDataLoader

    from dpsims_hub.labels.sources.streams import RowStream

_ORDER, _CROP, _BLOCK = 2, 3, 4  # purposes of random numbers, the second part of their keys
_ROWS_AT_ONCE = 16  # converted from Arrow together; row groups of `prepare-data` are no larger


class _Row(NamedTuple):
    place: Place
    shard: int
    content: dict[str, Any]


class _Block:
    """At most `size` rows of one epoch; `source` yields None at the end of an epoch."""

    def __init__(self, source: Iterator[_Row | None], size: int) -> None:
        self.rows: list[_Row | None] = []
        self.complete = False
        self._source = source
        self._size = size

    def take_one(self) -> None:
        """Read one more row unless the block is complete."""
        if self.complete:
            return
        row = next(self._source)
        if row is not None:
            self.rows.append(row)
        self.complete = len(self.rows) == self._size or (row is None and bool(self.rows))

    def finish(self) -> list[_Row | None]:
        """Read the missing rows, and return all rows."""
        while not self.complete:
            self.take_one()
        return self.rows


@dataclass(eq=False)
class StreamedPairs(IterableDataset):
    """Endless augmented pairs of a stream; in every epoch all readers together yield each row once.

    A batch may span two epochs, so that batches are full and processes never wait for each other. A new
    iteration continues where the last one ended.

    Args:
        stream: all rows of the data, not yet split between processes.
        transform: converts a pair to tensors.
        seed: of order and augmentation, not negative.
        buffer_size: undecoded rows that each reader shuffles.
        rank: of this process.
        world_size: number of processes.
        skip_bad: skip samples that cannot be used, and report them in the next item.
    """

    stream: RowStream
    transform: PairTransform
    seed: int
    buffer_size: int
    rank: int = 0
    world_size: int = 1
    skip_bad: bool = False

    def __post_init__(self) -> None:
        self.earlier: tuple[Progress, ...] = ()  # runs with other readers; the rows they read are skipped
        self._start = Place(epoch=0)  # first row of the current block
        self._given = 0  # rows of the current block that were yielded

    def state_dict(self) -> dict[str, int]:
        """Place of this reader's block, and the number of its rows that were yielded."""
        return {**self._start._asdict(), "given": self._given}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Continue after the last item that was yielded before `state_dict` returned `state`."""
        state = dict(state)
        self._given = state.pop("given")
        self._start = Place(**state)

    def start_epoch(self, epoch: int) -> None:
        """Continue with the first row of an epoch."""
        self.load_state_dict({**Place(epoch)._asdict(), "given": 0})

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the images in the first rows of the first and of the last shard."""
        digest = hashlib.sha256()
        for shard in (0, self.stream.num_shards - 1):
            for row in islice(self._shard_rows(shard, 0), 1):
                for image in (row["image"] or {}, row["label"] or {}):
                    digest.update(image.get("bytes") or Path(image.get("path") or "").name.encode())
        return digest.hexdigest()

    def __iter__(self) -> Iterator[dict[str, Tensor | list[str]]]:
        """Yield items like those of `TrainingPairs`.

        Raises:
            ValueError: a sample cannot be used (LabelMapError), too many in a row cannot be used, a shard
                cannot be read, or there is no row for this reader.
        """
        skipped: list[str] = []
        left_out: list[str] = []
        for row in self._shuffled():
            try:
                sample = self.stream.sample(row.content, f"shard {row.shard}, row {row.place.row}")
                item = self.transform(sample, (self.seed, _CROP, row.place.epoch, row.shard, row.place.row))
            except LabelMapError as error:
                if not self.skip_bad:
                    raise
                skipped.append(str(error))
                if len(skipped) == MOST_IN_A_ROW:
                    raise ValueError(
                        f"{len(skipped)} samples in a row cannot be used; see whether these are the right "
                        f"classes and columns. The last: {error}"
                    ) from error
                continue
            if not has_known_pixel(item, self.stream.spec):
                left_out.append(sample.stem)
                check_left_out(left_out)
                continue
            yield {**item, "skipped": skipped, "left_out": left_out}
            skipped, left_out = [], []

    def _shuffled(self) -> Iterator[_Row]:
        """Rows from the current place on, block after block, each in random order."""
        source = self._read(self._start)
        following = _Block(source, self.buffer_size)
        given = self._given
        while True:
            rows, following = following.finish(), _Block(source, self.buffer_size)
            first = rows[0]
            self._start, self._given = first.place, given
            rng = np.random.default_rng((self.seed, _BLOCK, first.place.epoch, first.shard, first.place.row))
            for index in rng.permutation(len(rows))[given:]:
                following.take_one()
                row, rows[index] = rows[index], None
                self._given += 1
                yield row
            given = 0

    def _read(self, start: Place) -> Iterator[_Row | None]:
        """This reader's rows in reading order, and None at the end of every epoch."""
        worker, num_shards = get_worker_info(), self.stream.num_shards
        share = self._share(worker)
        while True:
            shards = np.random.default_rng((self.seed, _ORDER, start.epoch)).permutation(num_shards)
            shards = shards[share.group :: share.groups].tolist()
            earlier = tuple(run for run in self.earlier if run.last_epoch >= start.epoch)
            found = bool(earlier)  # earlier runs may have read all rows of this reader's epoch
            for turn in range(start.turn, len(shards)):
                position = share.group + turn * share.groups
                unread = [run.first_unread(start.epoch, position) for run in earlier]
                if None in unread:
                    continue
                first = max(*unread, 0, start.row if turn == start.turn else 0)
                for number, content in enumerate(self._shard_rows(shards[turn], first), first):
                    mine = (number + turn) % share.stride == share.offset
                    if mine and not any(run.has_read(start.epoch, position, number) for run in earlier):
                        yield _Row(Place(start.epoch, turn, number), shards[turn], content)
                        found = True
            if not found:
                readers = _readers(self.world_size, worker.num_workers if worker else 0)
                raise ValueError(f"the stream has no row for one of {readers}; use fewer, or see its files.")
            yield None
            start = Place(start.epoch + 1)

    def _share(self, worker: WorkerInfo | None) -> Share:
        if worker is None:
            return share_of(self.rank, self.world_size, self.stream.num_shards)
        import fsspec.asyn

        fsspec.asyn.reset_lock()  # a lock that was held at the fork is never released in the worker
        reader = self.rank * worker.num_workers + worker.id
        return share_of(reader, self.world_size * worker.num_workers, self.stream.num_shards)

    def _shard_rows(self, shard: int, first: int) -> Iterator[dict[str, Any]]:
        """Undecoded rows of a shard from row `first` on; iterating over `rows` would split shards again."""
        from pyarrow import ArrowException

        num_shards = self.stream.num_shards
        rows = self.stream.rows.shard(num_shards=num_shards, index=shard).skip(first)
        try:
            for batch in rows.iter(batch_size=_ROWS_AT_ONCE):
                for values in zip(*batch.values(), strict=True):
                    yield dict(zip(batch, values, strict=True))
        except (ArrowException, OSError) as error:
            raise ValueError(
                f"shard {shard} (the first is 0) of the stream's {num_shards} cannot be read: {error}"
            ) from error


def make_stream_loader(pairs: StreamedPairs, batch_size: int, num_workers: int) -> StatefulDataLoader:
    """Endless loader of one process; `Accelerator.prepare` would split it between processes again.

    The first process prints a line if the shards cannot be divided evenly between readers.
    """
    from torchdata.stateful_dataloader import StatefulDataLoader

    share = share_of(0, pairs.world_size * max(1, num_workers), pairs.stream.num_shards)
    if share.stride > 1 and pairs.rank == 0:
        print(
            f"{pairs.stream.num_shards} shard(s) cannot be dealt out evenly to "
            f"{_readers(pairs.world_size, num_workers)}: each reads {share.stride} times the rows that it "
            "decodes; as many shards as readers, or a multiple, would avoid it."
        )
    with warnings.catch_warnings():
        # The constructor calls a PyTorch function that has no effect and warns.
        warnings.filterwarnings("ignore", "'set_vital'", UserWarning)
        return StatefulDataLoader(
            pairs,
            batch_size=batch_size,
            num_workers=num_workers,
            collate_fn=collate,
            worker_init_fn=ignore_stop_signals,
            pin_memory=torch.cuda.is_available(),
            # Without it, a new iterator would draw from the global random generator.
            generator=torch.Generator().manual_seed(pairs.seed),
        )


def _readers(world_size: int, num_workers: int) -> str:
    workers = f" with {num_workers} workers each" if num_workers else ""
    return f"{world_size} process(es){workers}"
