"""A model to export: its pipeline, its discriminator and facts of its training."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCard

from dpsims_hub.cards.model_card import RunFacts
from dpsims_hub.models import DPSIMSDiscriminator
from dpsims_hub.pipelines.pipeline_dpsims import DPSIMSPipeline
from dpsims_hub.storage.links import real_path
from dpsims_hub.storage.stored_settings import read_json_object


@dataclass(frozen=True)
class Source:
    """A model to export: a float32 pipeline in evaluation mode, and what is known about it.

    `discriminator` is for fine-tuning. `sheet` is the last validation sheet. `license` is the one that the
    model's card states.
    """

    name: str
    pipe: DPSIMSPipeline
    run: RunFacts = field(default_factory=RunFacts)
    discriminator: DPSIMSDiscriminator | None = None
    sheet: Path | None = None
    license: str = ""


def open_run(output_dir: str | Path) -> Source:
    """Opens the output folder of a finished training run.

    Raises:
        FileNotFoundError: it holds no complete pipeline.
        ValueError: a file is damaged.
    """
    output_dir = Path(output_dir)
    facts = _read(output_dir / "run.json")
    run = RunFacts(facts.get("steps"), _read(output_dir / "config.json"), facts)
    return Source(
        real_path(output_dir).name,
        _pipeline(output_dir / "pipeline"),
        run,
        open_discriminator(output_dir / "discriminator"),
        newest_sheet(output_dir),
    )


def open_model(folder: str | Path) -> Source:
    """Opens a model folder that `save_pretrained` or an export wrote. Raises the errors of `open_run`."""
    folder = Path(folder)
    return Source(
        real_path(folder).name,
        _pipeline(folder),
        RunFacts(config=_read(folder / "training_config.json")),
        open_discriminator(folder / "discriminator"),
        next(iter(folder.glob("validation_sheet.png")), None),
        _stated_license(folder / "README.md"),
    )


def is_run(folder: Path) -> bool:
    """Whether a folder is the output of a training run."""
    return (folder / "pipeline").is_dir() and not (folder / "model_index.json").exists()


def open_discriminator(folder: Path) -> DPSIMSDiscriminator | None:
    """The discriminator in a folder, or None without such a folder; ValueError if a file is damaged."""
    return DPSIMSDiscriminator.from_pretrained(folder) if folder.is_dir() else None


def newest_sheet(output_dir: Path) -> Path | None:
    """The last validation sheet of a run."""
    sheets = (output_dir / "sheets").glob("step-*.png")
    return max(sheets, key=lambda path: (len(path.name), path.name), default=None)


def _pipeline(folder: Path) -> DPSIMSPipeline:
    if not (folder / "model_index.json").is_file():  # diffusers would take "runs/pipeline" for a Hub id
        raise FileNotFoundError(
            f"{folder}: is not a model folder, it has no model_index.json; give a finished training run, "
            "one of its checkpoints, or a model folder."
        )
    return DPSIMSPipeline.from_pretrained(folder)


def _stated_license(card: Path) -> str:
    """The licence in a card's header; "" where it is "other", or where no card can be read."""
    try:
        stated = ModelCard.load(card, ignore_metadata_errors=True).data.to_dict().get("license")
    except (OSError, ValueError):
        return ""
    return stated if isinstance(stated, str) and stated != "other" else ""


def _read(path: Path) -> dict[str, Any]:
    return read_json_object(path) if path.is_file() else {}
