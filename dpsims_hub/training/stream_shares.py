"""The rows of a stream that each reader reads."""

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
