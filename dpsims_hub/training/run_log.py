"""Logs of a run: one JSON line per logged step in `log.jsonl`, pictures in the trackers."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from accelerate import Accelerator
from PIL import Image

from dpsims_hub.storage.atomic_write import write_text_atomically


class RunLog:
    """A file of JSON lines; a resumed run first drops the lines after its step."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def rewind(self, step: int) -> None:
        """Drop the lines of later steps, and lines that are incomplete because a process was killed."""
        if not self.path.exists():
            return
        kept = [line for line in self.path.read_text().splitlines() if _step(line) <= step]
        write_text_atomically(self.path, "".join(f"{line}\n" for line in kept))

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Append one line with 6 significant digits; infinite values and NaN become null."""
        entry = {
            name: float(f"{value:.6g}") if math.isfinite(value) else None for name, value in values.items()
        }
        with self.path.open("a") as file:
            file.write(json.dumps({"step": step, **entry}) + "\n")


def log_picture(accelerator: Accelerator, picture: Image.Image, step: int) -> None:
    """Show a picture in every tracker that can show one (TensorBoard, wandb)."""
    pixels = np.asarray(picture.convert("RGB"))
    for tracker in accelerator.trackers:
        if tracker.name == "tensorboard":
            tracker.log_images({"validation": pixels[None]}, step=step, dataformats="NHWC")
        elif hasattr(tracker, "log_images"):
            tracker.log_images({"validation": [pixels]}, step=step)


def _step(line: str) -> float:
    try:
        return json.loads(line)["step"]
    except ValueError:
        return math.inf
