"""Folders change places whole, at whatever file operation the process is killed."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from accelerate import Accelerator

from dpsims_hub.storage.atomic_write import finish_interrupted, put_in_place
from dpsims_hub.training.checkpoint import find_checkpoint, list_checkpoints, save_checkpoint, starting_point
from dpsims_hub.training.manifest import find_damage
from tests.training.tiny_run import checkpoint_tensors

OPERATIONS = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate", "shutil.rmtree")


def killed_before_operation(number: int, folder: Path, action: Callable[[], object]) -> bool:
    """Acts in a forked process that kills itself before its file operation `number` on the folder."""
    if pid := os.fork():
        return os.waitpid(pid, 0)[1] == signal.SIGKILL
    left = number

    def watch(event: str, arguments: tuple) -> None:
        nonlocal left
        # Names without a folder are those of files that go while their folder is being deleted.
        name = str(arguments[0]) if event in OPERATIONS else "/"
        if name.startswith(str(folder)) or "/" not in name:
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1

    sys.addaudithook(watch)
    try:
        action()
    finally:
        os._exit(0)


def write(folder: Path, text: str) -> Path:
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / text).write_text(text)
    return folder


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_put_in_place_replaces_an_older_folder_as_a_whole(tmp_path):
    put_in_place(write(tmp_path / "model.tmp", "b"), write(tmp_path / "model", "a"))
    assert names(tmp_path) == ["model", "model/sub", "model/sub/b"]


def test_a_kill_at_any_operation_leaves_the_old_or_the_new_folder_whole(tmp_path):
    seen, number, killed = set(), 0, True
    while killed:
        parent = tmp_path / str(number)
        final, temporary = write(parent / "model", "old"), write(parent / "model.tmp", "new")
        killed = killed_before_operation(number, parent, lambda: put_in_place(temporary, final))  # noqa: B023
        finish_interrupted(parent)
        assert names(final) in (["sub", "sub/new"], ["sub", "sub/old"])
        seen.add(names(final)[1])
        put_in_place(write(parent / "again.tmp", "again"), final)
        assert names(final) == ["sub", "sub/again"]
        number += 1
    assert number > 5
    assert seen == {"sub/new", "sub/old"}


def test_only_what_a_kill_left_is_finished(tmp_path):
    for name in ("notes.old", "model", "model.old", "model.tmp", "lonely.tmp"):
        write(tmp_path / name, "x")
    before = names(tmp_path)
    finish_interrupted(tmp_path)
    assert names(tmp_path) == before


def test_a_kill_at_any_operation_of_a_save_leaves_a_good_checkpoint(tmp_path):
    accelerator = Accelerator(cpu=True)
    model = torch.nn.Linear(2, 2)
    optimizer = torch.optim.SGD(model.parameters())
    model, _ = accelerator.prepare(model, optimizer)
    latest, number, killed = set(), 0, True
    while killed:
        out = tmp_path / str(number)
        for step in (1, 2):
            with torch.no_grad():
                model.weight.fill_(step)
            save_checkpoint(accelerator, out, step, 2)
        (out / "checkpoint-3").mkdir()  # damaged, to be replaced
        with torch.no_grad():
            model.weight.fill_(3)
        killed = killed_before_operation(number, out, lambda: save_checkpoint(accelerator, out, 3, 2))  # noqa: B023
        step, path = starting_point("latest", out)
        assert checkpoint_tensors(path)["model.safetensors/weight"].unique().tolist() == [step]
        latest.add(step)
        assert {old for old, path in list_checkpoints(out) if find_damage(path)} <= {3}
        save_checkpoint(accelerator, out, 4, 2)
        assert find_checkpoint("latest", out) == (4, out / "checkpoint-4")
        assert sorted(path.name for path in out.iterdir()) == [p.name for _, p in list_checkpoints(out)]
        number += 1
    assert number > 20
    assert latest == {2, 3}
