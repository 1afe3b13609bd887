"""Checkpoints are whole or absent, with tiny real models under a real accelerator."""

from __future__ import annotations

import os
import signal

import pytest
import torch
from accelerate import Accelerator

from dpsims_hub.training.checkpoint import (
    find_checkpoint,
    list_checkpoints,
    put_in_place,
    save_checkpoint,
    starting_point,
)
from dpsims_hub.training.stopping import StopRequest


class Breaking:
    """State that is written after all models and optimisers, and runs something then."""

    def __init__(self) -> None:
        self.action = lambda: None

    def state_dict(self) -> dict:
        self.action()
        return {}

    def load_state_dict(self, state: dict) -> None:
        """Nothing to restore."""


@pytest.fixture
def saver(tmp_path):
    """Saves checkpoints of a linear layer to tmp_path; `saver.last` acts at the end of the writing."""
    accelerator = Accelerator(cpu=True)
    model = torch.nn.Linear(2, 2)
    accelerator.prepare(model, torch.optim.Adam(model.parameters()))
    last = Breaking()
    accelerator.register_for_checkpointing(last)

    def save(step: int, total_limit: int = 3):
        return save_checkpoint(accelerator, tmp_path, step, total_limit)

    save.last, save.accelerator = last, accelerator
    return save


def fail() -> None:
    raise KeyboardInterrupt


def test_only_the_newest_checkpoints_stay(saver, tmp_path):
    for step in (1, 9, 10, 11):
        assert saver(step, total_limit=2) == tmp_path / f"checkpoint-{step}"
    assert list_checkpoints(tmp_path) == [(10, tmp_path / "checkpoint-10"), (11, tmp_path / "checkpoint-11")]
    assert len(list(tmp_path.iterdir())) == 2


def test_a_save_cut_short_leaves_the_last_checkpoint_and_never_a_half_one(saver, tmp_path):
    saver(1)
    whole = {path.name: path.read_bytes() for path in (tmp_path / "checkpoint-1").iterdir()}
    saver.last.action = fail
    with pytest.raises(KeyboardInterrupt):
        saver(2)
    assert (tmp_path / "checkpoint-2.tmp" / "model.safetensors").exists()  # it was half-written, beside
    assert find_checkpoint("latest", tmp_path) == (1, tmp_path / "checkpoint-1")
    assert {path.name: path.read_bytes() for path in (tmp_path / "checkpoint-1").iterdir()} == whole
    with pytest.raises(FileNotFoundError, match="is no checkpoint-N folder"):
        find_checkpoint(str(tmp_path / "checkpoint-2.tmp"), tmp_path)
    saver.last.action = lambda: None
    saver(3)
    assert [step for step, _ in list_checkpoints(tmp_path)] == [1, 3]
    assert not list(tmp_path.glob("*.tmp"))


def test_a_signal_while_saving_waits_for_the_whole_checkpoint(saver, tmp_path):
    saver.last.action = lambda: os.kill(os.getpid(), signal.SIGTERM)
    before = signal.getsignal(signal.SIGTERM)
    with StopRequest(saver.accelerator) as stop:
        assert not stop.wanted()
        saver(1)
        assert stop.wanted()
    assert signal.getsignal(signal.SIGTERM) is before
    assert find_checkpoint("latest", tmp_path) == (1, tmp_path / "checkpoint-1")


def test_the_time_limit_counts_from_entering_the_block(saver):
    with StopRequest(saver.accelerator, minutes=1) as stop:
        assert not stop.wanted()
        stop.started -= 59
        assert not stop.wanted()
        stop.started -= 2
        assert stop.wanted()
    with StopRequest(saver.accelerator, minutes=0) as stop:
        stop.started -= 1e9
        assert not stop.wanted()


def test_files_and_other_names_are_no_checkpoints(tmp_path):
    (tmp_path / "checkpoint-7").write_text("a file")
    for name in ("checkpoint-8.tmp", "checkpoint-x", "my-checkpoint-9", "checkpoint-10.old"):
        (tmp_path / name).mkdir()
    assert list_checkpoints(tmp_path) == []
    assert find_checkpoint("latest", tmp_path) is None
    assert find_checkpoint("latest", tmp_path / "missing") is None
    assert starting_point("latest", tmp_path) == (0, None)


def test_a_run_starts_where_it_is_told_unless_a_later_checkpoint_is_there(tmp_path):
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere" / "checkpoint-5"
    for path in (out, elsewhere):
        path.mkdir(parents=True)
    assert starting_point("", out) == (0, None)
    assert starting_point(str(elsewhere), out) == (5, elsewhere)
    (out / "checkpoint-6").mkdir()
    assert starting_point("latest", out) == (6, out / "checkpoint-6")
    for wanted in ("", str(elsewhere)):
        with pytest.raises(ValueError, match="checkpoint-6 is already there"):
            starting_point(wanted, out)


def test_put_in_place_replaces_an_older_folder_as_a_whole(tmp_path):
    old, new = tmp_path / "model", tmp_path / "model.tmp"
    for folder, name in ((old, "a"), (new, "b")):
        (folder / "sub").mkdir(parents=True)
        (folder / "sub" / name).write_text(name)
    put_in_place(new, old)
    assert [path.name for path in tmp_path.rglob("*")] == ["model", "sub", "b"]
