"""Timing many things on one machine fairly: in turns, so that what disturbs it hits all of them alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

import torch

Call = Callable[[], object]
ENOUGH = 2
"""Rounds that a median needs."""


def seconds_of(call: Call, device: torch.device) -> float:
    """Seconds that one call takes; on CUDA by events in the device's own queue.

    Args:
        call: what is timed.
        device: where it computes.
    """
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
    """Seconds of every call in every round; each round begins with another one.

    Ctrl-C ends it after two rounds as if these had been all that were wanted.

    Args:
        calls: warmed up.
        rounds: how often each is timed.
        device: where they compute.
        advance: called with 1 after every call.
        limit: seconds after which no round is begun any more; two are timed in any case.

    Raises:
        KeyboardInterrupt: before two rounds were timed.
    """
    whole: list[list[float]] = []
    start = time.perf_counter()
    try:
        for number in range(rounds):
            if number >= ENOUGH and time.perf_counter() - start > limit:
                break
            seconds = [0.0] * len(calls)
            for place in range(len(calls)):
                which = (number + place) % len(calls)
                seconds[which] = seconds_of(calls[which], device)
                advance(1)
            whole.append(seconds)
    except KeyboardInterrupt:
        if len(whole) < ENOUGH:
            raise
    return [list(own) for own in zip(*whole, strict=True)]


def describe_seconds(seconds: Sequence[float]) -> dict:
    """Median and quartiles.

    Args:
        seconds: at least 2.
    """
    low, median, high = statistics.quantiles(seconds, n=4, method="inclusive")
    return {"median": median, "quartiles": [low, high], "n": len(seconds)}


def graphed(call: Call) -> Call:
    """The call as a CUDA graph, warmed and captured; its inputs and results stay in place.

    A graph replays on the addresses that it was captured with, so what is returned keeps alive all that the
    call refers to (networks, inputs) and what it returned.

    Args:
        call: allocates nothing but on the device, and asks it for no value.

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
