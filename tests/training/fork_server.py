"""Training runs in processes of their own that start at once: forks of one that has imported everything.

Starting Python with PyTorch takes seconds. `ForkServer` starts one process by this file; for each run it
forks a child, which calls `train_accelerate.main` and can be killed like any other.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parents[2]


_WITH_A_DISK = 'mount -t tmpfs -o size=16m none "$0" && exec "$@"'


class ForkServer:
    """Starts one run at a time.

    Args:
        folder: an empty one, which becomes a disk of 16 MB where this system lets us mount one.
    """

    def __init__(self, folder: str) -> None:
        mount = ["unshare", "--map-root-user", "--mount", "sh", "-c", _WITH_A_DISK, folder]
        works = shutil.which("unshare") and _succeeds([*mount, "true"])
        self.process = subprocess.Popen(
            [*(mount if works else ()), sys.executable, "-u", "-m", "tests.training.fork_server"],
            cwd=ROOT,
            env=os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.disk = Path(folder) if works else None

    @property
    def disk_from_outside(self) -> Path:
        """Where a process without that disk sees it."""
        return Path(f"/proc/{self.process.pid}/root{self.disk}")

    def start(self, argv: list[str], log: Path, file_size_limit: int = -1) -> int:
        """Begin a run whose output goes to `log`; returns its process number."""
        order = {"argv": argv, "log": str(log), "file_size_limit": file_size_limit}
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def wait(self) -> int:
        """The exit code of the run, or minus the signal that ended it."""
        return int(self.process.stdout.readline())

    def run(self, argv: list[str], log: Path, file_size_limit: int = -1) -> int:
        """Start and wait."""
        self.start(argv, log, file_size_limit)
        return self.wait()

    def stop(self) -> None:
        """End the server, and the run of a test that failed."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()


def _succeeds(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True).returncode == 0


@functools.cache
def shared_server() -> ForkServer:
    """The one server of this test session."""
    folder = tempfile.TemporaryDirectory()
    server = ForkServer(folder.name)
    atexit.register(folder.cleanup)
    atexit.register(server.stop)
    return server


def serve() -> None:
    """Read orders, fork, answer with the process number and then with the exit code."""
    import torch
    from PIL import Image

    import dpsims_hub.training.loop  # noqa: F401  (otherwise imported by every run)
    import train_accelerate

    torch.set_num_threads(1)
    Image.init()
    for line in sys.stdin:
        order = json.loads(line)
        if (child := os.fork()) == 0:
            act(train_accelerate.main, order)
        print(child)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def act(main: Callable[[list[str]], int], order: dict) -> NoReturn:
    """The run itself, in the forked process."""
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for number in (sys.stdout.fileno(), sys.stderr.fileno()):
        os.dup2(log, number)
    code = 70
    try:
        if order["file_size_limit"] >= 0:
            resource.setrlimit(resource.RLIMIT_FSIZE, (order["file_size_limit"],) * 2)
        code = main(order["argv"])
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


if __name__ == "__main__":
    serve()
