"""A process of its own: both settings hold for the whole process."""

from __future__ import annotations

import subprocess
import sys

import pytest

FLUSHED = """
import torch
torch.set_num_threads(2)
{prepare}
numbers = torch.full((2**22,), 1e-39)  # enough for every thread of the pool
print(int((numbers * 1.0).count_nonzero()))
"""

PAGES = """
import resource
import torch
{prepare}
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(12):  # a young heap still grows
    torch.ones(2**24)
before = faults()
for _ in range(10):
    torch.ones(2**24)  # 64 MiB
print(faults() - before)
"""
PREPARE = "from dpsims_hub.processes.cpu_setup import prepare_cpu; prepare_cpu()"


def printed(script: str, prepare: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", script.format(prepare=prepare)], capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout.split()[-1])


@pytest.mark.slow
def test_every_thread_flushes_subnormal_numbers():
    assert printed(FLUSHED, "") == 2**22
    assert printed(FLUSHED, PREPARE) == 0


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator")
def test_memory_of_a_large_tensor_is_used_again():
    assert printed(PAGES, PREPARE) < 0.1 * printed(PAGES, "")
