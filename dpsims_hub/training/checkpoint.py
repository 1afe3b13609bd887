"""Checkpoints that are either whole or not there.

A checkpoint is written into `checkpoint-N.tmp`, synced to disk and renamed to `checkpoint-N`. A process killed
at any instant leaves the last whole one.
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
    found = [(int(m.group(1)), p) for p in output_dir.glob("checkpoint-*") if (m := _NAME.fullmatch(p.name))]
    return sorted(found)


def find_checkpoint(wanted: str, output_dir: Path) -> tuple[int, Path] | None:
    """The checkpoint to resume from: "latest" (None if there is none) or a folder.

    Raises:
        FileNotFoundError: the folder named is no checkpoint.
    """
    if wanted == "latest":
        return next(reversed(list_checkpoints(output_dir)), None)
    path = Path(wanted)
    match = _NAME.fullmatch(path.name)
    if not path.is_dir() or match is None:
        raise FileNotFoundError(f"--resume_from_checkpoint: {wanted} is no checkpoint-N folder.")
    return int(match.group(1)), path


def save_checkpoint(accelerator: Accelerator, output_dir: Path, step: int, total_limit: int) -> Path:
    """Write the state of every process, then drop all but the newest `total_limit` checkpoints."""
    final = output_dir / f"checkpoint-{step}"
    temporary = output_dir / f"checkpoint-{step}.tmp"
    if accelerator.is_main_process and temporary.exists():
        shutil.rmtree(temporary)
    accelerator.wait_for_everyone()
    accelerator.save_state(str(temporary))
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        _sync(temporary)
        if final.exists():
            shutil.rmtree(final)
        os.replace(temporary, final)
        _sync_folder(output_dir)
        for _, old in list_checkpoints(output_dir)[:-total_limit]:
            shutil.rmtree(old)
    accelerator.wait_for_everyone()
    return final


def _sync(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
    _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
