"""The rows of a stream that each reader reads, and those that earlier readers have given out."""

from __future__ import annotations

import math
from typing import NamedTuple


class Place(NamedTuple):
    """Place of a row: its epoch, the turn of its shard in the reader's order, its number in the shard."""

    epoch: int
    turn: int = 0
    row: int = 0


class Share(NamedTuple):
    """A reader's share: shards `group::groups` of the epoch's order, 1 of `stride` rows."""

    group: int
    groups: int
    offset: int
    stride: int


def share_of(reader: int, num_readers: int, num_shards: int) -> Share:
    """The share of a reader: whole shards if they divide evenly, else single rows.

    With unequal shares some readers would begin the next epoch sooner and show their rows more often.
    """
    groups = math.gcd(num_readers, num_shards)
    return Share(reader % groups, groups, reader // groups, num_readers // groups)


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
