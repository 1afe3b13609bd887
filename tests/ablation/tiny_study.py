"""A study that trains in seconds: the tiny generator at 32x24 over timm's test network."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from PIL import Image

from dpsims_hub.ablation.study import Arm, Study
from dpsims_hub.commands import main, train
from tests.tiny import TINY, save_tiny_backbone
from tests.training.tiny_run import forget_accelerators, write_pairs

STUDY = Study(
    "tiny",
    "Does it run?",
    "nothing",
    (Arm("two fields", {"generator_config": {"noise_fields": 2}}), Arm("plain")),
)

WORDS = [
    *("--resolution", "32x24", "--train_batch_size", "2", "--backbone", "test_resnet"),
    *("--generator_config", json.dumps({**TINY, "noise_fields": 1})),
    *("--discriminator_config", '{"decoder_widths": [8]}'),
]


def write_data(root: Path) -> Path:
    """Twelve training and five validation pairs, and weights of the backbone beside them."""
    write_pairs(root / "train")
    write_pairs(root / "val", count=5, seed=1)
    save_tiny_backbone(root / "tiny.safetensors")
    return root


def recipe(root: Path) -> list[str]:
    """Flags of `dpsims evaluate`."""
    words = ["--data", root / "val", "--train-data", root / "train", "--num-images", 2]
    words += ["--backbone", "test_resnet", "--backbone-weights", root / "tiny.safetensors"]
    return [str(word) for word in words]


class Launches:
    """Does in this process what `run_child` would do in one of its own, and remembers what."""

    def __init__(self) -> None:
        self.made: list[str] = []

    def __call__(self, arguments: Sequence[str], log: Path) -> int:
        module, words = arguments[1], list(arguments[2:])
        log.parent.mkdir(parents=True, exist_ok=True)
        if module == "dpsims_hub.commands.train":
            self.made.append(f"train {log.parent.name}")
            forget_accelerators()
            with log.open("a") as file, redirect_stdout(file), redirect_stderr(file):
                code = train.main(words)
            forget_accelerators()
            return code
        assert module == "dpsims_hub.commands"
        self.made.append(f"{words[0]} {log.parent.name}")
        return main(words)


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as picture:
        return picture.size
