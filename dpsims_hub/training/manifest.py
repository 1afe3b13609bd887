"""The list of a checkpoint's files, `checkpoint.json`, which is written last.

Names and sizes reveal a missing or truncated file. Hashes would also reveal flipped bits, but hundreds of
megabytes would have to be read again.
"""

from __future__ import annotations

import json
from pathlib import Path

import accelerate
import torch

from dpsims_hub import __version__

_NAME = "checkpoint.json"
_WITHOUT_MANIFEST = ("model.safetensors", "optimizer.bin", "random_states_0.pkl")


def write_manifest(folder: Path, step: int, processes: int) -> None:
    """List a finished folder's files; FileNotFoundError if a process wrote to a disk that is not shared."""
    sizes = {path.name: path.stat().st_size for path in sorted(folder.iterdir()) if path.name != _NAME}
    missing = [rank for rank in range(processes) if f"random_states_{rank}.pkl" not in sizes]
    if missing:
        raise FileNotFoundError(
            f"nothing came from process {missing[0]}; --output_dir must be one folder that all machines share"
        )
    versions = {"dpsims_hub": __version__, "torch": torch.__version__, "accelerate": accelerate.__version__}
    content = {"step": step, "processes": processes, "versions": versions, "files": sizes}
    (folder / _NAME).write_text(json.dumps(content, indent=2) + "\n")


def find_damage(folder: Path) -> str | None:
    """What is missing from a checkpoint; None if it is complete.

    In a checkpoint from before this list, only a few files are looked for.
    """
    path = folder / _NAME
    if not path.exists():
        missing = [name for name in _WITHOUT_MANIFEST if not (folder / name).is_file()]
        return f"it holds no {missing[0]}" if missing else None
    try:
        sizes = json.loads(path.read_bytes())["files"].items()
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"its {_NAME} cannot be read"
    for name, size in sizes:
        file = folder / name
        if not file.is_file():
            return f"it holds no {name}"
        if (found := file.stat().st_size) != size:
            return f"{name} has {found} of {size} bytes"
    return None
