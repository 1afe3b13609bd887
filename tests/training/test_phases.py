"""The clock of the phases, against a scripted time."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
import torch

from dpsims_hub.training import phases
from dpsims_hub.training.phases import OTHER, PhaseClock


@pytest.fixture
def now(monkeypatch):
    """A time that stands still until a test moves it."""
    state = SimpleNamespace(seconds=100.0)
    monkeypatch.setattr(phases, "time", SimpleNamespace(perf_counter=lambda: state.seconds))
    return state


def test_seconds_add_up_per_phase_and_the_rest_is_other(now):
    clock = PhaseClock()
    for wait, work in ((1, 3), (2, 9)):
        with clock("data"):
            now.seconds += wait
        with clock("d_step"):
            now.seconds += work
        now.seconds += 0.5
    assert clock.seconds() == {"data": 3, "d_step": 12}
    assert clock.shares() == {"data": 3 / 16, "d_step": 12 / 16, OTHER: 1 / 16}


def test_reset_forgets_phases_and_time(now):
    clock = PhaseClock()
    with clock("data"):
        now.seconds += 5
    clock.reset()
    with clock("ema"):
        now.seconds += 1
    now.seconds += 3
    assert clock.shares() == {"ema": 0.25, OTHER: 0.75}


def test_a_phase_that_fails_is_not_counted_and_the_error_passes(now):
    clock = PhaseClock()

    def last_batch() -> None:
        with clock("data"):
            now.seconds += 5
            next(iter(()))

    with pytest.raises(StopIteration):
        last_batch()
    assert clock.seconds() == {}


def test_the_real_clock_measures_sleep():
    clock = PhaseClock("cpu")
    with clock("data"):
        time.sleep(0.05)
    assert 0.05 <= clock.seconds()["data"] < 5
    assert clock.shares()["data"] > 0.5


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_on_cuda_work_counts_in_the_phase_that_queued_it_and_hidden_waits_do_not():
    clock = PhaseClock("cuda")
    a = torch.randn(4096, 4096, device="cuda")
    torch.cuda.synchronize()
    clock.reset()
    with clock("d_step"):
        for _ in range(40):
            a = (a @ a).tanh()
    with clock("data"):
        pass
    seconds = clock.seconds()
    assert seconds["d_step"] > 10 * seconds["data"]
    start = time.perf_counter()
    with clock("data"):
        time.sleep(0.2)
    assert clock.seconds()["data"] > 0.15
    assert time.perf_counter() - start < 5
