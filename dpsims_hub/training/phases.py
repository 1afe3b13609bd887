"""Time of each phase of a training step.

On a CPU a phase is measured in wall-clock time. On CUDA it is measured by events in the device's queue,
without synchronisation; "data" is then the time in which the device waited for a batch.
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager

import torch

PHASES = ("data", "generator_forward", "d_step", "g_step", "ema")
"""Phases of a training step, in order.

`data` waits for the batch. `generator_forward` computes the photos and all backbone features. `d_step` and
`g_step` compute the losses, the backward pass and the optimiser's update. `ema` updates the average.
"""

OTHER = "other"
"""Time outside all phases: copies to the device, class weights, logs, checkpoints, sheets."""


class PhaseClock:
    """Sums the seconds of each phase; phases may have any name and must not be nested.

    Example:
        with clock("data"):
            batch = next(batches)
        clock.shares()  # {"data": 0.01, ..., "other": 0.02}
    """

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self._on_cuda = torch.device(device).type == "cuda"
        self.reset()

    def reset(self) -> None:
        """Start again from 0."""
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._pending: deque[tuple[str, torch.cuda.Event, torch.cuda.Event]] = deque()
        self._start = time.perf_counter()

    @contextmanager
    def __call__(self, phase: str) -> Iterator[None]:
        """Time the block; a block that raises is not counted."""
        if self._on_cuda:
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            begin.record()
            yield
            end.record()
            self._pending.append((phase, begin, end))
            self._collect(wait=False)
        else:
            start = time.perf_counter()
            yield
            self._seconds[phase] += time.perf_counter() - start

    def seconds(self) -> dict[str, float]:
        """Seconds of each phase since the last reset; on CUDA this waits for the phases to end."""
        self._collect(wait=True)
        return dict(self._seconds)

    def shares(self) -> dict[str, float]:
        """Share of each phase in the time since the last reset, and of the rest as `OTHER`; the sum is 1."""
        seconds = self.seconds()
        measured = sum(seconds.values())
        total = max(time.perf_counter() - self._start, measured)
        return {name: value / total for name, value in {**seconds, OTHER: total - measured}.items()}

    def _collect(self, wait: bool) -> None:
        """Read the events that the device has passed, or with `wait` all of them."""
        while self._pending and (wait or self._pending[0][2].query()):
            phase, begin, end = self._pending.popleft()
            end.synchronize()
            self._seconds[phase] += begin.elapsed_time(end) / 1000
