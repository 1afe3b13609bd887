"""A disk that fills, or a limit on file sizes, ends a run with one sentence and the checkpoint before."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from dpsims_hub.training.checkpoint import list_checkpoints
from tests.training.fork_server import shared_server
from tests.training.tiny_run import checkpoint_tensors, tiny_flags


@pytest.fixture(scope="module")
def undisturbed(pairs_dir, tmp_path_factory) -> Path:
    """The folder of a run of two steps with both its checkpoints."""
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    assert shared_server().run(run_flags(pairs_dir, out, 2), out.with_name("log")) == 0
    return out


def run_flags(pairs_dir: Path, out: Path, steps: int) -> list[str]:
    more = ("--checkpointing_steps", 1, "--report_to", "none", "--resume_from_checkpoint", "latest")
    return tiny_flags(pairs_dir, out, *more, steps=steps)


def assert_equal_tensors(first: Path, second: Path) -> None:
    expected, found = checkpoint_tensors(first), checkpoint_tensors(second)
    assert [name for name in expected | found if not torch.equal(expected[name], found[name])] == []


def assert_refused_cleanly(code: int, printed: str, out: Path, shown: Path) -> None:
    """`shown` is the folder by the name that the run knows it by."""
    assert code == 2, printed
    assert "Traceback" not in printed
    (sentence,) = [line for line in printed.splitlines() if "train_accelerate.py: " in line]
    assert f"{shown / 'checkpoint-2'} could not be written: " in sentence
    assert " MB are free there. Make room" in sentence
    assert f"Last good checkpoint: {shown / 'checkpoint-1'} (" in sentence
    assert list_checkpoints(out) == [(1, out / "checkpoint-1")]
    assert not [path for path in out.iterdir() if path.suffix in (".tmp", ".old")]


@pytest.mark.slow
@pytest.mark.parametrize("too_large", ["model.safetensors", "optimizer.bin", "optimizer_1.bin"])
def test_a_limit_on_file_sizes(undisturbed, pairs_dir, tmp_path, too_large):
    server, out, log = shared_server(), tmp_path / "out", tmp_path / "log"
    shutil.copytree(undisturbed / "checkpoint-1", out / "checkpoint-1")
    limit = (out / "checkpoint-1" / too_large).stat().st_size - 1
    code = server.run(run_flags(pairs_dir, out, 2), log, file_size_limit=limit)
    assert_refused_cleanly(code, log.read_text(), out, out)
    assert server.run(run_flags(pairs_dir, out, 2), log) == 0
    assert_equal_tensors(out / "checkpoint-2", undisturbed / "checkpoint-2")


@pytest.mark.slow
def test_a_disk_that_is_really_full(undisturbed, pairs_dir, tmp_path):
    server, log = shared_server(), tmp_path / "log"
    if server.disk is None:
        pytest.skip("this system does not let us mount a small disk")
    disk = server.disk_from_outside
    shown, out = server.disk / "out", disk / "out"
    shutil.copytree(undisturbed / "checkpoint-1", out / "checkpoint-1")
    needed = sum(file.stat().st_size for file in (out / "checkpoint-1").iterdir())
    (disk / "ballast").write_bytes(bytes(shutil.disk_usage(disk).free - needed // 2))
    code = server.run(run_flags(pairs_dir, shown, 2), log)
    assert_refused_cleanly(code, log.read_text(), out, shown)
    (disk / "ballast").unlink()
    assert server.run(run_flags(pairs_dir, shown, 2), log) == 0
    assert_equal_tensors(out / "checkpoint-2", undisturbed / "checkpoint-2")
