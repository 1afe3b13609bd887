"""Checkpoints that are either whole or not there.

A folder is written beside its place as `NAME.tmp`, synced to disk and renamed. A process killed at any moment
leaves the last whole checkpoint; a leftover `checkpoint-N.tmp` is never resumed from.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from accelerate import Accelerator

_NAME = re.compile(r"checkpoint-(\d+)")


def list_checkpoints(output_dir: Path) -> list[tuple[int, Path]]:
    """(step, folder) of the whole checkpoints, oldest first."""
    matches = ((_NAME.fullmatch(path.name), path) for path in output_dir.glob("checkpoint-*"))
    return sorted((int(match[1]), path) for match, path in matches if match and path.is_dir())


def find_checkpoint(wanted: str, output_dir: Path) -> tuple[int, Path] | None:
    """(step, folder) of the checkpoint to resume from: "latest" (None if there is none) or a folder.

    Raises:
        FileNotFoundError: the folder named is no checkpoint.
    """
    if wanted == "latest":
        return next(reversed(list_checkpoints(output_dir)), None)
    path = Path(wanted)
    match = _NAME.fullmatch(path.name)
    if not path.is_dir() or match is None:
        raise FileNotFoundError(f"--resume_from_checkpoint: {wanted} is no checkpoint-N folder.")
    return int(match[1]), path


def starting_point(wanted: str, output_dir: Path) -> tuple[int, Path | None]:
    """(step, checkpoint) at which a run begins; (0, None) for a fresh one.

    Args:
        wanted: "" for a fresh run, "latest" or a folder.
        output_dir: where the run will write.

    Raises:
        FileNotFoundError: the folder named is no checkpoint.
        ValueError: `output_dir` holds a later checkpoint, which "latest" would take for this run's.
    """
    step, path = (find_checkpoint(wanted, output_dir) if wanted else None) or (0, None)
    newest = find_checkpoint("latest", output_dir)
    if newest is not None and newest[0] > step:
        raise ValueError(
            f"--output_dir: {newest[1]} is already there, ahead of step {step} where this run would start; "
            "continue it with --resume_from_checkpoint latest, or choose another folder."
        )
    return step, path


def save_checkpoint(accelerator: Accelerator, output_dir: Path, step: int, total_limit: int) -> Path:
    """Write the state of every process, then drop all but the newest `total_limit` checkpoints.

    Accelerate stores networks without the wrapper of several processes, so that a run may go on with another
    number of them.

    Args:
        accelerator: knows models, optimisers, random states and what else was registered.
        output_dir: one folder, seen by every process.
        step: generator updates done.
        total_limit: checkpoints that stay, at least 1.

    Returns:
        The folder `checkpoint-STEP`.
    """
    final = output_dir / f"checkpoint-{step}"
    temporary = output_dir / f"{final.name}.tmp"
    if accelerator.is_main_process:
        for leftover in output_dir.glob("checkpoint-*.tmp"):
            shutil.rmtree(leftover)
    accelerator.wait_for_everyone()
    accelerator.save_state(str(temporary))
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        put_in_place(temporary, final)
        for _, old in list_checkpoints(output_dir)[:-total_limit]:
            doomed = old.with_name(f"{old.name}.tmp")  # so that a half-deleted one never looks whole
            os.replace(old, doomed)
            shutil.rmtree(doomed)
    accelerator.wait_for_everyone()
    return final


def put_in_place(temporary: Path, final: Path) -> None:
    """Sync a folder written as `temporary` and rename it to `final`; an older `final` goes last.

    Between the two renames neither name is there for an instant, but both folders are whole.
    """
    _sync(temporary)
    retired = final.with_name(f"{final.name}.old")
    shutil.rmtree(retired, ignore_errors=True)
    if final.exists():
        os.replace(final, retired)
    os.replace(temporary, final)
    _sync_folder(final.parent)
    shutil.rmtree(retired, ignore_errors=True)


def _sync(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        else:
            _sync_folder(path)
    _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
