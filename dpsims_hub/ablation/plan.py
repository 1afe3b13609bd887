"""The runs of a study: their settings, folders and progress."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from dpsims_hub.ablation.study import Arm, Study
from dpsims_hub.storage.links import real_path
from dpsims_hub.training.command_line import parse_config
from dpsims_hub.training.config import TrainConfig

MAX_CHECKPOINT_GAP = 100
"""Largest number of steps between two checkpoints; our choice."""

DECIDED_HERE = (
    "config",
    "train_data_dir",
    "validation_data_dir",
    "output_dir",
    "seed",
    "max_train_steps",
    "max_train_minutes",
    "resume_from_checkpoint",
    "dry_run",
    "push_to_hub",
)
"""Flags of the trainer that a study sets."""

_CHANGES_NOTHING = {
    *("output_dir", "resume_from_checkpoint", "max_train_steps", "validation_data_dir", "validation_split"),
    *("checkpointing_steps", "checkpoints_total_limit", "validation_steps", "log_steps", "report_to"),
    *("dataloader_num_workers",),
}
"""Settings that may differ between the parts of one run, or between studies that share it."""

_NEW_SETTINGS = {"contrastive_normalize": True, "contrastive_reduction": "mean", "power_iterations": "update"}
"""Settings newer than the first studies, and the values that these had: finished runs keep their names."""


@dataclass(frozen=True)
class Run:
    """One training of one arm; `output_dir` of its merged settings is the run's folder.

    `judge` contains flags of `dpsims evaluate` for this run only, which precede those of the study.
    """

    arm: Arm
    seed: int
    config: TrainConfig
    judge: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """The trainer's output folder."""
        return Path(self.config.output_dir)

    @property
    def name(self) -> str:
        """Its name in messages."""
        return f"{self.arm.name}, seed {self.seed}"

    def steps_done(self) -> int:
        """Steps of the saved model; 0 without one."""
        facts = read_json(self.folder / "run.json")
        saved = (self.folder / "pipeline" / "model_index.json").is_file()
        return int(facts.get("steps", 0)) if saved else 0

    def is_trained(self) -> bool:
        """Whether the training is complete."""
        return self.steps_done() == self.config.max_train_steps

    def check(self) -> None:
        """Checks that the run does not have more steps than wanted.

        Raises:
            ValueError: it has.
        """
        if self.steps_done() > self.config.max_train_steps:
            raise ValueError(
                f"{self.folder} has {self.steps_done()} steps already; give --steps {self.steps_done()}, or "
                "another --output."
            )


def make_runs(
    study: Study,
    arms: Sequence[Arm],
    words: Sequence[str],
    data: tuple[str | Path, str | Path],
    output: Path,
    steps: int,
    seeds: int,
    weights_of: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> list[Run]:
    """The runs of a study: those of all arms with the first seed, then those with the next seed.

    In this order an interrupted study has about the same number of runs of each arm.

    Args:
        study: for its preset and shared settings.
        arms: of the study.
        words: flags of `train_accelerate.py` for all arms. They override the study's settings; those of an
            arm override them.
        data: folders of training and validation pairs.
        output: folder of all studies; studies share runs of equal settings.
        steps: of every run.
        seeds: runs of every arm, seeds 0, 1, ...
        weights_of: settings ("backbone_weights", "backbone_mean", ...) by backbone, for every arm with that
            backbone; an arm with random weights keeps them.

    Raises:
        ValueError: a flag or setting is wrong, or is set by the study.
    """
    if steps < 1 or seeds < 1:
        raise ValueError(f"a study needs at least 1 step and 1 seed, got {steps} and {seeds}.")
    for word in words:
        name = word.partition("=")[0].removeprefix("--").replace("-", "_")
        if word.startswith("--") and name in DECIDED_HERE:
            raise ValueError(f"{word.partition('=')[0]}: a study sets this itself; see dpsims ablate --help.")
    gap = min(MAX_CHECKPOINT_GAP, steps)
    shared = ["--preset", study.preset, *as_flags(study.settings), "--report_to", "none"]
    shared += ["--checkpointing_steps", str(gap), "--checkpoints_total_limit", "1"]
    shared += ["--validation_steps", str(steps), *words]
    common = parse_config(shared)
    runs = []
    for seed in range(seeds):
        for arm in arms:
            own = {
                **_merged(common, arm.changes),
                "train_data_dir": str(real_path(data[0])),
                "validation_data_dir": str(real_path(data[1])),
                "max_train_steps": steps,
                "seed": seed,
            }
            config = parse_config([*shared, *as_flags(own)])
            if found := dict(weights_of.get(config.backbone, {})):
                if config.backbone_weights == "random":
                    del found["backbone_weights"]
                config = parse_config([*shared, *as_flags(own | found)])
            folder = output / "runs" / f"{config.preset}-{fingerprint(config)}-seed-{seed}"
            runs.append(Run(arm, seed, dataclasses.replace(config, output_dir=str(folder))))
    return runs


def fingerprint(config: TrainConfig) -> str:
    """Ten characters of a hash of all settings that change the model, without the number of steps.

    So a longer run continues a shorter one, unless its learning rates decay towards the end.
    """
    free = _CHANGES_NOTHING - ({"max_train_steps"} if config.lr_decay_steps else set())
    settings = {name: value for name, value in dataclasses.asdict(config).items() if name not in free}
    for name, before in _NEW_SETTINGS.items():
        if settings[name] == before:
            del settings[name]
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:10]


def as_flags(settings: Mapping[str, Any]) -> list[str]:
    """Settings as flags of `train_accelerate.py`."""
    flags = []
    for name, value in settings.items():
        if isinstance(value, bool):
            flags.append(f"--{name}" if value else f"--no-{name}")
        else:
            structured = isinstance(value, Mapping | list | tuple)
            flags += [f"--{name}", json.dumps(value) if structured else str(value)]
    return flags


def read_json(path: Path) -> dict:
    """A JSON object from a file; {} where the file is missing or incomplete."""
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _merged(common: TrainConfig, changes: Mapping[str, Any]) -> dict[str, Any]:
    """An arm's changes; objects are merged with the shared ones."""
    return {
        name: {**getattr(common, name), **value} if isinstance(value, Mapping) else value
        for name, value in changes.items()
    }
