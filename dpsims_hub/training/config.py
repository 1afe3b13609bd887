"""Settings of a training run: one dataclass whose fields are the flags of the command line.

Architecture settings live in the models' signatures; `generator_config` and `discriminator_config` pass them
on.
"""

from __future__ import annotations

import dataclasses
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dpsims_hub.storage.atomic_write import write_json
from dpsims_hub.storage.plain_values import plain_value
from dpsims_hub.training.choices import AUGMENTATIONS, CONDITIONINGS, RESIZE_MODES
from dpsims_hub.training.presets import PRESETS

KINDS: dict[type, tuple[str, str]] = {
    str: ("text", "TEXT"),
    int: ("a whole number", "N"),
    float: ("a number", "X"),
    bool: ("true or false", ""),
    tuple: ("a list of numbers", "JSON"),
    dict: ("an object of settings", "JSON"),
}
"""For each type of a setting: its name in messages, and its placeholder in the help."""


def _flag(default: Any, group: str, help: str, **limits: Any) -> Any:
    """A setting; `limits` are `least` (inclusive), `above` and `below` (exclusive) and `choices`."""
    return dataclasses.field(default=default, metadata={"group": group, "help": help, **limits})


@dataclass
class TrainConfig:
    """Settings of one run; every field is a flag. A ValueError names the flag of an invalid value.

    Values without a source in the paper (docs/paper_to_code.md) are our choice, from short runs on CamVid.
    """

    train_data_dir: str = _flag("", "data", "folder of images/, labels/, classes.json, or known layout")
    dataset_name: str = _flag("", "data", "instead: Hub id, or folder of parquet, webdataset or imagefolder")
    dataset_config_name: str = _flag("", "data", "configuration of --dataset_name")
    dataset_revision: str = _flag("", "data", "branch, tag or commit of --dataset_name")
    train_split: str = _flag("", "data", "split to train on; default: 'train', or the folder itself")
    image_column: str = _flag("image", "data", "column of the photos in --dataset_name")
    label_column: str = _flag("label", "data", "column of the label maps")
    instance_column: str = _flag("", "data", "column of the object numbers, if there are any")
    classes: str = _flag("", "data", "built-in class list or classes.json; default: the data's own")
    label_suffix: str = _flag("", "data", "what follows the photo's stem in names of maps, such as _mask")
    streaming: bool = _flag(False, "data", "read --dataset_name row by row, without a local copy")
    shuffle_buffer_size: int = _flag(256, "data", "rows of a stream that are shuffled together", least=1)
    cache_dir: str = _flag("", "data", "where --dataset_name is kept; default: that of datasets")
    max_train_samples: int = _flag(0, "data", "use only the first N pairs; 0: all", least=0)
    skip_bad_samples: int = _flag(0, "data", "skip up to N unusable pairs; 0: none", least=0)
    validation_data_dir: str = _flag("", "data", "folder for the sheets; default: training pairs")
    validation_split: str = _flag("", "data", "split for the sheets, of the folder above or --dataset_name")
    resolution: str = _flag("256", "data", "side, or WIDTHxHEIGHT, in pixels")
    resize_mode: str = _flag("crop", "data", "keep proportions, or SPADE's rule", choices=RESIZE_MODES)
    max_zoom: float = _flag(1.4, "data", "crops are up to (stretch: just) this much smaller", least=1)
    flip: bool = _flag(True, "data", "mirror half of the pairs")
    instance_offsets: bool = _flag(False, "data", "feed the generator offsets to object centres")
    dataloader_num_workers: int = _flag(0, "data", "worker processes that read and augment", least=0)

    preset: str = _flag("base", "model", "architecture and run settings", choices=tuple(PRESETS))
    pretrained_model_name_or_path: str = _flag("", "model", "published model to start from: path or Hub id")
    revision: str = _flag("", "model", "branch, tag or commit of that model")
    variant: str = _flag("", "model", "weights variant of that model, such as fp16")
    generator_config: dict = _flag(None, "model", "JSON of DPSIMSGenerator settings over the preset")
    discriminator_config: dict = _flag(None, "model", "JSON of DPSIMSDiscriminator settings over the preset")
    backbone: str = _flag("convnext_base.fb_in22k", "model", "timm model, or none for OASIS's own encoder")
    backbone_weights: str = _flag(
        "pretrained", "model", "file, 'random', or 'pretrained': an installed package's, else timm's own"
    )
    backbone_mean: tuple = _flag((), "model", "JSON list: mean of the backbone's inputs; default: timm's")
    backbone_std: tuple = _flag((), "model", "JSON list: standard deviation, likewise")
    backbone_kwargs: dict = _flag(None, "model", "JSON of further timm.create_model arguments")
    backbone_precision: str = _flag(
        "float32",
        "model",
        "with --mixed_precision: 'mixed' runs the backbone in half precision too, with a wrong gradient",
        choices=("float32", "mixed"),
    )
    backbone_gradient: str = _flag(
        "plain", "model", "of photos through the backbone; unit: length 1 each", choices=("plain", "unit")
    )
    feature_conditioning: str = _flag("sigmoid_batchnorm", "model", "of D's inputs", choices=CONDITIONINGS)

    focal_gamma: float = _flag(2.0, "losses", "focal exponent of the pixel loss; 0 is OASIS's", least=0)
    label_smoothing: float = _flag(0.0, "losses", "of the discriminator's real targets", least=0, below=1)
    weight_contrastive: float = _flag(1.0, "losses", "of the patch contrastive loss", least=0)
    contrastive_temperature: float = _flag(
        0.1, "losses", "divides its similarities; the paper's is recalled as 0.3", above=0
    )
    contrastive_normalize: bool = _flag(
        True, "losses", "its similarities are cosines; the paper's are recalled as dot products"
    )
    contrastive_reduction: str = _flag(
        "mean", "losses", "over its feature maps; the paper's is recalled as sum", choices=("mean", "sum")
    )
    contrastive_places: int = _flag(
        64, "losses", "places per feature map and image; the paper's are recalled as 128", least=1
    )
    contrastive_strides: tuple = _flag((4, 8, 16), "losses", "JSON list: strides of the maps it reads")
    contrastive_backbone: str = _flag(
        "", "losses", "timm model whose maps it reads; default: the discriminator's backbone"
    )
    contrastive_backbone_weights: str = _flag(
        "pretrained", "losses", "as --backbone_weights; 'if_found': else the discriminator's backbone"
    )
    contrastive_head: int = _flag(
        0, "losses", "width of a trained projection of its maps, recalled from the paper; 0: none", least=0
    )
    weight_diversity: float = _flag(4.0, "losses", "of the diversity hinge", least=0)
    diversity_threshold: float = _flag(0.4, "losses", "distance from which the loss is 0", least=0)
    diversity_distance: str = _flag(
        "features",
        "losses",
        "of two photos: cosine of backbone features or L1 of images, means removed; or the paper's plain L1",
        choices=("features", "images", "features_l1", "images_l1"),
    )
    diversity_strides: tuple = _flag((4, 8, 16, 32), "losses", "JSON list: strides it reads; []: images")
    weight_labelmix: float = _flag(0.0, "losses", "of OASIS's LabelMix", least=0)
    augmentation: str = _flag("", "losses", "of D's inputs, such as color,translation,cutout; default: none")
    augmentation_probability: float = _flag(0.5, "losses", "of each of these changes", least=0)

    learning_rate_g: float = _flag(3e-4, "optimisation", "Adam, generator", above=0)
    learning_rate_d: float = _flag(3e-4, "optimisation", "Adam, discriminator", above=0)
    lr_decay_steps: int = _flag(
        0, "optimisation", "both rates fall linearly to 0 over the last N steps; 0: constant", least=0
    )
    adam_beta1: float = _flag(0.0, "optimisation", "Adam's first beta", least=0, below=1)
    adam_beta2: float = _flag(0.99, "optimisation", "Adam's second beta", least=0, below=1)
    power_iterations: str = _flag(
        "update",
        "optimisation",
        "of D's spectral norm: one in each update, or one in each pass as OASIS",
        choices=("update", "pass"),
    )
    max_grad_norm: float = _flag(0.0, "optimisation", "clip both gradients; 0: only measure them", least=0)
    use_ema: bool = _flag(True, "optimisation", "publish averaged weights rather than the last ones")
    ema_decay: float = _flag(0.9999, "optimisation", "of the averaged generator", least=0, below=1)
    ema_warmup: bool = _flag(
        True, "optimisation", "at first average over about a tenth of the steps so far; OASIS has none"
    )

    output_dir: str = _flag("outputs/train", "run", "checkpoints, logs, sheets and the final model")
    train_batch_size: int = _flag(4, "run", "label maps per process and step", least=1)
    samples_per_map: int = _flag(2, "run", "photos per map; 2 or more feed the diversity loss", least=1)
    max_train_steps: int = _flag(100_000, "run", "generator updates", least=1)
    max_train_minutes: float = _flag(0.0, "run", "stop and save after X minutes; 0: never", least=0)
    gradient_accumulation_steps: int = _flag(1, "run", "micro-batches per update", least=1)
    mixed_precision: str = _flag("no", "run", "precision of the networks", choices=("no", "bf16", "fp16"))
    gradient_checkpointing: bool = _flag(False, "run", "spend time to save memory")
    compile: bool = _flag(False, "run", "torch.compile the networks: slow to start, then faster on a GPU")
    seed: int = _flag(0, "run", "of weights, data order, augmentation and latents", least=0)
    checkpointing_steps: int = _flag(500, "run", "steps between checkpoints", least=1)
    checkpoints_total_limit: int = _flag(2, "run", "older ones are deleted", least=1)
    resume_from_checkpoint: str = _flag("", "run", "'latest' or a checkpoint-N folder")
    validation_steps: int = _flag(500, "run", "steps between validation sheets", least=1)
    log_steps: int = _flag(20, "run", "steps between log lines", least=1)
    report_to: str = _flag("tensorboard", "run", "where curves go", choices=("tensorboard", "wandb", "none"))
    dry_run: bool = _flag(False, "run", "print settings, sizes and memory, and exit")
    push_to_hub: bool = _flag(False, "run", "upload the finished model")
    hub_model_id: str = _flag("", "run", "repository to upload to; default: the output folder's name")
    hub_private_repo: bool = _flag(False, "run", "make that repository private")
    hub_license: str = _flag("", "run", "licence of the weights, for the model card")

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            setattr(self, field.name, _checked(field, getattr(self, field.name)))
        _ = self.size  # raises for an unreadable resolution
        if self.weight_diversity and self.samples_per_map < 2:
            raise ValueError("--weight_diversity: needs --samples_per_map of at least 2; or set it to 0.")
        if self.mixed_precision == "fp16" and self.gradient_accumulation_steps > 1:
            # Both networks' optimisers share one loss scale, which the first update of a step changes.
            raise ValueError("--mixed_precision: fp16 cannot accumulate gradients here; use bf16.")
        if self.backbone_gradient == "unit" and self.mixed_precision == "fp16":
            raise ValueError("--backbone_gradient: unit undoes the loss scale of fp16; use bf16.")
        if self.backbone_gradient == "unit" and self.backbone == "none":
            raise ValueError("--backbone_gradient: unit is of a --backbone, and there is none.")
        if self.streaming and not self.dataset_name:
            raise ValueError(
                "--streaming: reads a --dataset_name; turn a folder into shards with `dpsims prepare-data`."
            )
        if unknown := set(self.augmentation_changes) - set(AUGMENTATIONS):
            raise ValueError(
                f"--augmentation: {', '.join(sorted(unknown))} is not among {', '.join(AUGMENTATIONS)}."
            )
        if self.augmentation_probability > 1:
            raise ValueError(
                f"--augmentation_probability: must be at most 1, got {self.augmentation_probability}."
            )
        for name in ("backbone_mean", "backbone_std"):
            if len(getattr(self, name)) not in (0, 3):
                raise ValueError(f"--{name}: expected 3 numbers, got {len(getattr(self, name))}.")

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) in pixels; ValueError if `resolution` is neither a number nor WIDTHxHEIGHT."""
        try:
            sides = [int(side) for side in self.resolution.lower().split("x")]
        except ValueError:
            sides = []
        if len(sides) not in (1, 2) or min(sides) < 1:
            raise ValueError(f"--resolution: {self.resolution!r} is neither a side nor WIDTHxHEIGHT.")
        return sides[-1], sides[0]

    @property
    def augmentation_changes(self) -> tuple[str, ...]:
        """The names in `augmentation`."""
        return tuple(name for name in self.augmentation.replace(" ", "").split(",") if name)

    def save(self, path: Path) -> None:
        """Write all settings atomically as a JSON file for --config."""
        write_json(path, dataclasses.asdict(self))


def kind_of(field: dataclasses.Field) -> type:
    """Type of a setting, a key of `KINDS`."""
    return dict if field.default is None else type(field.default)


def _checked(field: dataclasses.Field, value: Any) -> Any:
    """The value in its setting's type, checked; JSON lists, whole numbers, null and paths are converted."""
    kind, value = kind_of(field), plain_value(value)
    if kind is dict:
        value = dict(value) if isinstance(value, dict) else {} if value is None else value
    elif kind is tuple and isinstance(value, list):
        value = tuple(value)
    elif kind is float and _is_number(value, int):
        value = float(value)
    elif kind is str and (_is_number(value, int) or isinstance(value, os.PathLike)):
        value = str(value)
    numbers = value if kind is tuple and isinstance(value, tuple) else ()
    if type(value) is not kind or not all(_is_number(x, int | float) for x in numbers):
        raise ValueError(f"--{field.name}: expected {KINDS[kind][0]}, got {value!r}.")
    _check_limits(field, value)
    return value


def _is_number(value: Any, kind: Any) -> bool:
    """Whether a value is a number of this kind and not a bool."""
    return isinstance(value, kind) and not isinstance(value, bool)


def _check_limits(field: dataclasses.Field, value: Any) -> None:
    limits = field.metadata
    if value not in limits.get("choices", (value,)):
        raise ValueError(f"--{field.name}: {value!r} is not one of {', '.join(limits['choices'])}.")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"--{field.name}: must be finite, got {value}.")
    if "least" in limits and value < limits["least"]:
        raise ValueError(f"--{field.name}: must be at least {limits['least']}, got {value}.")
    if "above" in limits and value <= limits["above"]:
        raise ValueError(f"--{field.name}: must be above {limits['above']}, got {value}.")
    if "below" in limits and value >= limits["below"]:
        raise ValueError(f"--{field.name}: must be below {limits['below']}, got {value}.")
