"""Fourteen kills without warning, and the run ends as if there had been none."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dpsims_hub.training.checkpoint import find_checkpoint
from tests.training.fork_server import ROOT, shared_server
from tests.training.tiny_run import checkpoint_tensors, log_lines, tiny_flags

KILLS = 12
ENDLESS = 1_000_000


def fingerprint(checkpoint: Path) -> dict[str, str]:
    """A hash of every tensor's bits: weights, optimisers, average, random states."""
    tensors = checkpoint_tensors(checkpoint)
    return {name: hashlib.sha256(value.numpy().tobytes()).hexdigest() for name, value in tensors.items()}


def latest_step(out: Path) -> int:
    return (find_checkpoint("latest", out) or (0,))[0]


def wait_until(condition: Callable[[], bool], patience: float = 120) -> None:
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


def moments(out: Path, rng: random.Random) -> list[Callable[[], None]]:
    """Waits for moments of three kinds: at any time from the start on, between steps, during a write."""

    def from_the_start() -> None:
        time.sleep(rng.uniform(0, 0.8))

    def after_some_steps() -> None:
        goal = latest_step(out) + rng.randint(1, 3)
        wait_until(lambda: latest_step(out) >= goal)
        time.sleep(rng.uniform(0, 0.1))

    def during_a_write() -> None:
        wait_until(lambda: any(out.glob("checkpoint-*.tmp")))
        time.sleep(rng.uniform(0, rng.choice((0.003, 0.02))))

    return [from_the_start, after_some_steps, during_a_write]


class Survivor:
    """A run that is killed again and again; checks after every kill what is left of it.

    Args:
        argv: of the run.
        out: its folder.
        log: where each life prints.
    """

    def __init__(self, argv: list[str], out: Path, log: Path) -> None:
        self.argv = argv
        self.out = out
        self.log = log
        self.seen: dict[int, dict[str, str]] = {}
        self.cut_writes = 0

    def live(self, start: Callable[[], int], moment: Callable[[], None], end: Callable[[], int]) -> None:
        for leftover in self.out.glob("checkpoint-*.tmp"):
            leftover.rename(leftover.with_suffix(".old"))  # so that `moment` waits for a new one
        before = latest_step(self.out)
        self.log.write_text("")
        child = start()
        moment()
        os.kill(child, signal.SIGKILL)
        assert end() == -signal.SIGKILL, self.log.read_text()
        self.cut_writes += any(self.out.glob("checkpoint-*.tmp"))
        self.check(before)

    def check(self, before: int) -> None:
        printed = self.log.read_text()
        assert "is damaged" not in printed
        assert not before or "starting from step 0" not in printed
        if "Resuming" in printed:
            assert f"Resuming from {self.out / f'checkpoint-{before}'}." in printed
        step = latest_step(self.out)
        assert step >= before
        if step:
            self.seen[step] = fingerprint(self.out / f"checkpoint-{step}")


def run_flags(pairs_dir: Path, out: Path, steps: int, *more: object) -> list[str]:
    often = ("--checkpointing_steps", 1, "--report_to", "none", "--resume_from_checkpoint", "latest")
    return tiny_flags(pairs_dir, out, *often, *more, steps=steps)


@pytest.mark.minutes
@pytest.mark.timeout(900)
def test_a_run_killed_again_and_again_ends_as_if_it_had_not_been(pairs_dir, tmp_path):
    server, rng = shared_server(), random.Random(4)
    out, log, reference = tmp_path / "out", tmp_path / "log", tmp_path / "reference"
    run = Survivor(run_flags(pairs_dir, out, ENDLESS, "--checkpoints_total_limit", 2), out, log)
    for number in range(KILLS):
        moment = moments(out, rng)[number % 3]
        run.live(lambda: server.start(run.argv, log), moment, server.wait)
    for moment in moments(out, rng)[1:]:
        with log.open("a") as file:
            command = [sys.executable, "-u", "train_accelerate.py", *run.argv]
            process = subprocess.Popen(command, cwd=ROOT, stdout=file, stderr=file)
            run.live(lambda p=process: p.pid, moment, process.wait)
    assert run.cut_writes >= 1
    assert len(run.seen) >= 5

    last = latest_step(out) + 2
    assert server.run(run_flags(pairs_dir, out, last), log) == 0, log.read_text()
    assert f"Resuming from {out / f'checkpoint-{last - 2}'}." in log.read_text()
    assert not [path for path in out.iterdir() if path.suffix in (".tmp", ".old")]

    everything = ("--checkpoints_total_limit", last)
    assert server.run(run_flags(pairs_dir, reference, last, *everything), log) == 0, log.read_text()
    run.seen[last] = fingerprint(out / f"checkpoint-{last}")
    for step, found in run.seen.items():
        assert found == fingerprint(reference / f"checkpoint-{step}"), f"step {step}"
    weights = Path("pipeline", "generator", "diffusion_pytorch_model.safetensors")
    assert (out / weights).read_bytes() == (reference / weights).read_bytes()
    assert [line["step"] for line in log_lines(out)] == list(range(1, last + 1))
