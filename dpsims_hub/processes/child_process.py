"""A process of our own whose output goes to a file, and which is stopped gently when we are."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

PACKAGE_PARENT = Path(__file__).resolve().parents[2]

Launch = Callable[[Sequence[str], Path], int]
"""Something that does what `run_child` does."""


def run_child(arguments: Sequence[str], log: Path) -> int:
    """Runs `python ARGUMENTS` with this very package and waits for it.

    Ctrl-C and SIGTERM reach the child as one SIGTERM, after which a training saves a checkpoint and ends.

    Args:
        arguments: of Python, such as ["-m", "dpsims_hub.commands", "evaluate", ...].
        log: file that stdout and stderr are added to.

    Returns:
        The exit code; minus the signal's number where one ended the child.

    Raises:
        KeyboardInterrupt: we were asked to stop; the child has ended.
    """
    paths = [str(PACKAGE_PARENT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1"}
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a") as file:
        child = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            env=environment,
            start_new_session=True,  # a terminal's Ctrl-C would reach it twice
        )
        with _signals_passed_to(child) as seen:
            code = child.wait()
    if seen:
        raise KeyboardInterrupt
    return code


def failure_of(code: int, log: Path) -> str:
    """What went wrong in a child, "" where nothing did: the last line that it said.

    Args:
        code: that `run_child` returned.
        log: file that it wrote to.
    """
    if code <= 0:
        return f"ended by signal {-code}" if code else ""
    lines = log.read_text(errors="replace").split("\n") if log.is_file() else []
    said = [line.split("\r")[-1].strip() for line in lines if line.strip()]
    return said[-1] if said else f"exit code {code}, nothing said"


@contextmanager
def _signals_passed_to(child: subprocess.Popen) -> Iterator[list[int]]:
    """Inside, the first signal to stop becomes a SIGTERM of the child; yields the signals seen."""
    seen: list[int] = []

    def pass_on(number: int, frame: object) -> None:
        seen.append(number)
        if len(seen) == 1:
            child.terminate()

    numbers = (signal.SIGINT, signal.SIGTERM)
    previous = {}
    if threading.current_thread() is threading.main_thread():
        previous = {number: signal.signal(number, pass_on) for number in numbers}
    try:
        yield seen
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
