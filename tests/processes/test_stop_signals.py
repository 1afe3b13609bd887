"""The first signal to stop is stored, later ones are ignored, and earlier handlers come back."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from dpsims_hub.processes.process_group import STOP_SIGNALS, StopSignals


def send(number: int) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("numbers", [STOP_SIGNALS, STOP_SIGNALS[::-1]])
def test_only_the_first_signal_counts(numbers):
    before = [signal.getsignal(number) for number in STOP_SIGNALS]
    calls = []
    with StopSignals(lambda: calls.append("first")) as stop:
        assert stop.number is None
        for number in numbers:
            send(number)
        assert stop.number == numbers[0]
    assert calls == ["first"]
    assert [signal.getsignal(number) for number in STOP_SIGNALS] == before


def test_other_threads_leave_the_handlers_alone():
    before = [signal.getsignal(number) for number in STOP_SIGNALS]
    inside = []

    def enter() -> None:
        with StopSignals() as stop:
            inside.extend([stop.number, *(signal.getsignal(number) for number in STOP_SIGNALS)])

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert inside == [None, *before]
