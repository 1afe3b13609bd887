"""Timing of several calls on one machine, in turns, so that disturbances affect all of them alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

import torch

Call = Callable[[], object]
MIN_ROUNDS = 2
"""Rounds that a median needs."""


def seconds_of(call: Call, device: torch.device) -> float:
    """Seconds of one call; on CUDA by events in the device's stream."""
    if device.type == "cuda":
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        call()
        end.record()
        end.synchronize()
        return begin.elapsed_time(end) / 1000
    start = time.perf_counter()
    call()
    if device.type != "cpu":
        torch.accelerator.synchronize()
    return time.perf_counter() - start


def time_in_turns(
    calls: Sequence[Call],
    rounds: int,
    device: torch.device,
    advance: Callable[[int], object] = lambda count: None,
    limit: float = float("inf"),
) -> list[list[float]]:
    """Seconds of every warmed-up call in every round; each round begins with another call.

    No round begins after `limit` seconds or Ctrl-C, but two are timed in any case. `advance` is called with 1
    after every call.

    Raises:
        KeyboardInterrupt: Ctrl-C before two rounds were timed.
    """
    whole: list[list[float]] = []
    start = time.perf_counter()
    try:
        for number in range(rounds):
            if number >= MIN_ROUNDS and time.perf_counter() - start > limit:
                break
            seconds = [0.0] * len(calls)
            for place in range(len(calls)):
                which = (number + place) % len(calls)
                seconds[which] = seconds_of(calls[which], device)
                advance(1)
            whole.append(seconds)
    except KeyboardInterrupt:
        if len(whole) < MIN_ROUNDS:
            raise
    return [list(own) for own in zip(*whole, strict=True)]


def describe_seconds(seconds: Sequence[float]) -> dict:
    """Median, quartiles and number of at least two values."""
    low, median, high = statistics.quantiles(seconds, n=4, method="inclusive")
    return {"median": median, "quartiles": [low, high], "n": len(seconds)}


def graphed(call: Call) -> Call:
    """The call as a captured CUDA graph, which replays on the same inputs and results.

    A graph replays on the addresses of its capture. The result therefore holds references to the call (its
    networks and inputs) and to what it returned. The call must not wait for a value of the device.

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
