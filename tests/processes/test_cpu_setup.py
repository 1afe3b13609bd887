"""A process of its own where both settings are made: they hold for the whole process."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from dpsims_hub.commands import main
from dpsims_hub.commands.model_options import load_pipeline
from dpsims_hub.processes import cpu_setup
from dpsims_hub.training import loop
from dpsims_hub.training.config import TrainConfig
from dpsims_hub.training.loop import Trainer

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


class PreparedError(Exception):
    """`prepare_cpu` was called."""


@pytest.mark.parametrize(
    "start",
    [
        lambda: Trainer(TrainConfig(train_data_dir="data")),
        lambda: load_pipeline("camvid", "cpu", "fp32"),
        lambda: main(["evaluate", "--model", "camvid", "--data", "data"]),
        lambda: main(["benchmark", "inference"]),
        lambda: main(["train-segmenter", "--data", "data", "--output", "judge"]),
    ],
    ids=["train", "load", "evaluate", "benchmark", "train-segmenter"],
)
def test_a_long_computation_is_prepared_before_any_network_is_built(start, monkeypatch, tmp_path):
    def prepared() -> None:
        raise PreparedError

    def built(*_: object) -> None:
        pytest.fail("a network before prepare_cpu")

    monkeypatch.chdir(tmp_path)
    for module in (cpu_setup, loop):
        monkeypatch.setattr(module, "prepare_cpu", prepared)
    monkeypatch.setattr(torch.nn.Module, "__init__", built)
    with pytest.raises(PreparedError):
        start()
