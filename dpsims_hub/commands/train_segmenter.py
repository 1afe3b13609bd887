"""`dpsims train-segmenter`: a small segmenter for any class list, to measure mIoU without downloads.

It is trained on real photos only. Its folder has the layout of transformers, for
`dpsims evaluate --segmenter FOLDER` and for other programs.
"""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dpsims_hub.commands.backbone_options import add_backbone_options
from dpsims_hub.commands.data_options import add_label_options, open_pairs, print_map_warnings
from dpsims_hub.commands.model_options import usable_device
from dpsims_hub.commands.options import add_option, image_size, positive_number, whole_number
from dpsims_hub.processes.process_group import StopSignals, launched_processes
from dpsims_hub.storage.writable import check_writable

if TYPE_CHECKING:
    from dpsims_hub.evaluation.survey import Pairs
    from dpsims_hub.models import PretrainedBackbone

STATE = "training.json"
CHECKPOINTS = "checkpoints"
WEIGHTS = "model.safetensors"
SAME_DATA = "it would be scored on its training data; name another --val-split or --val-data."
MIN_SIDE = 32  # pixels; the coarsest feature map of a smaller photo is empty
MAX_SEED = 2**32 - 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `dpsims train-segmenter`."""
    option = partial(add_option, parser)
    words = (
        "photos and label maps: images/, labels/ and a classes.json, ADE20K, COCO-Stuff or\n"
        "Cityscapes as distributed, parquet, webdataset, or a data set on the Hub"
    )
    option("--data", words, metavar="DIR", required=True)
    option("--split", "of it to train on (default: train; with --val-data the folder itself)")
    option("--val-data", "other pairs for the scores (default: --data)", metavar="DIR")
    option("--val-split", "of these for the scores (default: val; with --val-data the folder itself)")
    add_label_options(parser)
    option("--output", "for the segmenter", metavar="FOLDER", parse=Path, required=True)
    words = "size of its inputs in pixels (default: 256x192)"
    option("--resolution", words, (192, 256), "WxH", image_size)
    add_backbone_options(parser, "its encoder, a convolutional one")
    option("--steps", "of the optimiser", 1200, "N", whole_number(1))
    option("--batch-size", "photos a step, at least 2", 8, "N", whole_number(2))
    option("--width", "channels of its head", 128, "N", whole_number(1))
    option("--coarsest-stride", "of the backbone; layers beyond it are left out", 32, "N", whole_number(4))
    option("--learning-rate", "its maximum", 5e-4, "X", positive_number)
    option("--seed", "of head, order and crops", 0, parse=whole_number(0, MAX_SEED))
    option("--device", "of the training (default: cuda where there is one)", choices=("cpu", "cuda"))
    option("--dtype", "arithmetic", "fp32", choices=("fp32", "bf16"))
    option("--half", "store its weights in float16", action="store_true")


def run(arguments: argparse.Namespace) -> int:
    """Trains, saves and scores the segmenter; the same command continues after a stop.

    Returns:
        0 when it is complete, 130 or 143 after Ctrl-C or SIGTERM.
    """
    from dpsims_hub.evaluation import save_report
    from dpsims_hub.evaluation.segmenter import Segmenter, be_quiet
    from dpsims_hub.models import PretrainedBackbone
    from dpsims_hub.processes.cpu_setup import prepare_cpu

    check_settings(arguments)
    prepare_cpu()
    be_quiet()
    data, tests = open_splits(arguments)
    for pairs in (data, tests):
        print_map_warnings(pairs, pairs.spec)
    backbone = PretrainedBackbone(
        arguments.backbone,
        arguments.backbone_weights,
        mean=arguments.backbone_mean,
        std=arguments.backbone_std,
    )
    state = _read_state(arguments.output, _new_state(arguments, data, tests, backbone))
    print(f"Backbone {backbone.name}: weights from {backbone.source}.")
    if "scores" not in state:
        stopped = _train(arguments, data, backbone, state)
        if stopped is not None:
            return 128 + stopped
        segmenter = Segmenter(str(arguments.output), data.spec, device=state["device"])
        state["scores"] = _scores(segmenter, tests, arguments)
        save_report(state, arguments.output / STATE)
        shutil.rmtree(arguments.output / CHECKPOINTS, ignore_errors=True)
    print(_format_scores(state, arguments))
    return 0


def check_settings(arguments: argparse.Namespace) -> None:
    """Checks the settings before any data are read, and sets the device."""
    if launched_processes() > 1:
        raise ValueError("train-segmenter runs in one process; start it without a launcher.")
    if min(arguments.resolution) < MIN_SIDE:
        raise ValueError(f"--resolution: both sides must be at least {MIN_SIDE} px.")
    arguments.device = usable_device(arguments.device)


def open_splits(arguments: argparse.Namespace) -> tuple[Pairs, Pairs]:
    """The training pairs and the pairs for the scores; sets their places and splits in `arguments`."""
    apart = arguments.val_data is not None
    place, val_place = arguments.data, arguments.val_data if apart else arguments.data
    usual, val_usual = ("", "") if apart else ("train", "val")
    split = usual if arguments.split is None else arguments.split
    val_split = val_usual if arguments.val_split is None else arguments.val_split
    if (val_place, val_split) == (place, split):
        raise ValueError(SAME_DATA)
    data = open_pairs(place, split, arguments.classes, arguments.label_suffix)
    tests = open_pairs(val_place, val_split, arguments.classes, arguments.label_suffix)
    for where, pairs in ((f"{place} {split}", data), (f"{val_place} {val_split}", tests)):
        if not len(pairs):
            raise ValueError(f"{where.strip()}: holds no pairs.")
    if data.spec.names != tests.spec.names:
        raise ValueError(f"{val_place} has other classes than {place}; give one class list with --classes.")
    arguments.val_data, arguments.split, arguments.val_split = val_place, split, val_split
    return data, tests


def _new_state(
    arguments: argparse.Namespace, data: Pairs, tests: Pairs, backbone: PretrainedBackbone
) -> dict[str, Any]:
    """The settings that a later call must repeat to continue, as JSON values."""
    from dpsims_hub.evaluation.recipe import tensors_sha256
    from dpsims_hub.evaluation.segmenter_training import sample_sha256

    height, width = arguments.resolution
    digests = sample_sha256(data), sample_sha256(tests)
    if digests[0] == digests[1] and len(data) == len(tests):
        raise ValueError(SAME_DATA)
    return {
        "data": _described(arguments.data, arguments.split, data, digests[0]),
        "scored_on": _described(arguments.val_data, arguments.val_split, tests, digests[1]),
        "classes": list(data.spec.names),
        "size": {"width": width, "height": height},
        "backbone": arguments.backbone,
        "backbone_sha256": tensors_sha256(backbone),
        "mean": [round(value, 6) for value in backbone.mean.flatten().tolist()],
        "std": [round(value, 6) for value in backbone.std.flatten().tolist()],
        "steps": arguments.steps,
        "batch_size": arguments.batch_size,
        "learning_rate": arguments.learning_rate,
        "seed": arguments.seed,
        "device": arguments.device,
        "dtype": arguments.dtype,
        "width": arguments.width,
        "coarsest_stride": arguments.coarsest_stride,
        "half": arguments.half,
    }


def _described(place: str, split: str, pairs: Pairs, digest: str) -> dict[str, Any]:
    return {"name": Path(place).name, "split": split, "pairs": len(pairs), "sha256_of_some": digest}


def _read_state(folder: Path, state: dict[str, Any]) -> dict[str, Any]:
    """The state of an earlier call with the same settings; the new `state` where nothing was trained yet."""
    from dpsims_hub.evaluation.segmenter_training import last_whole_checkpoint

    check_writable(folder)
    if not folder.exists() or not any(folder.iterdir()):
        return state
    try:
        stored = json.loads((folder / STATE).read_text(encoding="utf-8"))
        other = next((key for key, value in state.items() if stored.get(key) != value), None)
    except (OSError, ValueError, AttributeError):
        raise ValueError(f"--output {folder}: holds other files and no {STATE}; give a new folder.") from None
    if not (folder / WEIGHTS).is_file():
        stored.pop("scores", None)
        if last_whole_checkpoint(folder / CHECKPOINTS) is None:
            return state
    if other:
        raise ValueError(
            f"--output {folder}: was begun with {other} {json.dumps(stored.get(other))}, not "
            f"{json.dumps(state[other])}; give the same settings and data to continue, or a new folder."
        )
    return stored


def _train(
    arguments: argparse.Namespace, data: Pairs, backbone: PretrainedBackbone, state: dict[str, Any]
) -> int | None:
    """Trains and saves; returns the number of the signal that stopped it, or None."""
    import torch
    from tqdm import tqdm
    from transformers import TrainerCallback

    from dpsims_hub.evaluation import save_report
    from dpsims_hub.evaluation.segmenter_network import new_segmenter, save_segmenter
    from dpsims_hub.evaluation.segmenter_training import SAVE_STEPS, TrainingPlan, train_segmenter

    torch.manual_seed(arguments.seed)
    model, processor = new_segmenter(
        data.spec, backbone, arguments.resolution, arguments.width, arguments.coarsest_stride
    )
    plan = TrainingPlan(
        arguments.steps,
        arguments.batch_size,
        arguments.learning_rate,
        arguments.seed,
        arguments.device,
        arguments.dtype == "bf16",
    )
    started, before = time.perf_counter(), state.get("seconds", 0.0)

    def save_time() -> None:
        state["seconds"] = round(before + time.perf_counter() - started, 1)
        save_report(state, arguments.output / STATE)

    save_time()
    with StopSignals() as stop, tqdm(total=plan.steps, unit="step", disable=None) as bar:

        class Bar(TrainerCallback):
            def on_train_begin(self, args: Any, progress: Any, control: Any, **unused: Any) -> None:
                bar.update(progress.global_step)

            def on_step_end(self, args: Any, progress: Any, control: Any, **unused: Any) -> None:
                if progress.log_history and "loss" in progress.log_history[-1]:
                    bar.set_postfix(loss=f"{float(progress.log_history[-1]['loss']):.3f}", refresh=False)
                bar.update()
                if progress.global_step % SAVE_STEPS == 0:
                    save_time()
                if stop.number is not None:
                    control.should_save = control.should_training_stop = True

        done = train_segmenter(model, processor, data, arguments.output / CHECKPOINTS, plan, Bar())
    save_time()
    if stop.number is not None:
        tqdm.write(f"stopped after step {done} of {plan.steps}; the same command continues from there.")
        return stop.number
    save_segmenter(model.eval(), processor, arguments.output, arguments.half)
    return None


def _scores(segmenter: Any, tests: Pairs, arguments: argparse.Namespace) -> dict[str, Any]:
    """mIoU, pixel accuracy and the IoU of each class, on real photos."""
    from dpsims_hub.evaluation.segmentation_scores import iou_by_class, mean_iou, pixel_accuracy
    from dpsims_hub.evaluation.segmenter_training import score_segmenter

    counts = score_segmenter(segmenter, tests, arguments.resolution).sum(axis=0)
    if not counts[:, 1].sum():
        raise ValueError(f"{arguments.val_data}: no pixel has a class, so that nothing can be scored.")
    return {
        "mean_iou": float(mean_iou(counts)),
        "pixel_accuracy": float(pixel_accuracy(counts)),
        "class_iou": iou_by_class(counts, tests.spec.names),
    }


def _format_scores(state: dict[str, Any], arguments: argparse.Namespace) -> str:
    from dpsims_hub.cards.report_tables import DASH
    from dpsims_hub.evaluation.report import format_table

    scores, size, tests = state["scores"], state["size"], state["scored_on"]
    rows = [("class", "IoU on real photos")]
    rows += [(name, DASH if value is None else f"{value:.1%}") for name, value in scores["class_iou"].items()]
    split = f", split {tests['split']}" if tests["split"] else ""
    command = ["dpsims", "evaluate", "--model", "MODEL", "--data", arguments.val_data]
    command += ["--split", tests["split"]] if tests["split"] else []
    command += ["--classes", arguments.classes] if arguments.classes else []
    command += [f"--label-suffix={arguments.label_suffix}"] if arguments.label_suffix else []
    return "\n".join(
        [
            format_table(rows),
            "",
            f"mIoU {scores['mean_iou']:.1%}, pixel accuracy {scores['pixel_accuracy']:.1%} "
            f"on the {tests['pairs']} real photos of {tests['name']}{split}, "
            f"at {size['width']}x{size['height']}; "
            f"{state['steps']} steps in {state['seconds'] / 60:.1f} min",
            f"measure a model with it: {shlex.join([*command, '--segmenter', str(arguments.output)])}",
        ]
    )
