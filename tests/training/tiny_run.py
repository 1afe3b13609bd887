"""A folder of random pairs, and the flags of a run that takes a second."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import torch
from accelerate.state import AcceleratorState, GradientState
from PIL import Image
from safetensors.torch import load_file

from tests.tiny import TINY

CLASSES = ["road", "sky", "car"]
GENERATOR = {**TINY, "noise_fields": 1}


def write_pairs(root: Path, count: int = 12, height: int = 48, width: int = 64, seed: int = 0) -> Path:
    """Photos whose blue channel is 20 times their number, maps of 4x4 blocks that hold all classes."""
    rng = np.random.default_rng(seed)
    for name in ("images", "labels"):
        (root / name).mkdir(parents=True)
    for i in range(count):
        blocks = rng.integers(0, len(CLASSES), (height // 4, width // 4), dtype=np.uint8)
        photo = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        photo[..., 2] = 20 * i
        Image.fromarray(photo).save(root / "images" / f"{i:03}.png")
        Image.fromarray(blocks.repeat(4, 0).repeat(4, 1)).save(root / "labels" / f"{i:03}.png")
    (root / "classes.json").write_text(json.dumps(CLASSES))
    return root


def tiny_flags(train_data_dir: Path, output_dir: Path, *more: object, steps: int = 4) -> list[str]:
    """Flags of a run of the small preset with tiny widths at 32x24; later ones override earlier ones."""
    flags = ["--preset", "small", "--train_data_dir", train_data_dir, "--output_dir", output_dir]
    flags += ["--resolution", "32x24", "--train_batch_size", 2, "--max_train_steps", steps, "--log_steps", 1]
    flags += ["--generator_config", json.dumps(GENERATOR)]
    flags += ["--discriminator_config", '{"decoder_widths": [8]}']
    flags += ["--backbone", "test_resnet", "--backbone_weights", "random"]
    return [str(flag) for flag in (*flags, *more)]


def forget_accelerators() -> None:
    """Accelerate keeps the first process' set-up for good; every run here begins as in a new process."""
    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()


def log_lines(output_dir: Path) -> list[dict]:
    return [json.loads(line) for line in (output_dir / "log.jsonl").read_text().splitlines()]


def copy_checkpoint(source: Path, output_dir: Path) -> Path:
    shutil.copytree(source, output_dir / source.name)
    return output_dir / source.name


def checkpoint_tensors(folder: Path) -> dict[str, torch.Tensor]:
    """Every tensor of a checkpoint by file and place: weights, buffers, optimisers, average, random state."""
    tensors = {}
    for path in sorted(folder.iterdir()):
        if path.suffix == ".safetensors":
            tensors |= {f"{path.name}/{name}": value for name, value in load_file(path).items()}
        elif path.suffix != ".json":
            tensors |= _flatten(path.name, torch.load(path, weights_only=False))
    return tensors


def _flatten(prefix: str, value: object) -> dict[str, torch.Tensor]:
    if isinstance(value, torch.Tensor):
        return {prefix: value}
    if isinstance(value, dict):
        parts = value.items()
    elif isinstance(value, list | tuple):
        parts = enumerate(value)
    else:
        return {}
    return {k: v for name, part in parts for k, v in _flatten(f"{prefix}/{name}", part).items()}
