import threading

import pytest

from dpsims_hub.processes.process_group import ProcessGroup, shared_out


class Threads:
    """A process group of threads: each has its own view, values meet at a barrier."""

    def __init__(self, count: int) -> None:
        self.barrier, self.box, self.count = threading.Barrier(count, timeout=60), [None] * count, count

    def run(self, work) -> list:
        """What `work(member)` gives in each thread, by thread."""
        results = [None] * self.count

        def one(index: int) -> None:
            try:
                results[index] = work(Member(self, index))
            except BaseException as error:  # told to the test by `run`
                results[index] = error
                self.barrier.abort()

        threads = [threading.Thread(target=one, args=(index,)) for index in range(self.count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return results


class Member:
    """One thread of the group."""

    def __init__(self, group: Threads, index: int) -> None:
        self.group, self.index, self.count = group, index, group.count

    def gather(self, value):
        self.group.box[self.index] = value
        self.group.barrier.wait()
        values = list(self.group.box)
        self.group.barrier.wait()
        return values

    def together(self, work):
        return work()


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_everybody_gets_all_results_in_order(count):
    done = []

    def work(member):
        return shared_out(member, range(4), lambda item: done.append(item) or item * 10)

    assert Threads(count).run(work) == [[0, 10, 20, 30]] * count
    assert sorted(done) == [0, 1, 2, 3]  # each item in one of them


def test_alone():
    assert shared_out(ProcessGroup(), "abc", str.upper) == ["A", "B", "C"]
    assert shared_out(ProcessGroup(), [], str.upper) == []
