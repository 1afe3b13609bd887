"""The rows of a stream that each reader reads, and those that earlier readers have read."""

from __future__ import annotations

import math
from typing import NamedTuple


class Place(NamedTuple):
    """Place of a row: epoch, index of its shard in the reader's order, number of the row in the shard."""

    epoch: int
    turn: int = 0
    row: int = 0


class Share(NamedTuple):
    """A reader's share of an epoch: shards `group::groups` of its order, and one in `stride` rows of them."""

    group: int
    groups: int
    offset: int
    stride: int


def share_of(reader: int, num_readers: int, num_shards: int) -> Share:
    """The share of a reader: whole shards if these can be divided evenly, else single rows.

    With unequal shares some readers would begin the next epoch earlier and yield their rows more often.
    """
    groups = math.gcd(num_readers, num_shards)
    return Share(reader % groups, groups, reader // groups, num_readers // groups)


class Progress(NamedTuple):
    """Positions of the readers of an earlier run: for each the first row of its unfinished block.

    Rows before that place count as read, and rows of the block as not read.
    """

    num_shards: int
    places: tuple[Place, ...]

    @property
    def last_epoch(self) -> int:
        """The latest epoch of any reader."""
        return max(place.epoch for place in self.places)

    def first_unread(self, epoch: int, position: int) -> int | None:
        """The first row of a shard that some reader has not read; None if the whole shard was read.

        It may be a number beyond the shard's last row. `position` is the shard's index in the order of all
        shards of the epoch.
        """
        groups, stride = self._sharing()
        turn, group = position // groups, position % groups
        begins, ends = Place(epoch, turn), Place(epoch, turn + 1)
        readers = (self.places[group + groups * offset] for offset in range(stride))
        unread = [max(place, begins).row for place in readers if place < ends]
        return min(unread) if unread else None

    def has_read(self, epoch: int, position: int, row: int) -> bool:
        """Whether a row was read; `position` is that of `first_unread`."""
        groups, stride = self._sharing()
        turn, group = position // groups, position % groups
        reader = group + groups * ((row + turn) % stride)
        return Place(epoch, turn, row) < self.places[reader]

    def _sharing(self) -> tuple[int, int]:
        """Number of groups of readers that share the same shards, and number of readers in each."""
        share = share_of(0, len(self.places), self.num_shards)
        return share.groups, share.stride
