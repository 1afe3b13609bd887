from __future__ import annotations

import threading

import pytest

from dpsims_hub.labels.sources.read_ahead import AHEAD, read_ahead


@pytest.mark.parametrize("num_workers", [0, 1, 3])
def test_results_come_in_order(num_workers):
    finished = threading.Event()

    def work(item):
        if item == 0 and num_workers > 1:
            assert finished.wait(60)  # the first item ends last
        if item == 5:
            finished.set()
        return item * 10

    assert list(read_ahead(work, iter(range(40)), num_workers)) == [10 * item for item in range(40)]


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_fault_comes_at_its_place(num_workers):
    def work(item):
        if item == 3:
            raise KeyError(item)
        return item

    results = read_ahead(work, range(10), num_workers)
    assert [next(results), next(results), next(results)] == [0, 1, 2]
    with pytest.raises(KeyError):
        next(results)


def test_few_items_are_in_flight():
    drawn = []

    def items():
        for item in range(1000):
            drawn.append(item)
            yield item

    results = read_ahead(abs, items(), 2)
    next(results)
    assert len(drawn) == 2 * AHEAD
    results.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ThreadPoolExecutor")]
