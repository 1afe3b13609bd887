"""Early end of a run by a signal or the time limit, in all processes after the same step."""

from __future__ import annotations

import atexit
import multiprocessing
import signal
import time
from collections.abc import Iterable, Iterator
from multiprocessing.process import BaseProcess
from typing import TypeVar

import torch
from accelerate import Accelerator

from dpsims_hub.processes.process_group import STOP_SIGNALS, StopSignals

T = TypeVar("T")


def ignore_stop_signals(worker_id: int = 0) -> None:
    """Let the workers of a data loader ignore stop signals, as its `worker_init_fn`.

    A signal reaches the whole process group, and a run needs its workers to finish the step. `start_workers`
    ends them with the run.
    """
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def start_workers(loader: Iterable[T]) -> Iterator[T]:
    """Begin a pass over a data loader whose workers ignore stop signals.

    At its exit a process sends SIGTERM to workers and waits for them. After an uncaught exception it would
    wait forever, so these workers are killed first.
    """
    before = set(multiprocessing.active_children())
    batches = iter(loader)
    atexit.register(_kill, set(multiprocessing.active_children()) - before)
    return batches


def _kill(workers: set[BaseProcess]) -> None:
    if hasattr(signal, "SIGCHLD"):
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # torch's handler would report the killed workers
    for worker in workers:
        worker.kill()


class StopRequest(StopSignals):
    """Inside its `with` block a signal or the time limit (in minutes; 0: none) stops the run after a step."""

    def __init__(self, accelerator: Accelerator, minutes: float = 0.0) -> None:
        super().__init__()
        self.accelerator = accelerator
        self.seconds = minutes * 60

    def __enter__(self) -> StopRequest:
        self.started = time.perf_counter()
        super().__enter__()
        return self

    @property
    def elapsed(self) -> float:
        """Seconds since the start of the block."""
        return time.perf_counter() - self.started

    def wanted(self) -> bool:
        """Whether any process got a signal or reached the limit; all processes must call it in every step."""
        mine = self.number is not None or bool(self.seconds and self.elapsed > self.seconds)
        if self.accelerator.num_processes == 1:
            return mine
        flag = torch.tensor(float(mine), device=self.accelerator.device)
        return bool(self.accelerator.reduce(flag, "sum") > 0)
