"""The processes that share one evaluation, as the evaluation sees them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")


class Processes(Protocol):
    """This process among `count`; every process must make the same calls in the same order.

    `dpsims_hub.processes.process_group.ProcessGroup` is one.
    """

    index: int
    count: int

    def gather(self, value: T) -> list[T]:
        """What every process hands in, by process."""

    def together(self, work: Callable[[], T]) -> T:
        """Does something in every process; a ValueError or OSError in one ends all."""


class SingleProcess:
    """A process group of one."""

    index, count = 0, 1

    def gather(self, value: T) -> list[T]:
        """The value itself."""
        return [value]

    def together(self, work: Callable[[], T]) -> T:
        """Does it."""
        return work()


def shared_out(group: Processes, items: Sequence[T], work: Callable[[T], object]) -> list:
    """Does each piece of work in one of the processes.

    Process i takes items i, i + count, ...: what is done for an item does not depend on how many there are.

    Args:
        group: the processes.
        items: the same in all of them.
        work: gives a result that can travel between processes.

    Returns:
        The results in the order of `items`, in every process.
    """
    mine = group.together(lambda: [work(item) for item in items[group.index :: group.count]])
    shares = group.gather(mine)
    return [shares[place % group.count][place // group.count] for place in range(len(items))]
