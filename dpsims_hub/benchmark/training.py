"""Speed of a training: photos per second, time of a step and of its phases, memory.

The trainer is that of a real training, with its data loader, both updates and the EMA. Only checkpoints,
sheets and logs are left out.
"""

from __future__ import annotations

import dataclasses
import json
import math
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from PIL import Image

from dpsims_hub.benchmark.ceiling import WHAT, convolution_rates
from dpsims_hub.benchmark.timing import describe_seconds
from dpsims_hub.models.costs import peak_memory
from dpsims_hub.storage.backbone_packages import find_package
from dpsims_hub.training.config import TrainConfig
from dpsims_hub.training.cost_estimate import HALF_PRECISIONS, estimate_costs
from dpsims_hub.training.loop import Trainer
from dpsims_hub.training.step import NonFiniteLossError

CEILING_CALLS = 20  # before the steps, and as many after them

SYNTHETIC_PAIRS = 64
SYNTHETIC_CLASSES = 11


def benchmark_training(
    config: TrainConfig, steps: int, warmup: int, advance: Callable[[int], object] = lambda count: None
) -> dict:
    """Trains for some steps and times them.

    Without a weights file or an installed package the backbone is random: nothing is fetched from the Hub.
    Without data the pairs are synthetic: JPEG photos of twice the resolution, with maps of 11 classes.
    Neither changes the speed of the networks.

    Args:
        config: of the run; its output folder and number of steps are replaced.
        steps: timed updates, at least 2.
        warmup: updates before them.
        advance: called with 1 after every update.

    Returns:
        Rates, times, shares of the phases, peak memory, multiply-adds of one process and their share of the
        ceiling, settings; JSON-safe.

    Raises:
        ValueError: too few steps, unusable settings or data, or a loss that is not finite.
        FileNotFoundError: a folder or weights file is missing.
    """
    check_steps(steps, warmup)
    with TemporaryDirectory(prefix="dpsims-benchmark-") as folder:
        trainer = TimedTrainer(_benchmark_config(config, steps + warmup, Path(folder)))
        try:
            return summed_up(trainer.measure(steps, warmup, advance))
        except NonFiniteLossError as error:
            raise ValueError(f"the training diverged: {error}") from error


def check_steps(steps: int, warmup: int) -> None:
    """Checks numbers of steps.

    Raises:
        ValueError: they are too small.
    """
    if steps < 2 or warmup < 0:
        raise ValueError(f"a benchmark needs at least 2 steps and 0 to warm up, got {steps} and {warmup}.")


class TimedTrainer(Trainer):
    """A trainer that times its updates."""

    def measure(self, steps: int, warmup: int, advance: Callable[[int], object]) -> dict:
        """Times updates; see `benchmark_training`."""
        device = self.accelerator.device
        dtype = HALF_PRECISIONS.get(self.config.mixed_precision, torch.float32)
        rates = convolution_rates(dtype, device, CEILING_CALLS)
        self._begin()
        warming = self._time_updates(warmup, advance)
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        self.clock.reset()
        seconds = self._time_updates(steps, advance)
        shares, memory = self.clock.shares(), peak_memory(device)
        rates += convolution_rates(dtype, device, CEILING_CALLS)
        return self._facts() | {
            "warmup_steps": warmup,
            "step_seconds": seconds,
            "first_step_seconds": [*warming, *seconds][0],
            "shares": shares,
            "peak_memory_bytes": memory,
            "peak_memory_of": "tensors" if device.type == "cuda" else "process",
            "multiply_adds_per_step": self._multiply_adds(),
            "ceiling": {"what": WHAT, "multiply_adds_per_second": statistics.median(rates)},
        }

    def _time_updates(self, count: int, advance: Callable[[int], object]) -> list[float]:
        """Seconds of each update; the device is synchronized after the first and the last one."""
        stamps = [time.perf_counter()]
        for number in range(count):
            self._update()
            if number in (0, count - 1) and torch.accelerator.is_available():
                torch.accelerator.synchronize()
            stamps.append(time.perf_counter())
            advance(1)
        return np.diff(stamps).tolist()

    def _multiply_adds(self) -> int | None:
        """Multiply-adds of one step in one process; None if the network is that of another model."""
        config = self.config
        if config.pretrained_model_name_or_path:
            return None
        costs = estimate_costs(config, self.spec.num_classes, self.spec.ignore_index)
        return costs.multiply_adds * config.gradient_accumulation_steps

    def _facts(self) -> dict:
        config = self.config
        height, width = config.size
        return {
            "preset": config.preset,
            "backbone": config.backbone,
            "size": {"width": width, "height": height},
            "num_classes": self.spec.num_classes,
            "pairs": self.data_loader.num_pairs,
            "train_batch_size": config.train_batch_size,
            "samples_per_map": config.samples_per_map,
            "gradient_accumulation_steps": config.gradient_accumulation_steps,
            "mixed_precision": config.mixed_precision,
            "gradient_checkpointing": config.gradient_checkpointing,
            "compile": config.compile,
            "workers": config.dataloader_num_workers,
            "processes": self.accelerator.num_processes,
            "device": str(self.accelerator.device),
        }


def summed_up(measured: dict) -> dict:
    """Adds rates and quartiles to the measurements of `TimedTrainer.measure`."""
    seconds = describe_seconds(measured["step_seconds"])
    factors = ("train_batch_size", "gradient_accumulation_steps", "processes")
    maps = math.prod(measured[name] for name in factors)
    rate = maps * len(measured["step_seconds"]) / sum(measured["step_seconds"])
    work = measured["multiply_adds_per_step"]
    ceiling = measured["ceiling"]["multiply_adds_per_second"]
    return measured | {
        "steps": seconds.pop("n"),
        "seconds_per_step": seconds,
        "label_maps_per_second": rate,
        "images_per_second": rate * measured["samples_per_map"],
        "share_of_ceiling": None if work is None else work / seconds["median"] / ceiling,
        "data_wait_share": measured["shares"]["data"],
    }


def write_synthetic_pairs(root: Path, size: tuple[int, int], count: int = SYNTHETIC_PAIRS) -> Path:
    """Writes a training folder of random pairs of a size (H, W), equal at every call; returns its path."""
    random = np.random.default_rng(0)
    for name in ("images", "labels"):
        (root / name).mkdir(parents=True)
    for number in range(count):
        photo = Image.fromarray(random.integers(0, 256, (12, 16, 3), np.uint8))
        ids = Image.fromarray(random.integers(0, SYNTHETIC_CLASSES, (6, 8), np.uint8))
        photo.resize(size[::-1], Image.Resampling.BICUBIC).save(root / "images" / f"{number:03}.jpg")
        ids.resize(size[::-1], Image.Resampling.NEAREST).save(root / "labels" / f"{number:03}.png")
    names = [f"class {number}" for number in range(SYNTHETIC_CLASSES)]
    (root / "classes.json").write_text(json.dumps(names))
    return root


def _benchmark_config(config: TrainConfig, steps: int, folder: Path) -> TrainConfig:
    """The settings with a temporary output folder, and by default with synthetic data and local weights."""
    changes = {
        "output_dir": str(folder / "run"),
        "max_train_steps": steps,
        "resume_from_checkpoint": "",
        "report_to": "none",
    }
    if not config.train_data_dir and not config.dataset_name:
        size = tuple(2 * side for side in config.size)
        changes["train_data_dir"] = str(write_synthetic_pairs(folder / "pairs", size))
    package = find_package(config.backbone)
    if config.backbone_weights == "pretrained" and (package is None or package.folder is None):
        changes["backbone_weights"] = "random"
    return dataclasses.replace(config, **changes)
