"""Several processes that share one command's work, and signals that end it early.

`torchrun` or `accelerate launch` starts the processes; otherwise a command is a group of one process. Only
small objects are exchanged, with the backend gloo, which works on the CPU of every machine.
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
    """This process within the group of processes of a command.

    With several processes `device` must be None, "cpu" or "cuda". Then each process takes its own GPU, or all
    use the CPU.

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
        """Whether this process has index 0; it prints messages for the whole group."""
        return self.index == 0

    def gather(self, value: T) -> list[T]:
        """The values of all processes, ordered by process index; every process must call this method.

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
        """Run `work` in every process; an error in one ends all of them, and is reported once.

        Raises:
            ValueError: or OSError, the first error, in the first process.
            SystemExit: in the other processes.
        """
        if self.count == 1:
            return work()
        result, error = None, None
        try:
            result = work()
        except OSError as refusal:
            error = OSError(str(refusal))  # every process can unpickle plain types
        except ValueError as refusal:
            error = ValueError(str(refusal))
        errors = [one for one in self.gather(error) if one]
        if errors and self.is_first:
            raise errors[0]
        if errors:
            sys.exit(BAD_INPUT)
        return result

    def by_first(self, work: Callable[[], T]) -> T:
        """Run `work` in the first process only, and return its result in every process."""
        result: Any = self.together(work if self.is_first else lambda: None)
        return self.gather(result)[0]


def shared_out(group: ProcessGroup, items: Sequence[T], work: Callable[[T], object]) -> list:
    """Process each item in one of the processes; all of them get the results in the order of `items`.

    Process i takes items i, i + count, ... `items` must be equal in all processes. Results must be picklable.
    """
    mine = group.together(lambda: [work(item) for item in items[group.index :: group.count]])
    shares = group.gather(mine)
    return [shares[place % group.count][place // group.count] for place in range(len(items))]


class StopSignals:
    """In its `with` block the first SIGINT or SIGTERM is stored as `number`, and later ones are ignored.

    Later ones are ignored because a launcher may send one Ctrl-C twice. Outside the main thread Python allows
    no signal handlers, so there the block has no effect.

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
