"""The model of a run in Hub layout: the pipeline, the discriminator and facts of the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from diffusers import ModelMixin

from dpsims_hub.labels import ClassSpec
from dpsims_hub.models import DPSIMSDiscriminator, DPSIMSGenerator
from dpsims_hub.pipelines.pipeline_dpsims import DPSIMSPipeline
from dpsims_hub.storage.atomic_write import atomic_folder, write_json

PIPELINE_FOLDER = "pipeline"


def save_run(
    folder: Path,
    generator: DPSIMSGenerator,
    discriminator: DPSIMSDiscriminator,
    spec: ClassSpec,
    facts: dict[str, Any],
) -> None:
    """Write pipeline, discriminator and `run.json` into the run's folder, each atomically."""
    _save_whole(DPSIMSPipeline(generator, class_spec=spec.to_dict()), folder / PIPELINE_FOLDER)
    _save_whole(discriminator, folder / "discriminator")
    write_json(folder / "run.json", facts)


def _save_whole(model: DPSIMSPipeline | ModelMixin, folder: Path) -> None:
    with atomic_folder(folder) as unfinished:
        model.save_pretrained(unfinished)
