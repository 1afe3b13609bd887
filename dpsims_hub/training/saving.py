"""The model of a run in Hub layout: the pipeline, the discriminator beside it, facts of the run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from diffusers import ModelMixin

from dpsims_hub.labels import ClassSpec
from dpsims_hub.models import DPSIMSDiscriminator, DPSIMSGenerator
from dpsims_hub.pipelines.pipeline_dpsims import DPSIMSPipeline
from dpsims_hub.storage.atomic_write import write_text_atomically
from dpsims_hub.training.atomic_folder import put_in_place

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
    write_text_atomically(folder / "run.json", json.dumps(facts, indent=2) + "\n")


def _save_whole(model: DPSIMSPipeline | ModelMixin, folder: Path) -> None:
    temporary = folder.with_name(f"{folder.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    model.save_pretrained(temporary)
    put_in_place(temporary, folder)
