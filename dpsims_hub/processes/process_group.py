"""Several processes that do one command's work together, and what ends it early.

Started by `torchrun` or `accelerate launch`; without them a command is a group of one and nothing is
exchanged. Only small objects travel, so that the processes talk through the CPU on every machine.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")
PATIENCE = timedelta(days=30)  # a process may wait as long for another as that one's share of the work takes
BAD_INPUT = 2


def launched_processes() -> int:
    """How many processes the launcher says that there are; 1 without one."""
    text = os.environ.get("WORLD_SIZE", "1")
    return int(text) if text.isdigit() else 1


class ProcessGroup:
    """This process among those of the command.

    Args:
        device: what the user asked for; with several processes each takes a GPU of its own, or all the CPU.

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
        """Whether this process speaks for all."""
        return self.index == 0

    def gather(self, value: T) -> list[T]:
        """What every process hands in, by process; all must call it.

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
        """Does something in every process; what is wrong in one ends all, and is said once.

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
        """Does something in the first process only, and gives all its result."""
        result: Any = self.together(work if self.is_first else lambda: None)
        return self.gather(result)[0]


class StopSignals:
    """Within its `with` block Ctrl-C and SIGTERM are only noted, for the work to end at a good moment.

    A launcher may pass one Ctrl-C on twice, so that only the first signal counts.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            self._previous = {
                number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)
            }
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.number = self.number or number


def _portable(fault: Exception) -> Exception:
    """The fault as one of a plain type, which every process can read."""
    return (OSError if isinstance(fault, OSError) else ValueError)(str(fault))
