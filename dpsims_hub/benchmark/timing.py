"""Interleaved timing of several calls on one machine, so that disturbances affect all of them equally."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import torch

Call = Callable[[], object]
Clock = Callable[[], float]
CLOCKS: Mapping[str, Clock] = MappingProxyType({"wall": time.perf_counter, "cpu": time.process_time})
MIN_ROUNDS = 2
"""Rounds that are timed regardless of the limit."""


def seconds_of(call: Call, device: torch.device, clock: Clock = time.perf_counter) -> float:
    """Seconds of one call by a clock; on CUDA by events in the device's stream."""
    if device.type == "cuda":
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        call()
        end.record()
        end.synchronize()
        return begin.elapsed_time(end) / 1000
    start = clock()
    call()
    if device.type != "cpu":
        torch.accelerator.synchronize()
    return clock() - start


def time_in_turns(
    calls: Sequence[Call],
    rounds: int,
    device: torch.device,
    advance: Callable[[int], object] = lambda count: None,
    limit: float = float("inf"),
    clock: Clock = time.perf_counter,
    seconds: list[list[float]] | None = None,
) -> list[list[float]]:
    """Seconds of every warmed-up call in every round; each round begins with another call.

    No round begins after `limit` seconds, but at least two are timed. `advance` is called with 1 after every
    call. A given `seconds` gets one list for each call, which is filled value by value: so the values before
    an exception are not lost.
    """
    seconds = [] if seconds is None else seconds
    seconds += [[] for _ in calls]
    start = time.perf_counter()
    for number in range(rounds):
        if number >= MIN_ROUNDS and time.perf_counter() - start > limit:
            break
        for place in range(len(calls)):
            which = (number + place) % len(calls)
            seconds[which].append(seconds_of(calls[which], device, clock))
            advance(1)
    return seconds


def describe_seconds(seconds: Sequence[float]) -> dict:
    """Median, quartiles and number of at least one value."""
    two = [*seconds] if len(seconds) > 1 else [*seconds] * 2
    low, median, high = statistics.quantiles(two, n=4, method="inclusive")
    return {"median": median, "quartiles": [low, high], "n": len(seconds)}


def graphed(call: Call) -> Call:
    """The call as a captured CUDA graph, which is replayed with the same inputs and results.

    A graph uses the memory addresses of its capture. So the returned function holds references to the call
    (its networks and inputs) and to its results. The call must not wait for a value from the device.

    Raises:
        RuntimeError: it cannot be captured.
    """
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            call()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        results = call()

    def replay(kept: tuple = (call, results)) -> object:
        graph.replay()
        return kept[1]

    return replay
