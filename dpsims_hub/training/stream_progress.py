"""Which rows of a stream an earlier run, of other readers, has given out."""

from __future__ import annotations

from typing import NamedTuple

from dpsims_hub.training.stream_shares import Place, share_of


class Progress(NamedTuple):
    """How far the readers of an earlier run were, whatever epoch each was in.

    Args:
        num_shards: of the stream.
        places: of the first row of each reader's open block; its rows before this place were given out. Rows
            of the open block count as not given out.
    """

    num_shards: int
    places: tuple[Place, ...]

    @property
    def last_epoch(self) -> int:
        """The latest epoch in which a reader was."""
        return max(place.epoch for place in self.places)

    def first_unread(self, epoch: int, position: int) -> int | None:
        """The first row of a shard that some reader had not given out.

        Args:
            epoch: which one.
            position: of the shard in the epoch's order of all shards.

        Returns:
            A row number that may lie behind the shard's last row; None where every row was given out.
        """
        groups, stride = self._sharing()
        turn, group = position // groups, position % groups
        begins, ends = Place(epoch, turn), Place(epoch, turn + 1)
        readers = (self.places[group + groups * offset] for offset in range(stride))
        unread = [max(place, begins).row for place in readers if place < ends]
        return min(unread) if unread else None

    def has_read(self, epoch: int, position: int, row: int) -> bool:
        """Whether a row was given out; arguments as those of `first_unread`."""
        groups, stride = self._sharing()
        turn, group = position // groups, position % groups
        reader = group + groups * ((row + turn) % stride)
        return Place(epoch, turn, row) < self.places[reader]

    def _sharing(self) -> tuple[int, int]:
        """Groups of readers with shards of their own, and readers in each."""
        share = share_of(0, len(self.places), self.num_shards)
        return share.groups, share.stride


def first_unread(earlier: tuple[Progress, ...], epoch: int, position: int) -> int | None:
    """As the method, of several runs one after the other: the first row that none has given out."""
    rows = [progress.first_unread(epoch, position) for progress in earlier]
    return None if None in rows else max(rows, default=0)


def has_read(earlier: tuple[Progress, ...], epoch: int, position: int, row: int) -> bool:
    """As the method, of several runs one after the other: whether one of them has given the row out."""
    return any(progress.has_read(epoch, position, row) for progress in earlier)
