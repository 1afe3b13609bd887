"""Training pairs from a stream of rows: endless, shuffled, dealt out to processes and workers, resumable.

A reader is one worker of one process. It reads its share of an epoch in blocks of undecoded rows, gives out a
block in random order, and takes in one row of the next block for every row given out. Its whole state is the
place of the block's first row and how many of the block were given out: a resumed reader reads that block
again. A checkpoint therefore holds a few numbers, where the rows of a shuffle buffer would be hundreds of MB,
and no row is lost or repeated. The crop of a row depends on (seed, epoch, shard, row) only, whoever reads it.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from dpsims_hub.labels import LabelMapError
from dpsims_hub.training.data import check_left_out, has_known_pixel
from dpsims_hub.training.stopping import ignore_stop_signals
from dpsims_hub.training.stream_progress import Progress, first_unread, has_read
from dpsims_hub.training.stream_shares import Place, Share, share_of
from dpsims_hub.training.transform import PairTransform

if TYPE_CHECKING:
    from torch.utils.data._utils.worker import WorkerInfo
    from torchdata.stateful_dataloader import StatefulDataLoader

    from dpsims_hub.labels.sources.streams import RowStream

_ORDER, _CROP, _BLOCK = 2, 3, 4  # uses of the seed; 0 and 1 are those of map-style data
_ROWS_AT_ONCE = 16  # converted from Arrow in one go; the row groups of `prepare-data` are no larger
_MOST_BAD_IN_A_ROW = 100  # samples; the rows are shuffled, so that a longer run is no accident


class _Row(NamedTuple):
    place: Place
    shard: int
    content: dict[str, Any]


class _Block:
    """Rows of one epoch, at most `size`, taken from a source that says None where an epoch ends."""

    def __init__(self, source: Iterator[_Row | None], size: int) -> None:
        self.rows: list[_Row | None] = []
        self.complete = False
        self._source = source
        self._size = size

    def take_one(self) -> None:
        """Read one more row, if the block is not complete yet."""
        if self.complete:
            return
        row = next(self._source)
        if row is not None:
            self.rows.append(row)
        self.complete = len(self.rows) == self._size or (row is None and bool(self.rows))

    def finish(self) -> list[_Row | None]:
        """Read what is missing and return all rows."""
        while not self.complete:
            self.take_one()
        return self.rows


class StreamedPairs(IterableDataset):
    """Augmented pairs of a stream without end; every epoch has every row once over all readers.

    Epochs follow each other within a batch where they must, so that batches are full and processes with
    unequal shares never wait for each other. Iterating goes on where the last iteration ended.

    Args:
        stream: all rows of the data, not yet split between processes.
        transform: makes tensors of a pair.
        seed: of order and augmentation, not negative.
        buffer_size: rows that each reader holds to shuffle them, undecoded.
        rank: of this process.
        world_size: number of processes.
        skip_bad: pass over samples that cannot be used, and say so in the item that follows.

    Raises:
        ValueError: a number is out of its range.
    """

    def __init__(
        self,
        stream: RowStream,
        transform: PairTransform,
        seed: int = 0,
        buffer_size: int = 1000,
        rank: int = 0,
        world_size: int = 1,
        skip_bad: bool = False,
    ) -> None:
        if buffer_size < 1:
            raise ValueError(f"--shuffle_buffer_size: {buffer_size} is too small; 1 is no shuffling.")
        if not 0 <= rank < world_size:
            raise ValueError(f"rank {rank} is none of {world_size} processes; count them from 0.")
        self.stream = stream
        self.transform = transform
        self.seed = seed
        self.buffer_size = buffer_size
        self.rank = rank
        self.world_size = world_size
        self.skip_bad = skip_bad
        self.earlier: tuple[Progress, ...] = ()  # of runs with other readers: their rows are passed over
        self._start = Place(epoch=0)  # of the present block
        self._given = 0  # rows of the present block that were given out

    def state_dict(self) -> dict[str, int]:
        """Where this reader is: the place of its block, and the rows of it that were given out."""
        return {**self._start._asdict(), "given": self._given}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on, at the next iteration, after the last item before `state_dict` returned `state`."""
        state = dict(state)
        self._given = state.pop("given")
        self._start = Place(**state)

    def start_epoch(self, epoch: int) -> None:
        """Begin the next iteration with the first row of an epoch."""
        self.load_state_dict({**Place(epoch)._asdict(), "given": 0})

    @cached_property
    def fingerprint(self) -> str:
        """Changes with the rows: made of the images of the first row of the first and of the last shard."""
        digest = hashlib.sha256()
        for shard in (0, self.stream.num_shards - 1):
            for row in islice(self._shard_rows(shard, 0), 1):
                for image in (row["image"] or {}, row["label"] or {}):
                    digest.update(image.get("bytes") or Path(image.get("path") or "").name.encode())
        return digest.hexdigest()

    def __iter__(self) -> Iterator[dict[str, Tensor | list[str]]]:
        """Items as of `TrainingPairs`, with what was passed over just before.

        Raises:
            LabelMapError: a sample cannot be used, and `skip_bad` is off.
            ValueError: too many in a row cannot be used or have no known pixel, a shard cannot be read, or
                there is no row for this reader.
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
                if len(skipped) == _MOST_BAD_IN_A_ROW:
                    raise ValueError(
                        f"{len(skipped)} samples in a row cannot be used; see whether these are the right "
                        f"classes and columns. The last: {error}"
                    ) from error
                continue
            if not has_known_pixel(item, self.stream.spec):
                left_out.append(sample.stem)
                check_left_out(left_out, _MOST_BAD_IN_A_ROW)
                continue
            yield {**item, "skipped": skipped, "left_out": left_out}
            skipped, left_out = [], []

    def _shuffled(self) -> Iterator[_Row]:
        """Rows from the present place on, block after block in random order."""
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
        """This reader's rows in the order in which they are read, and None at the end of every epoch."""
        worker, num_shards = get_worker_info(), self.stream.num_shards
        share = self._share(worker)
        while True:
            shards = np.random.default_rng((self.seed, _ORDER, start.epoch)).permutation(num_shards)
            shards = shards[share.group :: share.groups].tolist()
            earlier = tuple(run for run in self.earlier if run.last_epoch >= start.epoch)
            found = bool(earlier)  # they may have left no row of this epoch for this reader
            for turn in range(start.turn, len(shards)):
                position = share.group + turn * share.groups
                unread = first_unread(earlier, start.epoch, position)
                if unread is None:
                    continue
                first = max(unread, start.row if turn == start.turn else 0)
                for number, content in enumerate(self._shard_rows(shards[turn], first), first):
                    mine = (number + turn) % share.stride == share.offset
                    if mine and not has_read(earlier, start.epoch, position, number):
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

        fsspec.asyn.reset_lock()  # a lock that was held at the fork would never be released here
        reader = self.rank * worker.num_workers + worker.id
        return share_of(reader, self.world_size * worker.num_workers, self.stream.num_shards)

    def _shard_rows(self, shard: int, first: int) -> Iterator[dict[str, Any]]:
        """Undecoded rows of a shard, from row `first` on.

        Through `iter`, because plain iteration in a worker would deal out the shards a second time.
        """
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


def make_stream_loader(
    pairs: StreamedPairs,
    batch_size: int,
    num_workers: int,
    collate_fn: Callable[[Sequence[dict[str, Any]]], dict[str, Any]],
) -> StatefulDataLoader:
    """Endless loader of one process; never passed to `Accelerator.prepare`, which would split it again.

    Where shards cannot be dealt out evenly, the first process says so.

    Args:
        pairs: the data; from now on the loader's own.
        batch_size: items per batch, of one reader each.
        num_workers: processes that read, decode and augment; 0 for this one.
        collate_fn: makes a batch of items.
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
        # About its own call of a function of PyTorch that does nothing any more.
        warnings.filterwarnings("ignore", "'set_vital'", UserWarning)
        return StatefulDataLoader(
            pairs,
            batch_size=batch_size,
            num_workers=num_workers,
            collate_fn=collate_fn,
            worker_init_fn=ignore_stop_signals,
            pin_memory=torch.cuda.is_available(),
            # Of its own, so that a new iterator draws nothing from the global one.
            generator=torch.Generator().manual_seed(pairs.seed),
        )


def _readers(world_size: int, num_workers: int) -> str:
    workers = f" with {num_workers} workers each" if num_workers else ""
    return f"{world_size} process(es){workers}"
