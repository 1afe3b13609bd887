"""When a run ends early: a signal, or the time limit, agreed on by all processes."""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType, TracebackType
from typing import Any

import torch
from accelerate import Accelerator

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def ignore_stop_signals(worker_id: int = 0) -> None:
    """For the `worker_init_fn` of a loader: its processes end with the run, not before it.

    Terminals, launchers and schedulers send a signal to the whole group of processes. A worker that obeyed
    would be missing in the last step, before the checkpoint.

    Args:
        worker_id: given by the loader.
    """
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


class StopRequest:
    """Within its `with` block SIGTERM and SIGINT ask the run to stop at the end of the step.

    A launcher may pass one Ctrl-C on twice, so that a second signal changes nothing. Outside the main thread,
    where Python allows no handlers, only the time limit holds.

    Args:
        accelerator: the processes that must agree.
        minutes: time limit from entering the block on; 0 for none.
    """

    def __init__(self, accelerator: Accelerator, minutes: float = 0.0) -> None:
        self.accelerator = accelerator
        self.seconds = minutes * 60
        self.started = time.perf_counter()
        self.signalled = False
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
        self.started = time.perf_counter()
        if threading.current_thread() is threading.main_thread():
            self._previous = {number: signal.signal(number, self._note) for number in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.signalled = True

    @property
    def elapsed(self) -> float:
        """Seconds since the block was entered."""
        return time.perf_counter() - self.started

    def wanted(self) -> bool:
        """Whether any process was asked to stop or is out of time; all get the same answer.

        Every process must call it at every step: with several it exchanges one number.
        """
        mine = self.signalled or bool(self.seconds and self.elapsed > self.seconds)
        if self.accelerator.num_processes == 1:
            return mine
        flag = torch.tensor(float(mine), device=self.accelerator.device)
        return bool(self.accelerator.reduce(flag, "sum") > 0)
