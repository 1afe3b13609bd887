"""Reading with several threads in order: Pillow decodes outside Python's lock, so that threads are enough."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
AHEAD = 4  # items in flight for each thread; our choice: enough to keep it busy, little to hold in memory


def read_ahead(
    work: Callable[[Item], Result], items: Iterable[Item], num_workers: int = 0
) -> Iterator[Result]:
    """Yield `work(item)` in the order of `items`; at most `AHEAD * num_workers` items are in flight.

    Args:
        work: Called in the threads; what it raises is raised here, at its item's place.
        items: Drawn in the calling thread, so that a generator may follow what was yielded before.
        num_workers: Threads; 0 and 1 do the work in the calling thread.
    """
    if num_workers < 2:
        yield from map(work, items)
        return
    pool = ThreadPoolExecutor(num_workers)
    waiting: deque[Future[Result]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) >= AHEAD * num_workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
