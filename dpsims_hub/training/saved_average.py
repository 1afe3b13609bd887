"""The averaged generator of a checkpoint, as the run would have exported it.

The class list, settings and batch-norm statistics come from the run's config.json and data, which must still
exist. The backbone's weights are not needed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import load
from safetensors.torch import load_file

from dpsims_hub.models import DPSIMSDiscriminator
from dpsims_hub.pipelines.pipeline_dpsims import DPSIMSPipeline
from dpsims_hub.storage.links import real_path
from dpsims_hub.training.checkpoint import CheckpointError, find_checkpoint
from dpsims_hub.training.command_line import parse_config
from dpsims_hub.training.config import TrainConfig
from dpsims_hub.training.data_loader import TrainingDataLoader, example_transform, training_source
from dpsims_hub.training.ema import ExponentialMovingAverage
from dpsims_hub.training.finetune import build_run


@dataclass(frozen=True)
class SavedAverage:
    """A checkpoint's averaged generator as a pipeline, its discriminator, step, settings and run facts."""

    pipe: DPSIMSPipeline
    discriminator: DPSIMSDiscriminator
    step: int
    config: dict[str, Any]
    run: dict[str, Any]


def open_checkpoint(path: str | Path) -> SavedAverage:
    """Read a checkpoint folder `checkpoint-N` inside the output folder of its run.

    Raises:
        OSError: it is not a checkpoint or is damaged, does not fit the settings beside it, or its settings,
            data or published model are missing.
        ValueError: the settings or the data cannot be used.
    """
    path = real_path(path)
    step, _ = find_checkpoint(str(path), path.parent)
    config = replace(_settings(path), backbone_weights="random")  # only shapes are needed
    data = training_source(config).open()
    generator, discriminator, *_ = build_run(config, data.spec)
    average = ExponentialMovingAverage(generator, decay=0.0)
    try:
        average.load_state_dict(load(path / "custom_checkpoint_0.pkl", map_location="cpu"))
        discriminator.load_state_dict(load_file(path / "model_1.safetensors"))
    except (RuntimeError, KeyError) as error:
        raise CheckpointError(f"{path}: does not fit the config.json beside it ({error}).") from error
    transform = example_transform(config, data.spec, generator.config.latent_dim)
    # The run computes its statistics in the same precision.
    with torch.autocast("cpu", torch.bfloat16, enabled=config.mixed_precision == "bf16"):
        average.refresh_batch_norm(TrainingDataLoader(config, data, transform).refresh_inputs())
    pipe = DPSIMSPipeline(average.model, class_spec=data.spec.to_dict())
    settings = json.loads((path.parent / "config.json").read_text())
    return SavedAverage(pipe, discriminator.eval(), step, settings, _facts(path))


def _settings(path: Path) -> TrainConfig:
    file = path.parent / "config.json"
    if not file.is_file():
        raise FileNotFoundError(f"{file}: a checkpoint needs its run's settings beside it; copy them there.")
    return parse_config(["--config", str(file)])


def _facts(path: Path) -> dict[str, Any]:
    """Facts of the run from checkpoint.json, by their names in run.json."""
    file = path / "checkpoint.json"
    stored = json.loads(file.read_text()) if file.is_file() else {}
    return {"processes": stored.get("processes", 1), "torch": stored.get("versions", {}).get("torch", "")}
