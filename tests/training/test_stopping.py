"""A signal at an awkward moment: during a checkpoint write, during validation, to two processes at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader

from dpsims_hub.training.checkpoint import find_checkpoint, list_checkpoints
from dpsims_hub.training.command_line import parse_config
from dpsims_hub.training.loop import Trainer
from dpsims_hub.training.stopping import ignore_stop_signals
from tests.training.fork_server import ROOT, shared_server
from tests.training.tiny_run import checkpoint_tensors, log_lines, tiny_flags

ENDLESS = 1_000_000


def wait_until(condition: Callable[[], bool], patience: float = 250) -> None:
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


def assert_stopped_well(out: Path, printed: str) -> None:
    step, checkpoint = find_checkpoint("latest", out)
    assert f"Stopped at step {step}; " in printed
    assert "Traceback" not in printed
    assert log_lines(out)[-1]["step"] == step
    assert checkpoint_tensors(checkpoint)
    assert (out / "pipeline" / "model_index.json").exists()
    assert not [path for path in out.iterdir() if path.suffix in (".tmp", ".old")]


@pytest.mark.slow
def test_during_a_checkpoint_write(pairs_dir, tmp_path):
    server, out, log = shared_server(), tmp_path / "out", tmp_path / "log"
    flags = tiny_flags(pairs_dir, out, "--checkpointing_steps", 1, "--report_to", "none", steps=ENDLESS)
    child = server.start(flags, log)
    wait_until(lambda: any(out.glob("checkpoint-*.tmp")))
    os.kill(child, signal.SIGTERM)
    assert server.wait() == 0, log.read_text()
    assert_stopped_well(out, log.read_text())


def test_during_validation(flags, tmp_path, monkeypatch, capsys):
    trainer = Trainer(parse_config(flags("--validation_steps", 2, "--report_to", "none", steps=10)))
    validate = trainer.validate

    def signalled() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        validate()

    monkeypatch.setattr(trainer, "validate", signalled)
    trainer.run()
    assert [step for step, _ in list_checkpoints(tmp_path / "out")] == [3]
    assert (tmp_path / "out" / "sheets" / "step-000002.png").exists()
    assert_stopped_well(tmp_path / "out", capsys.readouterr().out)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_processes_with_a_worker_each_under_torchrun(pairs_dir, tmp_path):
    out, log = tmp_path / "out", tmp_path / "log"
    more = ("--checkpointing_steps", ENDLESS, "--report_to", "none", "--dataloader_num_workers", 1)
    argv = tiny_flags(pairs_dir, out, *more, steps=ENDLESS)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    with log.open("w") as file:
        launcher = subprocess.Popen(
            [*torchrun, "train_accelerate.py", *argv],
            cwd=ROOT,
            env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"},
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_until(lambda: (out / "log.jsonl").exists() or launcher.poll() is not None, patience=500)
        launcher.send_signal(signal.SIGTERM)  # which it passes on to its processes and theirs
        launcher.wait(200)
    finally:
        if launcher.poll() is None:
            os.killpg(launcher.pid, signal.SIGKILL)
    printed = log.read_text()
    assert "; 2 process(es) on cpu" in printed
    assert "[rank" not in printed  # how PyTorch begins the lines of a traceback
    step, checkpoint = find_checkpoint("latest", out)
    assert f"Stopped at step {step}; " in printed
    assert f"Model: {out / 'pipeline'}" in printed
    assert len(list(checkpoint.glob("random_states_*.pkl"))) == 2
    assert (out / "pipeline" / "model_index.json").exists()


@pytest.fixture
def loader_process() -> tuple[Iterator[torch.Tensor], int]:
    """The batches of a loader with one worker, and the worker's process number."""
    loader = DataLoader(range(1000), num_workers=1, worker_init_fn=ignore_stop_signals)
    batches = iter(loader)
    next(batches)
    return batches, batches._workers[0].pid


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_loaders_worker_goes_on(loader_process, number):
    batches, pid = loader_process
    os.kill(pid, number)
    assert [int(next(batches)) for _ in range(20)] == list(range(1, 21))


UNFINISHED = """
from torch.utils.data import DataLoader
from dpsims_hub.training.stopping import ignore_stop_signals, start_workers
batches = start_workers(DataLoader(range(1000), num_workers=1, worker_init_fn=ignore_stop_signals))
next(batches)
raise ValueError("a fault")
"""


def test_workers_do_not_hold_up_the_end_of_a_process_that_failed():
    ended = subprocess.run([sys.executable, "-c", UNFINISHED], capture_output=True, text=True, timeout=100)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == "ValueError: a fault"
