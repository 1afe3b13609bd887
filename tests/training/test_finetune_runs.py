"""Whole runs that start from a published model."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from dpsims_hub.pipelines.pipeline_dpsims import DPSIMSPipeline
from tests.training.published import flags, publish, publish_discriminator
from train_accelerate import main

pytest_plugins = ["tests.loopback_hub"]


def test_a_run_starts_from_the_result_of_another_and_resumes(finished, flags, capsys):
    argv = flags("--pretrained_model_name_or_path", finished.output_dir / "pipeline", steps=2)
    assert main(argv) == 0
    printed = capsys.readouterr().out
    assert "3 of 3 classes matched: road <- road, sky <- sky, car <- car." in printed
    assert f"Discriminator: from {finished.output_dir / 'discriminator'}" in printed
    assert main([*argv, "--max_train_steps", "3", "--resume_from_checkpoint", "latest"]) == 0
    assert "Resuming from" in capsys.readouterr().out
    pipe = DPSIMSPipeline.from_pretrained(Path(argv[argv.index("--output_dir") + 1]) / "pipeline")
    assert not pipe.generator.config.spectral_norm
    assert not any("parametrizations" in name for name in pipe.generator.state_dict())


FROM_A_HUB = """
import json, sys
from dpsims_hub.labels import ClassSpec
from dpsims_hub.training.config import TrainConfig
from dpsims_hub.training.finetune import build_finetuned
config = TrainConfig(**json.loads(sys.argv[1]))
*networks, report = build_finetuned(config, ClassSpec.from_dict({"classes": ["car", "tram"]}))
print(*report, sep="\\n")
"""


@pytest.mark.slow
def test_model_and_discriminator_come_from_a_hub(hub, tmp_path):
    publish(tmp_path / "model")
    config = flags(tmp_path / "model")
    publish_discriminator(tmp_path / "model" / "discriminator", config)
    hub.add("someone/streets", tmp_path / "model", branch="older")
    chosen = {"pretrained_model_name_or_path": "someone/streets", "revision": "older"}
    settings = dataclasses.asdict(config) | chosen
    done = hub.run(FROM_A_HUB, json.dumps(settings), home=tmp_path / "home")
    assert done.stdout.splitlines()[:-1] == [
        "Generator: from someone/streets, 1 of 2 classes matched: car <- car.",
        "New classes: tram.",
        "Classes of someone/streets that were dropped: road, sky, tree.",
    ]
    assert done.stdout.splitlines()[-1].startswith(f"Discriminator: from {tmp_path / 'home'}")
