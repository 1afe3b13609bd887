"""A child process is our own: its output is kept, signals reach it once and gently."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dpsims_hub.processes.child_process import run_child

ROOT = Path(__file__).resolve().parents[2]

PATIENT = """
import signal, sys, time
def stop(number, frame):
    print("saved", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print("ready", flush=True)
time.sleep(60)
"""
PARENT = """
import sys
from pathlib import Path
from dpsims_hub.processes.child_process import run_child
try:
    run_child(["-c", sys.argv[2]], Path(sys.argv[1]))
except KeyboardInterrupt:
    sys.exit(130)
"""


def test_output_and_exit_code_are_kept(tmp_path):
    log = tmp_path / "new" / "log"
    words = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(7)"
    assert run_child(["-c", words], log) == 7
    assert run_child(["-c", "import dpsims_hub; print(dpsims_hub.__file__)"], log) == 0
    out, err, package = log.read_text().split("\n")[:3]
    assert {out, err} == {"out", "err"}
    assert Path(package) == ROOT / "dpsims_hub" / "__init__.py"


def test_a_signal_that_ends_the_child_is_its_code(tmp_path):
    words = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    assert run_child(["-c", words], tmp_path / "log") == -signal.SIGKILL


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_child_may_save_when_we_are_stopped(number, tmp_path):
    log = tmp_path / "log"
    command = [sys.executable, "-c", PARENT, str(log), PATIENT]
    parent = subprocess.Popen(command, cwd=ROOT, start_new_session=True)
    end = time.monotonic() + 60
    while not (log.is_file() and "ready" in log.read_text()):
        assert time.monotonic() < end
        time.sleep(0.02)
    os.killpg(parent.pid, number)  # as a terminal does: to the whole group
    assert parent.wait(30) == 130
    assert log.read_text().split() == ["ready", "saved"]
