import gc
import time
import weakref
from contextlib import nullcontext

import numpy as np
import pytest
import torch

from dpsims_hub.benchmark.timing import CLOCKS, describe_seconds, graphed, seconds_of, time_in_turns

CPU = torch.device("cpu")


class Interrupted:
    """Raises KeyboardInterrupt in the call of a number."""

    def __init__(self, at: int) -> None:
        self.at, self.calls = at, 0

    def __call__(self) -> None:
        self.calls += 1
        if self.calls == self.at:
            raise KeyboardInterrupt


def test_what_was_timed_before_an_exception_is_kept():
    for at, kept in ((1, [0, 0, 0]), (3, [1, 1, 0]), (5, [1, 2, 1]), (8, [2, 2, 3])):
        call, seconds = Interrupted(at), []
        with pytest.raises(KeyboardInterrupt):
            time_in_turns([call, call, call], 10, CPU, seconds=seconds)
        assert sorted(map(len, seconds)) == sorted(kept)


def test_no_round_begins_after_the_limit_but_two_are_timed():
    seconds = time_in_turns([lambda: time.sleep(0.02), lambda: None], 100, CPU, limit=0.05)
    assert 2 <= len(seconds[0]) == len(seconds[1]) <= 4
    assert [len(own) for own in time_in_turns([lambda: None], 100, CPU, limit=0.0)] == [2]


def test_a_call_is_timed_once_and_its_seconds_are_those_it_took():
    made = []
    seconds = seconds_of(lambda: (made.append(1), time.sleep(0.05)), CPU)
    assert made == [1]
    assert 0.05 <= seconds < 1


def test_the_cpu_clock_leaves_out_waiting():
    assert seconds_of(lambda: time.sleep(0.2), CPU, CLOCKS["cpu"]) < 0.1
    assert time_in_turns([lambda: time.sleep(0.2)], 1, CPU, clock=CLOCKS["cpu"])[0][0] < 0.1


def test_every_round_begins_with_another_call():
    order, ticks = [], []
    calls = [lambda name=name: order.append(name) for name in "abc"]
    seconds = time_in_turns(calls, 4, CPU, ticks.append)
    assert "".join(order) == "abc" + "bca" + "cab" + "abc"
    assert [len(own) for own in seconds] == [4, 4, 4]
    assert ticks == [1] * 12


def test_seconds_belong_to_the_call_that_took_them():
    seconds = time_in_turns([lambda: None, lambda: time.sleep(0.02)], 5, CPU)
    assert max(seconds[0]) < 0.02 <= min(seconds[1])


def test_median_and_quartiles_are_those_of_numpy():
    values = np.random.default_rng(0).exponential(size=11).tolist()
    found = describe_seconds(values)
    low, median, high = np.percentile(values, [25, 50, 75])
    assert found["median"] == pytest.approx(median)
    assert found["quartiles"] == pytest.approx([low, high])
    assert found["n"] == 11
    assert describe_seconds([0.3]) == {"median": 0.3, "quartiles": [0.3, 0.3], "n": 1}


class FakeGraph:
    """Stands for torch.cuda.CUDAGraph, which keeps no reference to what it was captured with."""

    def __init__(self) -> None:
        self.replays = 0

    def replay(self) -> None:
        self.replays += 1


def test_what_a_graph_was_captured_with_lives_as_long_as_its_replay(monkeypatch):
    class Stream:
        def wait_stream(self, other: object) -> None: ...

    for name, replacement in {
        "Stream": Stream,
        "current_stream": Stream,
        "stream": nullcontext,
        "CUDAGraph": FakeGraph,
        "graph": nullcontext,
    }.items():
        monkeypatch.setattr(torch.cuda, name, lambda *_, make=replacement: make())
    network, inputs = torch.nn.Linear(3, 2), torch.ones(4, 3)
    kept = [weakref.ref(network), weakref.ref(inputs)]
    replay = graphed(lambda network=network, inputs=inputs: network(inputs))
    del network, inputs
    gc.collect()
    assert all(reference() is not None for reference in kept)
    assert torch.equal(replay(), kept[0]()(kept[1]()))
    del replay
    gc.collect()
    assert not any(reference() is not None for reference in kept)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_graph_repeats_the_call_in_place():
    inputs, results = torch.ones(4, device="cuda"), torch.zeros(4, device="cuda")
    replay = graphed(lambda: results.copy_(inputs * 2))
    inputs.fill_(3)
    replay()
    assert results.tolist() == [6.0] * 4
    assert seconds_of(replay, torch.device("cuda")) > 0
