"""Ordered map over threads; Pillow releases the GIL while it decodes, so threads suffice."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
AHEAD = 4  # items in flight for each thread; our choice


def read_ahead(
    work: Callable[[Item], Result], items: Iterable[Item], num_workers: int = 0
) -> Iterator[Result]:
    """Yield `work(item)` in the order of `items`, with at most `AHEAD * num_workers` items in flight.

    Items are drawn in the calling thread, so a generator may depend on the results yielded before. An error
    of `work` is raised at its item's place. With 0 or 1 workers the calling thread does the work.
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
