"""`dpsims train-segmenter`: a small segmenter of one's own classes, to measure mIoU without downloads.

It sees real photos only, so that generated ones are judged by what is real. The folder that it leaves is one
of transformers, for `dpsims evaluate --segmenter FOLDER` and for everything else that reads those.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dpsims_hub.commands.backbone_options import add_backbone_options
from dpsims_hub.commands.data_options import add_classes_option, image_size, open_pairs, whole_number
from dpsims_hub.commands.paths import check_writable
from dpsims_hub.commands.processes import StopSignals, launched_processes

if TYPE_CHECKING:
    import numpy as np

    from dpsims_hub.evaluation.survey import Pairs

STATED = "training.json"
CHECKPOINTS = "checkpoints"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `dpsims train-segmenter`."""
    parser.add_argument(
        "--data",
        required=True,
        metavar="DIR",
        help="photos and label maps: images/, labels/ and a classes.json, ADE20K, COCO-Stuff or\n"
        "Cityscapes as distributed, parquet, webdataset, or a data set on the Hub",
    )
    parser.add_argument("--split", default="train", help="of it to train on (default: train)")
    parser.add_argument("--val-split", default="val", help="of it to be scored on (default: val)")
    add_classes_option(parser)
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="for the segmenter")
    parser.add_argument(
        "--resolution",
        type=image_size,
        default=(192, 256),
        metavar="WxH",
        help="of the photos it sees, in pixels (default: 256x192)",
    )
    add_backbone_options(parser, "its encoder, a convolutional one")
    for flag, default, words in (
        ("--steps", 1200, "of the optimiser"),
        ("--batch-size", 8, "photos a step"),
    ):
        parser.add_argument(
            flag, type=whole_number(1), default=default, metavar="N", help=f"{words} (default: {default})"
        )
    parser.add_argument(
        "--learning-rate", type=float, default=5e-4, metavar="X", help="at its height (default: 0.0005)"
    )
    parser.add_argument("--seed", type=whole_number(0), default=0, help="(default: 0)")
    parser.add_argument(
        "--device", choices=("cpu", "cuda"), help="where it computes (default: cuda where there is one)"
    )
    parser.add_argument(
        "--dtype", choices=("fp32", "bf16"), default="fp32", help="arithmetic (default: fp32)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Trains, scores and saves the segmenter; the same command goes on after a stop.

    Returns:
        0 when it is complete, 130 or 143 after Ctrl-C or SIGTERM.

    Raises:
        OSError: a file is missing or cannot be written.
        ValueError: anything else in the input is wrong.
    """
    from dpsims_hub.evaluation import save_report
    from dpsims_hub.evaluation.segmenter import Segmenter, be_quiet

    if launched_processes() > 1:
        raise ValueError("train-segmenter runs in one process; start it without a launcher.")
    be_quiet()
    data = open_pairs(arguments.data, arguments.split, arguments.classes)
    tests = open_pairs(arguments.data, arguments.val_split, arguments.classes)
    if not (len(data) and len(tests)):
        raise ValueError(f"{arguments.data}: no pairs in one of the two splits.")
    stated = _read_stated(arguments.output, _state(arguments, data, tests))
    if "scores" not in stated:
        done = _train(arguments, data, stated)
        if done is not None:
            return 128 + done
        segmenter = Segmenter(str(arguments.output), data.spec, device=stated["device"])
        stated["scores"] = _scores(segmenter, tests, arguments)
        save_report(stated, arguments.output / STATED)
        shutil.rmtree(arguments.output / CHECKPOINTS, ignore_errors=True)
    print(_told(stated, arguments))
    return 0


def _state(arguments: argparse.Namespace, data: Pairs, tests: Pairs) -> dict[str, Any]:
    """What a later call must repeat to go on, all JSON-safe."""
    import torch

    size = arguments.resolution
    return {
        "data": {"name": Path(arguments.data).name, "split": arguments.split, "pairs": len(data)},
        "scored_on": {"split": arguments.val_split, "pairs": len(tests)},
        "classes": list(data.spec.names),
        "size": {"width": size[1], "height": size[0]},
        "backbone": arguments.backbone,
        "backbone_weights": Path(arguments.backbone_weights).name,
        "backbone_mean": arguments.backbone_mean,
        "backbone_std": arguments.backbone_std,
        "steps": arguments.steps,
        "batch_size": arguments.batch_size,
        "learning_rate": arguments.learning_rate,
        "seed": arguments.seed,
        "device": arguments.device or ("cuda" if torch.cuda.is_available() else "cpu"),
        "dtype": arguments.dtype,
    }


def _read_stated(folder: Path, state: dict[str, Any]) -> dict[str, Any]:
    """The state of an earlier call with the same settings, or this one's.

    Raises:
        ValueError: the folder holds something else.
        OSError: it cannot be written.
    """
    check_writable(folder)
    if not folder.exists() or not any(folder.iterdir()):
        return state
    try:
        stored = json.loads((folder / STATED).read_text(encoding="utf-8"))
        other = next((key for key, value in state.items() if stored.get(key) != value), None)
    except (OSError, ValueError, AttributeError):
        raise ValueError(
            f"--output {folder}: holds other files and no {STATED}; give a new folder."
        ) from None
    if other:
        raise ValueError(
            f"--output {folder}: was begun with {other} {json.dumps(stored.get(other))}, not "
            f"{json.dumps(state[other])}; give the same settings to go on, or a new folder."
        )
    return stored


def _train(arguments: argparse.Namespace, data: Pairs, stated: dict[str, Any]) -> int | None:
    """Trains and saves; returns the number of the signal that stopped it, if one did."""
    import torch
    from tqdm import tqdm

    from dpsims_hub.evaluation import load_backbone, save_report
    from dpsims_hub.evaluation.segmenter_network import new_segmenter, save_segmenter
    from dpsims_hub.evaluation.segmenter_training import TrainingPlan, Watch, train_segmenter

    backbone = load_backbone(
        arguments.backbone,
        arguments.backbone_weights,
        mean=arguments.backbone_mean,
        std=arguments.backbone_std,
    )
    torch.manual_seed(arguments.seed)
    model, processor = new_segmenter(data.spec, backbone, arguments.resolution)
    save_report(stated, arguments.output / STATED)
    plan = TrainingPlan(
        arguments.steps,
        arguments.batch_size,
        arguments.learning_rate,
        arguments.seed,
        stated["device"],
        arguments.dtype == "bf16",
    )
    started = time.perf_counter()
    with StopSignals() as stop, tqdm(total=plan.steps, unit="step", disable=None) as bar:

        class Bar(Watch):
            def begin(self, step: int, steps: int) -> None:
                bar.update(step)

            def step(self, step: int, loss: float | None) -> bool:
                if loss is not None:
                    bar.set_postfix(loss=f"{float(loss):.3f}", refresh=False)
                bar.update()
                return stop.number is not None

        done = train_segmenter(model, processor, data, arguments.output / CHECKPOINTS, plan, Bar())
    stated["seconds"] = round(stated.get("seconds", 0.0) + time.perf_counter() - started, 1)
    save_report(stated, arguments.output / STATED)
    if done < plan.steps:
        tqdm.write(f"stopped after step {done} of {plan.steps}; the same command goes on from there.")
        return stop.number or signal.SIGTERM
    save_segmenter(model.eval(), processor, arguments.output)
    return None


def _scores(segmenter: Any, tests: Pairs, arguments: argparse.Namespace) -> dict[str, Any]:
    from dpsims_hub.evaluation.segmentation_scores import class_ious, mean_iou, pixel_accuracy
    from dpsims_hub.evaluation.segmenter_training import score_segmenter

    counts = score_segmenter(segmenter, tests, arguments.resolution).sum(axis=0)
    return {
        "mean_iou": float(mean_iou(counts)),
        "pixel_accuracy": float(pixel_accuracy(counts)),
        "class_iou": _by_class(class_ious(counts), tests),
    }


def _by_class(ious: np.ndarray, tests: Pairs) -> dict[str, float | None]:
    known = (None if value != value else float(value) for value in ious)  # a NaN is no class seen or there
    return dict(zip(tests.spec.names, known, strict=True))


def _told(stated: dict[str, Any], arguments: argparse.Namespace) -> str:
    from dpsims_hub.evaluation.report import DASH, format_table

    scores, size, tests = stated["scores"], stated["size"], stated["scored_on"]
    rows = [("class", "IoU on real photos")]
    rows += [
        (name, DASH if value is None else f"{value:.1%}") for name, value in scores["class_iou"].items()
    ]
    return "\n".join(
        [
            format_table(rows),
            "",
            f"mIoU {scores['mean_iou']:.1%}, pixel accuracy {scores['pixel_accuracy']:.1%} "
            f"on the {tests['pairs']} real photos of {stated['data']['name']}, split {tests['split']}, "
            f"at {size['width']}x{size['height']}; "
            f"{stated['steps']} steps in {stated['seconds'] / 60:.1f} min",
            f"measure a model with it: dpsims evaluate --data {arguments.data} --split {arguments.val_split} "
            f"--segmenter {arguments.output}",
        ]
    )
