"""Checkpoints, written atomically.

A process that is killed at any moment leaves the last complete checkpoint intact; no run resumes from
`checkpoint-N.tmp`. A full disk raises an error of one sentence, and earlier checkpoints stay.
"""

from __future__ import annotations

import os
import pickle
import re
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object, load
from safetensors import SafetensorError

from dpsims_hub.storage.atomic_write import finish_interrupted, put_in_place, remove
from dpsims_hub.training.manifest import find_damage, write_manifest
from dpsims_hub.training.write_failure import explain, is_write_failure

_NAME = re.compile(r"checkpoint-(\d+)")


class CheckpointError(OSError):
    """A checkpoint cannot be written, or a required one is damaged."""


def list_checkpoints(output_dir: Path) -> list[tuple[int, Path]]:
    """(step, folder) of all checkpoints, damaged ones included, oldest first."""
    matches = ((_NAME.fullmatch(path.name), path) for path in output_dir.glob("checkpoint-*"))
    return sorted((int(match[1]), path) for match, path in matches if match and path.is_dir())


def find_checkpoint(wanted: str, output_dir: Path) -> tuple[int, Path] | None:
    """(step, folder) to resume from: a named folder, or the newest complete checkpoint for "latest".

    With "latest" the result is None if there is no checkpoint. Process 0 prints a line for each damaged one
    that is skipped.

    Raises:
        FileNotFoundError: the folder is not a checkpoint.
        CheckpointError: it is damaged; with "latest", all checkpoints are.
    """
    if wanted == "latest":
        return _newest_whole(output_dir)
    path = Path(wanted)
    match = _NAME.fullmatch(path.name)
    if not path.is_dir() or match is None:
        raise FileNotFoundError(f"--resume_from_checkpoint: {wanted} is no checkpoint-N folder.")
    if damage := find_damage(path):
        raise CheckpointError(f"--resume_from_checkpoint: {path} is damaged: {damage}; name another one.")
    return int(match[1]), path


def _newest_whole(output_dir: Path) -> tuple[int, Path] | None:
    checkpoints = list_checkpoints(output_dir)
    for step, path in reversed(checkpoints):
        damage = find_damage(path)
        if damage is None:
            return step, path
        if os.environ.get("RANK", "0") == "0":
            print(f"{path} is damaged: {damage}; looking for the one before it.")
    if checkpoints:
        raise CheckpointError(
            f"--resume_from_checkpoint: every checkpoint in {output_dir} is damaged (the newest is "
            f"{checkpoints[-1][1].name}); delete them to start from step 0, or choose another --output_dir."
        )
    return None


def starting_point(wanted: str, output_dir: Path) -> tuple[int, Path | None]:
    """(step, checkpoint) at which a run begins; (0, None) for a new run, whose `wanted` is "".

    Raises:
        OSError: see `find_checkpoint`.
        ValueError: `output_dir` contains a later checkpoint, which "latest" would take for one of this run.
    """
    finish_interrupted(output_dir)
    step, path = (find_checkpoint(wanted, output_dir) if wanted else None) or (0, None)
    # The next save removes a damaged checkpoint that was skipped.
    for later, folder in reversed(list_checkpoints(output_dir)):
        if later > step and not (path and find_damage(folder)):
            raise ValueError(
                f"--output_dir: {folder} is already there, ahead of step {step} where this run would start; "
                "continue it with --resume_from_checkpoint latest, or choose another folder."
            )
    return step, path


def save_checkpoint(
    accelerator: Accelerator,
    output_dir: Path,
    step: int,
    total_limit: int,
    data_state: dict[str, Any] | None = None,
) -> Path:
    """Write the state of every process to `checkpoint-STEP`, then keep only the newest `total_limit`.

    Every process must call it, with its position in the data, and all must share `output_dir`. The folder
    gets its final name only after all processes have written their parts. Networks are stored without DDP's
    wrapper, so that a run may resume with another number of processes. The disk needs room for
    `total_limit` + 1 checkpoints.

    Raises:
        CheckpointError: one of the processes cannot write. All processes raise it, and no part of the new
            checkpoint stays.
    """
    final = output_dir / f"checkpoint-{step}"
    temporary = output_dir / f"{final.name}.tmp"
    _together(accelerator, final, partial(_remove_leftovers, output_dir))
    _together(accelerator, final, partial(_write, accelerator, temporary, data_state), on_all=True)
    _together(accelerator, final, partial(_finish, temporary, final, step, accelerator.num_processes))
    _together(accelerator, final, partial(_drop_others, output_dir, step, total_limit))
    return final


def load_data_state(path: Path, rank: int) -> dict[str, Any] | None:
    """`data_state` of a process (of process 0 if it is new), or None; CheckpointError if unreadable."""
    own = path / f"data_{rank}.pt"
    file = own if own.exists() else path / "data_0.pt"
    try:
        return load(file) if file.exists() else None
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise CheckpointError(f"--resume_from_checkpoint: {file} cannot be read ({error}).") from error


def load_data_states(path: Path) -> list[dict[str, Any]]:
    """`data_state` of all processes, by rank."""
    count = len(list(path.glob("data_*.pt")))
    return [load_data_state(path, rank) for rank in range(count)]


def _remove_leftovers(output_dir: Path) -> None:
    for pattern in ("checkpoint-*.tmp", "checkpoint-*.old"):
        for leftover in output_dir.glob(pattern):
            shutil.rmtree(leftover)


def _write(accelerator: Accelerator, temporary: Path, data_state: dict[str, Any] | None) -> None:
    accelerator.save_state(str(temporary))
    if data_state is not None:
        torch.save(data_state, temporary / f"data_{accelerator.process_index}.pt")


def _finish(temporary: Path, final: Path, step: int, processes: int) -> None:
    write_manifest(temporary, step, processes)
    put_in_place(temporary, final)


def _drop_others(output_dir: Path, step: int, total_limit: int) -> None:
    """Keep the newest checkpoints up to `step`; later ones are damaged, see `starting_point`."""
    checkpoints = list_checkpoints(output_dir)
    kept = [path for number, path in checkpoints if number <= step][-total_limit:]
    for _, path in checkpoints:
        if path not in kept:
            remove(path)


def _together(
    accelerator: Accelerator, final: Path, action: Callable[[], None], on_all: bool = False
) -> None:
    """Run `action` in the main process or in all; a write failure in one process is raised in all."""
    failure, cause = "", None
    if accelerator.is_main_process or on_all:
        try:
            action()
        except (OSError, RuntimeError, SafetensorError) as error:
            if not is_write_failure(error):
                raise
            failure, cause = f"{final} could not be written: {explain(error, final.parent)}", error
    failures = [text for text in gather_object([failure]) if text]
    if failures:
        if accelerator.is_main_process:
            shutil.rmtree(final.with_name(f"{final.name}.tmp"), ignore_errors=True)
        raise CheckpointError(f"{failures[0]} {_last_good(final.parent)}") from cause


def _last_good(output_dir: Path) -> str:
    last = next((p for _, p in reversed(list_checkpoints(output_dir)) if find_damage(p) is None), None)
    size = f" ({sum(file.stat().st_size for file in last.iterdir()) / 1e6:.1f} MB)" if last else ""
    return f"Last good checkpoint: {last or 'none'}{size}."
