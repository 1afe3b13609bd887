"""Settings of a training run: one flat dataclass whose fields are the command line's flags.

Architecture settings live in the models' own signatures; `generator_config` and `discriminator_config` pass
them through. Precedence: preset < configuration file < flags.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PRESETS: dict[str, dict[str, Any]] = {
    "dpsims": {"backbone": "convnext_large.fb_in22k", "learning_rate_g": 1e-3, "learning_rate_d": 1e-3},
    "base": {"backbone": "convnext_base.fb_in22k"},
    "small": {
        "backbone": "mobilenetv2_100",
        "feature_conditioning": "none",
        "learning_rate_g": 2e-4,
        "learning_rate_d": 1e-4,
        "weight_contrastive": 0.5,
        "weight_diversity": 15.0,
        "diversity_threshold": 0.3,
        "ema_decay": 0.999,
    },
    "oasis": {
        "backbone": "none",
        "feature_conditioning": "none",
        "focal_gamma": 0.0,
        "weight_contrastive": 0.0,
        "weight_diversity": 0.0,
        "weight_labelmix": 10.0,
        "samples_per_map": 1,
        "learning_rate_g": 1e-4,
        "learning_rate_d": 4e-4,
        "adam_beta2": 0.999,
    },
}
"""Run settings by preset; the architectures of the same names are in dpsims_hub.models.presets."""


def _flag(default: Any, group: str, help: str) -> Any:
    return dataclasses.field(default=default, metadata={"group": group, "help": help})


@dataclass
class TrainConfig:
    """Settings of one run; every field is a flag of `train_accelerate.py`.

    Values without a source in the paper are our choice, from short runs on CamVid (docs in ARCHITECTURE.md).

    Raises:
        ValueError: a value cannot be used; the sentence names the flag.
    """

    train_data_dir: str = _flag("", "data", "folder with images/, labels/ and a classes.json")
    validation_data_dir: str = _flag("", "data", "folder of the same form for the validation sheets")
    classes: str = _flag("", "data", "built-in class list or classes.json; default: the folder's own")
    resolution: str = _flag("256", "data", "side, or WIDTHxHEIGHT, in pixels")
    max_zoom: float = _flag(1.4, "data", "crops are up to this many times smaller than the photo")
    flip: bool = _flag(True, "data", "mirror half of the pairs")
    dataloader_num_workers: int = _flag(0, "data", "worker processes that read and augment")

    preset: str = _flag("base", "model", "architecture and run settings: " + ", ".join(PRESETS))
    generator_config: dict = _flag(None, "model", "JSON of DPSIMSGenerator settings over the preset")
    discriminator_config: dict = _flag(None, "model", "JSON of DPSIMSDiscriminator settings over the preset")
    backbone: str = _flag("convnext_base.fb_in22k", "model", "timm model, or none for OASIS's own encoder")
    backbone_weights: str = _flag("pretrained", "model", "weights file, 'pretrained' (timm's own), 'random'")
    backbone_mean: tuple = _flag((), "model", "JSON list: mean of the backbone's inputs; default: timm's")
    backbone_std: tuple = _flag((), "model", "JSON list: standard deviation, likewise")
    backbone_kwargs: dict = _flag(None, "model", "JSON of further timm.create_model arguments")
    feature_conditioning: str = _flag("sigmoid_batchnorm", "model", "see FeatureConditioning")

    focal_gamma: float = _flag(2.0, "losses", "focal exponent of the pixel loss; 0 is OASIS's")
    label_smoothing: float = _flag(0.0, "losses", "of the discriminator's real targets")
    weight_contrastive: float = _flag(1.0, "losses", "of the patch contrastive loss")
    contrastive_temperature: float = _flag(0.1, "losses", "divides its cosine similarities")
    contrastive_places: int = _flag(64, "losses", "places per feature map and image")
    contrastive_strides: tuple = _flag((4, 8, 16), "losses", "JSON list: strides of its feature maps")
    weight_diversity: float = _flag(4.0, "losses", "of the diversity hinge")
    diversity_threshold: float = _flag(0.4, "losses", "pairs further apart than this are left alone")
    diversity_strides: tuple = _flag((4, 8, 16, 32), "losses", "JSON list: strides of its feature maps")
    weight_labelmix: float = _flag(0.0, "losses", "of OASIS's LabelMix")

    learning_rate_g: float = _flag(3e-4, "optimisation", "Adam, generator")
    learning_rate_d: float = _flag(3e-4, "optimisation", "Adam, discriminator")
    lr_decay_steps: int = _flag(
        0, "optimisation", "over the last so many steps both rates fall linearly to 0; 0: constant, as the paper"
    )
    adam_beta1: float = _flag(0.0, "optimisation", "Adam's first beta")
    adam_beta2: float = _flag(0.99, "optimisation", "Adam's second beta")
    max_grad_norm: float = _flag(0.0, "optimisation", "clip both gradients; 0: only measure them")
    ema_decay: float = _flag(0.9999, "optimisation", "of the averaged generator")

    output_dir: str = _flag("outputs/train", "run", "checkpoints, logs, sheets and the final model")
    train_batch_size: int = _flag(4, "run", "label maps per process and step")
    samples_per_map: int = _flag(2, "run", "photos per map and step; 2 or more feed the diversity loss")
    max_train_steps: int = _flag(100_000, "run", "generator updates")
    max_train_minutes: float = _flag(0.0, "run", "stop and save after so many minutes; 0: no limit")
    gradient_accumulation_steps: int = _flag(1, "run", "micro-batches per update")
    mixed_precision: str = _flag("no", "run", "no, bf16 or fp16")
    seed: int = _flag(0, "run", "of weights, data order, augmentation and latents")
    checkpointing_steps: int = _flag(500, "run", "steps between checkpoints")
    checkpoints_total_limit: int = _flag(2, "run", "older ones are deleted")
    resume_from_checkpoint: str = _flag("", "run", "'latest' or a checkpoint folder")
    validation_steps: int = _flag(500, "run", "steps between validation sheets")
    log_steps: int = _flag(20, "run", "steps between log lines")
    report_to: str = _flag("tensorboard", "run", "tensorboard, wandb or none")

    def __post_init__(self) -> None:
        for name in ("generator_config", "discriminator_config", "backbone_kwargs"):
            setattr(self, name, dict(getattr(self, name) or {}))
        for name in ("train_batch_size", "samples_per_map", "max_train_steps", "checkpointing_steps",
                     "validation_steps", "log_steps", "gradient_accumulation_steps", "checkpoints_total_limit"):  # fmt: skip
            if getattr(self, name) < 1:
                raise ValueError(f"--{name}: must be at least 1, got {getattr(self, name)}.")
        if self.max_zoom < 1:
            raise ValueError(f"--max_zoom: must be at least 1, got {self.max_zoom}.")
        if self.mixed_precision not in ("no", "bf16", "fp16"):
            raise ValueError(f"--mixed_precision: {self.mixed_precision!r} is not no, bf16 or fp16.")
        if self.preset not in PRESETS:
            raise ValueError(f"--preset: {self.preset!r} is not one of {', '.join(PRESETS)}.")

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) in pixels.

        Raises:
            ValueError: `resolution` is neither a number nor WIDTHxHEIGHT.
        """
        try:
            sides = [int(side) for side in self.resolution.lower().split("x")]
        except ValueError:
            sides = []
        if len(sides) not in (1, 2) or min(sides) < 1:
            raise ValueError(f"--resolution: {self.resolution!r} is neither a side nor WIDTHxHEIGHT.")
        return sides[-1], sides[0]

    def save(self, path: Path) -> None:
        """Write the merged settings as JSON, usable again with --config."""
        path.write_text(json.dumps(dataclasses.asdict(self), indent=2) + "\n")


def make_parser() -> argparse.ArgumentParser:
    """The command line: one flag per field, grouped; absent flags leave the preset's or file's value."""
    parser = argparse.ArgumentParser(
        prog="train_accelerate.py",
        description="Train DP-SIMS on a folder of photos and label maps.",
        argument_default=argparse.SUPPRESS,
    )
    parser.add_argument("--config", help="JSON file of settings; flags override it")
    groups: dict[str, Any] = {}
    for field in dataclasses.fields(TrainConfig):
        group = field.metadata["group"]
        groups.setdefault(group, parser.add_argument_group(group))
        default = "{}" if field.default is None else field.default
        options: dict[str, Any] = {"help": f"{field.metadata['help']} (default: {default})"}
        if isinstance(field.default, bool):
            options["action"] = argparse.BooleanOptionalAction
        else:
            options["type"] = _json_value if isinstance(field.default, tuple | None) else type(field.default)
        groups[group].add_argument(f"--{field.name}", **options)
    return parser


def _json_value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not JSON: {error}") from error


def parse_config(argv: list[str] | None = None) -> TrainConfig:
    """Merge preset, file and flags.

    Raises:
        ValueError: an unknown setting in the file, or a value that cannot be used.
        FileNotFoundError: the configuration file does not exist.
    """
    flags = vars(make_parser().parse_args(argv))
    file_settings: dict[str, Any] = {}
    if path := flags.pop("config", None):
        if not Path(path).is_file():
            raise FileNotFoundError(f"--config: no such file: {path}")
        try:
            file_settings = json.loads(Path(path).read_text())
        except json.JSONDecodeError as error:
            raise ValueError(f"--config: {path} is not JSON: {error}") from error
    known = {field.name for field in dataclasses.fields(TrainConfig)}
    if unknown := set(file_settings) - known:
        raise ValueError(f"--config: {path} has unknown settings: {', '.join(sorted(unknown))}.")
    chosen = {**file_settings, **flags}
    preset = chosen.get("preset", TrainConfig.preset)
    if preset not in PRESETS:
        raise ValueError(f"--preset: {preset!r} is not one of {', '.join(PRESETS)}.")
    return TrainConfig(**{**PRESETS[preset], **chosen})
