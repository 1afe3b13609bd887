"""`python -m dpsims_hub.commands.train FLAGS`: `train_accelerate.py`, for a process that a study starts."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from dpsims_hub.processes.missing_package import missing_package
from dpsims_hub.processes.process_group import launched_processes
from dpsims_hub.processes.quick_start import start_process
from dpsims_hub.storage.error_text import one_line
from dpsims_hub.training.command_line import parse_config
from dpsims_hub.training.config import TrainConfig
from dpsims_hub.training.launcher import launcher_sentences, launcher_settings


def main(argv: list[str] | None = None) -> int:
    """Parse, train, print where the model is; bad input gives one sentence and exit code 2."""
    try:
        config = parse_config(argv)
        if os.environ.get("RANK", "0") == "0":
            for sentence in launcher_sentences(launcher_settings(), config):
                print(sentence)
        return show_plan(config) if config.dry_run else train(config)
    except ModuleNotFoundError as error:
        print(f"train_accelerate.py: {missing_package(error)}", file=sys.stderr)
        return 2
    except (ValueError, OSError, FloatingPointError) as error:
        print(f"train_accelerate.py: {one_line(error)}", file=sys.stderr)
        return 2


def train(config: TrainConfig) -> int:
    """Train, and upload the model if asked."""
    from dpsims_hub.training.loop import Trainer

    trainer = Trainer(config)
    repository = ""
    if config.push_to_hub and trainer.accelerator.is_main_process:
        from dpsims_hub.cards.model_card import CardFacts
        from dpsims_hub.hub.upload import open_repository, upload_run

        # Before the first step, so that a missing login is found early.
        repository = open_repository(config.hub_model_id, config.output_dir, config.hub_private_repo)
    path = trainer.run()
    if trainer.accelerator.is_main_process:
        print(f"Model: {path}")
    if repository:
        facts = CardFacts(license=config.hub_license)
        print(f"Uploaded: {upload_run(config.output_dir, repository, trainer.step, facts, print)}")
    return 0


def show_plan(config: TrainConfig) -> int:
    """Print settings, sizes and memory of the run without starting it."""
    from dpsims_hub.training.checkpoint import find_checkpoint
    from dpsims_hub.training.data_loader import training_source
    from dpsims_hub.training.plan import describe_plan

    data = training_source(config).open()
    num_pairs = None if config.streaming else min(len(data), config.max_train_samples or len(data))
    if os.environ.get("RANK", "0") == "0":
        wanted = config.resume_from_checkpoint
        _, checkpoint = (find_checkpoint(wanted, Path(config.output_dir)) if wanted else None) or (0, None)
        print(describe_plan(config, data.spec.num_classes, num_pairs, launched_processes(), checkpoint))
    return 0


if __name__ == "__main__":
    start_process()
    sys.exit(main())
