"""Rows of a stream that earlier runs, with other readers, have given out."""

from __future__ import annotations

from typing import NamedTuple

from dpsims_hub.training.stream_shares import Place, share_of


class Progress(NamedTuple):
    """Positions of the readers of an earlier run: the first row of each one's open block, whatever its epoch.

    Rows before that place were given out; rows of the block count as not given out.
    """

    num_shards: int
    places: tuple[Place, ...]

    @property
    def last_epoch(self) -> int:
        """The latest epoch of any reader."""
        return max(place.epoch for place in self.places)

    def first_unread(self, epoch: int, position: int) -> int | None:
        """The first row of a shard that some reader had not given out; None where every row was given out.

        It may lie behind the shard's last row. `position` is that of the shard in the epoch's order of all
        shards.
        """
        groups, stride = self._sharing()
        turn, group = position // groups, position % groups
        begins, ends = Place(epoch, turn), Place(epoch, turn + 1)
        readers = (self.places[group + groups * offset] for offset in range(stride))
        unread = [max(place, begins).row for place in readers if place < ends]
        return min(unread) if unread else None

    def has_read(self, epoch: int, position: int, row: int) -> bool:
        """Whether a row was given out; arguments as of `first_unread`."""
        groups, stride = self._sharing()
        turn, group = position // groups, position % groups
        reader = group + groups * ((row + turn) % stride)
        return Place(epoch, turn, row) < self.places[reader]

    def _sharing(self) -> tuple[int, int]:
        """Number of groups of readers with shards of their own, and readers in each."""
        share = share_of(0, len(self.places), self.num_shards)
        return share.groups, share.stride


def first_unread(earlier: tuple[Progress, ...], epoch: int, position: int) -> int | None:
    """As the method, for several runs one after the other."""
    rows = [progress.first_unread(epoch, position) for progress in earlier]
    return None if None in rows else max(rows, default=0)


def has_read(earlier: tuple[Progress, ...], epoch: int, position: int, row: int) -> bool:
    """As the method: whether any of several runs has given the row out."""
    return any(progress.has_read(epoch, position, row) for progress in earlier)
