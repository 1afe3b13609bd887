"""`dpsims evaluate`: distances to real photos, diversity and speed of a model, each beside its floor.

One photo per label map (and K - 1 more for diversity) is made at the size that the model was trained at. All
of the recipe is printed and written with the numbers.
"""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from dpsims_hub.commands.model_options import add_model_options, load_pipeline
from dpsims_hub.commands.paths import check_outputs

if TYPE_CHECKING:
    from dpsims_hub.models import PretrainedBackbone
    from dpsims_hub.pipeline import DPSIMSPipeline


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `dpsims evaluate`."""
    add_model_options(parser)
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        metavar="DIR",
        help="photos and label maps that the model was not trained on:\nimages/, labels/ and a classes.json",
    )
    parser.add_argument(
        "--train-data", type=Path, metavar="DIR", help="those that it was trained on, for the floor"
    )
    parser.add_argument("--backbone", required=True, metavar="NAME", help="timm model, gives the features")
    parser.add_argument(
        "--backbone-weights",
        default="pretrained",
        metavar="FILE",
        help="its weights (default: pretrained, timm's own from the Hub)",
    )
    for name in ("mean", "std"):
        parser.add_argument(
            f"--backbone-{name}",
            type=_three_numbers,
            metavar="JSON",
            help=f"{name} of its inputs, such as '[0.5,0.5,0.5]' (default: timm's)",
        )
    parser.add_argument(
        "--backbone-kwargs", type=_json_object, metavar="JSON", help="further timm.create_model arguments"
    )
    parser.add_argument(
        "--batch-size",
        type=int,
        default=8,
        metavar="N",
        help="label maps at a time; matters for speed and memory only (default: 8)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of latents, splits and pairs (default: 0)")
    parser.add_argument(
        "--num-images", type=int, default=4, metavar="K", help="photos of each map, at least 2 (default: 4)"
    )
    parser.add_argument("--output", type=Path, metavar="report.json", help="also write the report as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Measures the model and prints the report.

    Raises:
        OSError: a file is missing or the report cannot be written.
        ValueError: anything else in the input is wrong.
    """
    from tqdm import tqdm

    from dpsims_hub.evaluation import Settings, count_images, evaluate, format_report, save_report
    from dpsims_hub.labels import FolderDataset

    settings = Settings(arguments.seed, arguments.batch_size, arguments.num_images)
    if arguments.output is not None:
        _check_output(arguments.output)
    data = FolderDataset(arguments.data)
    train = None if arguments.train_data is None else FolderDataset(arguments.train_data)
    pipe = load_pipeline(arguments.model, arguments.device, arguments.dtype)
    backbone = _load_backbone(arguments, pipe)
    with tqdm(total=count_images(data, train, settings), unit="image", disable=None) as bar:
        measured = evaluate(pipe, backbone, data, train, settings, bar.update)
    report = complete_report(measured, pipe, backbone, arguments)
    print(format_report(report))
    if arguments.output is not None:
        save_report(report, arguments.output)
        print(f"\nreport: {arguments.output}")
    return 0


def complete_report(
    measured: dict, pipe: "DPSIMSPipeline", backbone: "PretrainedBackbone", arguments: argparse.Namespace
) -> dict:
    """Adds to the numbers what was measured, with what and where.

    Args:
        measured: by `dpsims_hub.evaluation.evaluate`.
        pipe: the model.
        backbone: the features.
        arguments: of the command line.
    """
    from dpsims_hub.evaluation.recipe import (
        describe_backbone,
        describe_machine,
        package_versions,
        tensors_sha256,
    )
    from dpsims_hub.evaluation.report import notes_for

    report = measured | {
        "model": {
            "name": "/".join(Path(arguments.model).parts[-2:]),
            "parameters": sum(tensor.numel() for tensor in pipe.generator.parameters()),
            "tensors_sha256": tensors_sha256(pipe.generator),
        },
        "data": {"name": _short_name(arguments.data)} | measured["data"],
        "features": describe_backbone(backbone, arguments.backbone_weights, arguments.backbone_kwargs),
        "versions": package_versions(),
        "machine": describe_machine(pipe.device),
    }
    if arguments.train_data is not None:
        report["train_data"] = {"name": _short_name(arguments.train_data)} | measured["train_data"]
    return report | {"notes": notes_for(report)}


def _load_backbone(arguments: argparse.Namespace, pipe: "DPSIMSPipeline") -> "PretrainedBackbone":
    from dpsims_hub.evaluation import load_backbone

    return load_backbone(
        arguments.backbone,
        arguments.backbone_weights,
        image_size=pipe.generator.config.sample_size,
        mean=arguments.backbone_mean,
        std=arguments.backbone_std,
        model_kwargs=arguments.backbone_kwargs,
    ).to(pipe.device)


def _check_output(path: Path) -> None:
    """Finds out before the work whether the report can be written after it."""
    if path.is_dir():
        raise OSError(f"cannot write {path}: it is a folder; give --output a file name.")
    check_outputs([], path.parent, 0)


def _short_name(folder: Path) -> str:
    """The last two parts of a path: enough to tell camvid/val from camvid/train."""
    return "/".join(folder.resolve().parts[-2:])


def _three_numbers(text: str) -> list[float]:
    values = _parse_json(text)
    if not isinstance(values, list) or len(values) != 3 or not all(type(v) in (int, float) for v in values):
        raise argparse.ArgumentTypeError(f"{text!r} is not a JSON list of three numbers")
    return values


def _json_object(text: str) -> dict:
    value = _parse_json(text)
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError(f"{text!r} is not a JSON object")
    return value


def _parse_json(text: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not JSON ({error})") from error
