"""Options of the subcommands that use a timm backbone: its name, its weights, mean and deviation."""

import argparse
import json
from functools import partial
from typing import TYPE_CHECKING

from dpsims_hub.commands.options import add_option
from dpsims_hub.storage.written_json import json_value

if TYPE_CHECKING:
    from dpsims_hub.models import PretrainedBackbone

BACKBONE = "resnet50.a1_in1k"  # our choice: widely used, and in no preset's discriminator


def add_backbone_options(parser: argparse.ArgumentParser, use: str) -> None:
    """Adds --backbone, --backbone-weights, --backbone-mean and --backbone-std; `use` is for the help."""
    option = partial(add_option, parser)
    option("--backbone", f"timm model for {use}\n(default: {BACKBONE})", BACKBONE, "NAME")
    words = "its weights (default: pretrained, from an installed package, else timm's own from the Hub)"
    option("--backbone-weights", words, "pretrained", "FILE")
    for name, parse in (("mean", _three_numbers), ("std", _three_deviations)):
        words = f"{name} of its inputs, such as '[0.5,0.5,0.5]' (default: timm's)"
        option(f"--backbone-{name}", words, metavar="JSON", parse=parse)


def load_backbone(arguments: argparse.Namespace, size: tuple[int, int]) -> "PretrainedBackbone":
    """The backbone of these options and of --backbone-kwargs, for photos of `size` (height, width)."""
    from dpsims_hub.models import PretrainedBackbone

    return PretrainedBackbone(
        arguments.backbone,
        arguments.backbone_weights,
        image_size=size,
        mean=arguments.backbone_mean,
        std=arguments.backbone_std,
        model_kwargs=arguments.backbone_kwargs,
    )


def weights_of(text: str) -> tuple[str, dict]:
    """A backbone's name and its settings, from NAME=FILE or NAME=FILE,JSON with "mean", "std", "kwargs"."""
    name, _, rest = text.partition("=")
    file, comma, more = rest.partition(",{")
    if not name or not file:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=FILE, such as mobilenetv2_100=my.safetensors")
    parsers = {"mean": _three_numbers, "std": _three_deviations, "kwargs": json_object}
    given = json_object("{" + more) if comma else {}
    if unknown := sorted(given.keys() - parsers):
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} cannot be set here; choose from mean, std, kwargs")
    settings = {f"backbone_{key}": parsers[key](json.dumps(value)) for key, value in given.items()}
    return name, {"backbone_weights": file, **settings}


def _three_numbers(text: str) -> list[float]:
    values = json_value(text)
    if not isinstance(values, list) or len(values) != 3 or not all(type(v) in (int, float) for v in values):
        raise argparse.ArgumentTypeError(f"{text!r} is not a JSON list of three numbers")
    return values


def _three_deviations(text: str) -> list[float]:
    values = _three_numbers(text)
    if min(values) <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a JSON list of three numbers above 0")
    return values


def json_object(text: str) -> dict:
    """A JSON object, for argparse."""
    value = json_value(text)
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError(f"{text!r} is not a JSON object")
    return value
