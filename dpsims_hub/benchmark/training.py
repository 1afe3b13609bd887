"""How fast a training runs: photos per second, time of a step and of its phases, memory.

The trainer is the real one, with its loader, both updates and the average; only checkpoints, sheets and logs
are left out.
"""

from __future__ import annotations

import dataclasses
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from PIL import Image

from dpsims_hub.models.costs import peak_memory
from dpsims_hub.training.config import TrainConfig
from dpsims_hub.training.loop import Trainer

MOST_DATA_WAIT = 0.05
"""Share of the time from which on waiting for data is called too much."""

SYNTHETIC_PAIRS = 64
SYNTHETIC_CLASSES = 11


def benchmark_training(
    config: TrainConfig, steps: int, warmup: int, advance: Callable[[int], object] = lambda count: None
) -> dict:
    """Trains for some steps and times them.

    Without weights of its own a backbone is random, and without data the pairs are synthetic: photos of twice
    the resolution in JPEG, with maps of 11 classes. Neither changes the speed of the networks.

    Args:
        config: of the run; where it writes and how long it runs is decided here.
        steps: updates that are timed, at least 2.
        warmup: updates before them, which are not.
        advance: called with 1 after every update.

    Returns:
        Rates, times, shares of the phases, memory and settings, JSON-safe.

    Raises:
        ValueError: too few steps, or settings or data that cannot be used.
        FileNotFoundError: a folder or weights file is not there.
    """
    if steps < 2 or warmup < 0:
        raise ValueError(f"a benchmark needs at least 2 steps and 0 to warm up, got {steps} and {warmup}.")
    with TemporaryDirectory(prefix="dpsims-benchmark-") as folder:
        trainer = TimedTrainer(_benchmark_config(config, steps + warmup, Path(folder)))
        return trainer.measure(steps, warmup, advance)


class TimedTrainer(Trainer):
    """A trainer that measures instead of going to the end."""

    def measure(self, steps: int, warmup: int, advance: Callable[[int], object]) -> dict:
        """Times updates; see `benchmark_training`."""
        self._begin()
        for _ in range(warmup):
            self._update()
            advance(1)
        self._wait_for_device()
        if self.accelerator.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.accelerator.device)
        self.clock.reset()
        stamps = [time.perf_counter()]
        for _ in range(steps):
            self._update()
            stamps.append(time.perf_counter())
            advance(1)
        self._wait_for_device()
        total = time.perf_counter() - stamps[0]
        return self._facts() | self._results(total, np.diff(stamps).tolist(), warmup)

    def _preview_pairs(self) -> list:
        """None: no sheet is drawn."""
        return []

    def _wait_for_device(self) -> None:
        if torch.accelerator.is_available():
            torch.accelerator.synchronize()

    def _results(self, total: float, seconds: list[float], warmup: int) -> dict:
        config = self.config
        maps = config.train_batch_size * config.gradient_accumulation_steps * self.accelerator.num_processes
        rate = len(seconds) * maps / total
        low, median, high = statistics.quantiles(seconds, n=4, method="inclusive")
        shares = self.clock.shares()
        return {
            "steps": len(seconds),
            "warmup_steps": warmup,
            "images_per_second": rate * config.samples_per_map,
            "label_maps_per_second": rate,
            "seconds_per_step": {"median": median, "quartiles": [low, high]},
            "shares": shares,
            "data_wait_share": shares["data"],
            "peak_memory_bytes": peak_memory(self.accelerator.device),
            "peak_memory_of": "tensors" if self.accelerator.device.type == "cuda" else "process",
        }

    def _facts(self) -> dict:
        config = self.config
        height, width = config.size
        return {
            "preset": config.preset,
            "backbone": config.backbone,
            "size": {"width": width, "height": height},
            "num_classes": self.spec.num_classes,
            "pairs": self.feed.num_pairs,
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


def format_report(report: dict) -> str:
    """The report as text.

    Args:
        report: of `benchmark_training`, with "data", "machine" and "versions".
    """
    size, low, high = report["size"], *report["seconds_per_step"]["quartiles"]
    batch = (
        f"{report['train_batch_size']} label maps x {report['samples_per_map']} photos x "
        f"{report['gradient_accumulation_steps']} micro-batches x {report['processes']} processes"
    )
    shares = ", ".join(f"{phase} {share:.1%}" for phase, share in report["shares"].items())
    waits, memory = report["data_wait_share"], report["peak_memory_bytes"] / 1e6
    verdict = (
        f"below {MOST_DATA_WAIT:.0%}: the loader keeps up"
        if waits < MOST_DATA_WAIT
        else f"{MOST_DATA_WAIT:.0%} or more: add workers, or store smaller photos"
    )
    machine, versions = report["machine"], report["versions"]
    lines = {
        "run": f"preset {report['preset']}, backbone {report['backbone']}, {size['width']}x{size['height']}, "
        f"{report['num_classes']} classes, precision {report['mixed_precision']}",
        "step": batch,
        "data": f"{report['data']}, {report['pairs'] or 'streamed'} pairs, {report['workers']} workers",
        "photos/s": f"{report['images_per_second']:.2f} generated, for {report['label_maps_per_second']:.2f} "
        "label maps/s",
        "seconds/step": f"{report['seconds_per_step']['median']:.3f} median, {low:.3f} to {high:.3f} the "
        f"middle half of {report['steps']} steps after {report['warmup_steps']} to warm up",
        "time": shares,
        "data wait": f"{waits:.1%} ({verdict})",
        "memory": f"{memory:.0f} MB at most, of the {report['peak_memory_of']}",
        "machine": f"{machine['device']}, {machine['processor']}, {machine['cores']} cores, "
        f"{machine['torch_threads']} threads, load {machine['load_of_last_minute']}",
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
    }
    return "\n".join(f"{name:<14}{text}" for name, text in lines.items())


def write_synthetic_pairs(root: Path, size: tuple[int, int], count: int = SYNTHETIC_PAIRS) -> Path:
    """A training folder of random pairs, the same at every call.

    Args:
        root: folder to make.
        size: (H, W) of photos and maps, in pixels.
        count: pairs.

    Returns:
        The folder.
    """
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
    """The settings with another place to write to and, where they name none, data and weights."""
    changes = {
        "output_dir": str(folder / "run"),
        "max_train_steps": steps,
        "resume_from_checkpoint": "",
        "report_to": "none",
    }
    if not config.train_data_dir and not config.dataset_name:
        size = tuple(2 * side for side in config.size)
        changes["train_data_dir"] = str(write_synthetic_pairs(folder / "pairs", size))
    if config.backbone_weights == "pretrained":
        changes["backbone_weights"] = "random"
    return dataclasses.replace(config, **changes)
