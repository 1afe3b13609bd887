"""The processes that share one evaluation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")


class Processes(Protocol):
    """This process among `count`, such as a `ProcessGroup`; all make the same calls in the same order."""

    index: int
    count: int

    def gather(self, value: T) -> list[T]:
        """The values of all processes, by process."""

    def together(self, work: Callable[[], T]) -> T:
        """Run `work` in every process; a ValueError or OSError in one ends all."""


class SingleProcess:
    """A process group of one."""

    index, count = 0, 1

    def gather(self, value: T) -> list[T]:
        """The value itself."""
        return [value]

    def together(self, work: Callable[[], T]) -> T:
        """The result of `work`."""
        return work()


def shared_out(group: Processes, items: Sequence[T], work: Callable[[T], object]) -> list:
    """Do each piece of work in one of the processes; all get the results in the order of `items`.

    Process i takes items i, i + count, ...; `items` must be equal in all processes, and results picklable.
    """
    mine = group.together(lambda: [work(item) for item in items[group.index :: group.count]])
    shares = group.gather(mine)
    return [shares[place % group.count][place // group.count] for place in range(len(items))]
