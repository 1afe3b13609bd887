"""A child process that writes its output to a file, and gets SIGTERM when this process is to stop."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from dpsims_hub.processes.process_group import StopSignals

PACKAGE_PARENT = Path(__file__).resolve().parents[2]

Launch = Callable[[Sequence[str], Path], int]
"""Type of `run_child`."""


def run_child(arguments: Sequence[str], log: Path) -> int:
    """Run `python ARGUMENTS` with this copy of the package, wait for it, and return its exit code.

    Ctrl-C and SIGTERM are passed to the child as one SIGTERM; a training then saves a checkpoint and ends.
    The exit code is minus the signal's number if a signal ended the child.

    Args:
        arguments: of Python, such as ["-m", "dpsims_hub.commands", "evaluate", ...].
        log: file to which stdout and stderr are appended.

    Raises:
        KeyboardInterrupt: this process was asked to stop; the child has ended.
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
            start_new_session=True,  # otherwise Ctrl-C in a terminal reaches the child twice
        )
        with StopSignals(child.terminate) as stop:
            code = child.wait()
    if stop.number is not None:
        raise KeyboardInterrupt
    return code


def failure_of(code: int, log: Path) -> str:
    """Why a child failed: the signal that ended it, or the last line of its log; "" for exit code 0."""
    if code <= 0:
        return f"ended by signal {-code}" if code else ""
    lines = log.read_text(errors="replace").split("\n") if log.is_file() else []
    said = [line.split("\r")[-1].strip() for line in lines if line.strip()]
    return said[-1] if said else f"exit code {code}, nothing said"
