"""Checkpoints are complete or absent, with tiny real models under a real accelerator."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator, debug_launcher

from dpsims_hub.training.checkpoint import (
    CheckpointError,
    find_checkpoint,
    list_checkpoints,
    load_data_state,
    load_data_states,
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

    def save(step: int, total_limit: int = 3, data_state: dict | None = None):
        return save_checkpoint(accelerator, tmp_path, step, total_limit, data_state)

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


def test_a_run_starts_where_it_is_told_unless_a_later_checkpoint_is_there(saver, tmp_path):
    elsewhere = (tmp_path / "elsewhere").joinpath(saver(5).name)
    elsewhere.parent.mkdir()
    (tmp_path / "checkpoint-5").rename(elsewhere)
    assert starting_point("", tmp_path) == (0, None)
    assert starting_point(str(elsewhere), tmp_path) == (5, elsewhere)
    saver(6)
    assert starting_point("latest", tmp_path) == (6, tmp_path / "checkpoint-6")
    for wanted in ("", str(elsewhere)):
        with pytest.raises(ValueError, match="checkpoint-6 is already there"):
            starting_point(wanted, tmp_path)


def test_the_data_state_of_a_process_comes_back(saver):
    state = {"rows": [(1, "a.png"), None], "bytes": b"\x00\xff", "place": torch.arange(3), "big": 2**100}
    path = saver(1, data_state=state)
    found = load_data_state(path, 0)
    assert torch.equal(found.pop("place"), state.pop("place"))
    assert found == state
    for newcomer in (1, 5):
        assert load_data_state(path, newcomer)["big"] == 2**100
    (path / "data_0.pt").write_bytes(b"not this")
    with pytest.raises(CheckpointError, match="data_0.pt cannot be read"):
        load_data_state(path, 0)
    (path / "data_0.pt").unlink()
    assert load_data_state(path, 0) is None


def test_the_manifest_lists_every_file_with_its_size(saver):
    path = saver(7, data_state={})
    manifest = json.loads((path / "checkpoint.json").read_text())
    assert (manifest["step"], manifest["processes"]) == (7, 1)
    assert manifest["versions"]["torch"] == torch.__version__
    others = {file.name: len(file.read_bytes()) for file in path.iterdir() if file.name != "checkpoint.json"}
    assert manifest["files"] == others
    assert {"model.safetensors", "optimizer.bin", "random_states_0.pkl", "data_0.pt"} <= others.keys()


def shorten(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


DAMAGES = {
    "short": (lambda p: shorten(p / "optimizer.bin"), "optimizer.bin has "),
    "lost": (lambda p: (p / "model.safetensors").unlink(), "it holds no model.safetensors"),
    "manifest cut": (lambda p: os.truncate(p / "checkpoint.json", 60), "checkpoint.json cannot be read"),
    "manifest empty": (lambda p: os.truncate(p / "checkpoint.json", 0), "checkpoint.json cannot be read"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_passed_over_with_a_sentence(saver, tmp_path, capsys, damage):
    for step in (1, 2):
        saver(step)
    act, words = DAMAGES[damage]
    act(tmp_path / "checkpoint-2")
    assert starting_point("latest", tmp_path) == (1, tmp_path / "checkpoint-1")
    printed = capsys.readouterr().out
    assert printed.startswith(f"{tmp_path / 'checkpoint-2'} is damaged: ")
    assert words in printed
    assert printed.count("\n") == 1
    with pytest.raises(CheckpointError, match="checkpoint-2 is damaged.*name another one"):
        find_checkpoint(str(tmp_path / "checkpoint-2"), tmp_path)


def test_a_run_never_starts_at_zero_over_damaged_checkpoints(saver, tmp_path):
    for step in (1, 2):
        shorten(saver(step) / "optimizer.bin")
    with pytest.raises(CheckpointError, match=r"every checkpoint in .* is damaged .*delete them"):
        starting_point("latest", tmp_path)
    with pytest.raises(ValueError, match="checkpoint-2 is already there"):
        starting_point("", tmp_path)


def test_checkpoints_passed_over_as_damaged_do_not_push_out_good_ones(saver, tmp_path):
    saver(1)
    for step in (5, 6):
        shorten(saver(step) / "optimizer.bin")
    saver(2, total_limit=1)
    assert list_checkpoints(tmp_path) == [(2, tmp_path / "checkpoint-2")]
    shorten(tmp_path / "checkpoint-2" / "optimizer.bin")
    saver(2)  # in the place of the damaged one
    assert find_checkpoint("latest", tmp_path) == (2, tmp_path / "checkpoint-2")


def test_a_checkpoint_without_a_manifest_is_taken_if_its_states_are_there(saver, tmp_path):
    for step in (1, 2):
        (saver(step) / "checkpoint.json").unlink()
    assert find_checkpoint("latest", tmp_path) == (2, tmp_path / "checkpoint-2")
    (tmp_path / "checkpoint-2" / "random_states_0.pkl").unlink()
    assert find_checkpoint("latest", tmp_path) == (1, tmp_path / "checkpoint-1")


def test_an_error_that_is_no_failure_to_write_stays_what_it_is(saver, tmp_path):
    def bug() -> None:
        raise RuntimeError("size mismatch")

    saver.last.action = bug
    with pytest.raises(RuntimeError, match="size mismatch") as caught:
        saver(1)
    assert not isinstance(caught.value, CheckpointError)


def save_on_two_ranks(folder: str) -> None:
    """Saves twice; the second time process 1 finds a folder in the place of its data state."""
    torch.set_num_threads(1)
    output_dir = Path(folder) / "out"
    accelerator = Accelerator(cpu=True)
    assert accelerator.num_processes == 2
    model = accelerator.prepare(torch.nn.Linear(2, 2))
    accelerator.prepare(torch.optim.Adam(model.parameters()))
    rank = accelerator.process_index
    save_checkpoint(accelerator, output_dir, 1, 3, {"rank": rank})
    if rank == 1:
        breaking = Breaking()
        breaking.action = lambda: (output_dir / "checkpoint-2.tmp" / "data_1.pt").mkdir(parents=True)
        accelerator.register_for_checkpointing(breaking)
    try:
        save_checkpoint(accelerator, output_dir, 2, 3, {"rank": rank})
    except CheckpointError as error:
        (Path(folder) / f"error_{rank}").write_text(str(error))


def test_a_process_that_cannot_write_stops_all_with_one_sentence(tmp_path):
    debug_launcher(save_on_two_ranks, (str(tmp_path),), num_processes=2)
    out = tmp_path / "out"
    assert [load_data_state(out / "checkpoint-1", rank) for rank in range(2)] == [{"rank": 0}, {"rank": 1}]
    assert load_data_states(out / "checkpoint-1") == [{"rank": 0}, {"rank": 1}]
    assert json.loads((out / "checkpoint-1" / "checkpoint.json").read_text())["processes"] == 2
    first, second = ((tmp_path / f"error_{rank}").read_text() for rank in range(2))
    assert first == second
    assert first.startswith(f"{out / 'checkpoint-2'} could not be written: ")
    assert first.count(str(out / "checkpoint-1")) == 1
    assert [path.name for path in out.iterdir()] == ["checkpoint-1"]


def test_processes_that_do_not_share_the_folder_are_refused(saver, tmp_path, monkeypatch):
    monkeypatch.setattr(type(saver.accelerator), "num_processes", 2)  # and only one of them writes here
    monkeypatch.setattr("dpsims_hub.training.checkpoint.gather_object", lambda values: values)
    with pytest.raises(CheckpointError, match="nothing came from process 1; --output_dir must be one folder"):
        saver(1)
    assert not list(tmp_path.iterdir())
