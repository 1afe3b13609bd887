"""Several processes that share one command's work, and signals that end it early.

`torchrun` or `accelerate launch` starts them; without these a command is a group of one. Only small objects
are exchanged, through the CPU on every machine.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")
PATIENCE = timedelta(days=30)  # how long a process waits for another's work
BAD_INPUT = 2
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def launched_processes() -> int:
    """Number of processes of the launcher; 1 without one."""
    text = os.environ.get("WORLD_SIZE", "1")
    return int(text) if text.isdigit() else 1


class ProcessGroup:
    """This process among those of the command.

    With several processes `device` must be None, "cpu" or "cuda": each takes a GPU of its own, or all the
    CPU.

    Raises:
        ValueError: one device was named for several processes.
    """

    def __init__(self, device: str | None = None) -> None:
        self.index, self.count, self.device = 0, 1, device
        if launched_processes() > 1:
            self._join(device)

    def _join(self, device: str | None) -> None:
        import torch
        from accelerate import PartialState

        if device not in (None, "cpu", "cuda"):
            raise ValueError(
                f"--device {device} is one device for {launched_processes()} processes; leave it out "
                "(each process takes a GPU of its own), or give cpu."
            )
        on_cpu = device == "cpu" or not torch.cuda.is_available()
        state = PartialState(cpu=on_cpu, backend="gloo", timeout=PATIENCE)
        self.index, self.count, self.device = state.process_index, state.num_processes, str(state.device)

    @property
    def is_first(self) -> bool:
        """Whether this process prints for all."""
        return self.index == 0

    def gather(self, value: T) -> list[T]:
        """The values of all processes, by process; all must call it.

        Raises:
            OSError: another process has ended.
        """
        if self.count == 1:
            return [value]
        from accelerate.utils import gather_object

        try:
            return gather_object([value])
        except RuntimeError as error:
            raise OSError("another process ended early; run the same command again to continue.") from error

    def together(self, work: Callable[[], T]) -> T:
        """Run `work` in every process; a fault in one ends all, and is reported once.

        Raises:
            ValueError: or OSError, the first fault, in the first process.
            SystemExit: in the others.
        """
        result, fault = None, None
        try:
            result = work()
        except (ValueError, OSError) as error:
            fault = error
        if self.count == 1:
            if fault is not None:
                raise fault
            return result
        faults = [one for one in self.gather(None if fault is None else _portable(fault)) if one]
        if faults and self.is_first:
            raise faults[0]
        if faults:
            sys.exit(BAD_INPUT)
        return result

    def by_first(self, work: Callable[[], T]) -> T:
        """Run `work` in the first process only, and give its result to all."""
        result: Any = self.together(work if self.is_first else lambda: None)
        return self.gather(result)[0]


def shared_out(group: ProcessGroup, items: Sequence[T], work: Callable[[T], object]) -> list:
    """Do each piece of work in one of the processes; all get the results in the order of `items`.

    Process i takes items i, i + count, ...; `items` must be equal in all processes, and results picklable.
    """
    mine = group.together(lambda: [work(item) for item in items[group.index :: group.count]])
    shares = group.gather(mine)
    return [shares[place % group.count][place // group.count] for place in range(len(items))]


class StopSignals:
    """In its `with` block the first SIGINT or SIGTERM is stored as `number`, and later ones are ignored.

    A launcher may send one Ctrl-C twice. Outside the main thread Python allows no handlers: nothing changes.

    Args:
        on_first: called at the first signal.
    """

    def __init__(self, on_first: Callable[[], object] = lambda: None) -> None:
        self.number: int | None = None
        self._on_first = on_first
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            self._previous = {number: signal.signal(number, self._note) for number in STOP_SIGNALS}
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.number is None:
            self.number = number
            self._on_first()


def _portable(fault: Exception) -> Exception:
    """The fault as a plain type, which every process can unpickle."""
    return (OSError if isinstance(fault, OSError) else ValueError)(str(fault))
