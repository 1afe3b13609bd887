"""What a dry run says."""

from __future__ import annotations

import dataclasses
import json
import re

import pytest

from dpsims_hub.training.config import TrainConfig, parse_config
from dpsims_hub.training.plan import describe_plan
from tests.training.tiny_run import tiny_flags
from train_accelerate import main


@pytest.fixture
def config() -> TrainConfig:
    return parse_config(tiny_flags("data", "out", "--gradient_accumulation_steps", 3, "--dry_run", steps=100))


def printed_settings(text: str) -> dict:
    return json.loads(text[text.index("{") : text.index("\n}\n") + 2])


def megabytes(text: str) -> dict[str, int]:
    return {name: int(value) for name, value in re.findall(r"^  (\S.*?) +(\d+) MB$", text, re.M)}


def test_the_printed_settings_start_the_same_run_with_config(config, tmp_path):
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(printed_settings(describe_plan(config, 3))))
    assert parse_config(["--config", str(path)]) == dataclasses.replace(config, dry_run=False)


def test_chosen_settings_are_named(config):
    line = next(x for x in describe_plan(config, 3).splitlines() if x.startswith("Not the defaults"))
    names = set(line.removeprefix("Not the defaults: ").rstrip(".").split(", "))
    given = {flag.removeprefix("--") for flag in tiny_flags("data", "out") if flag.startswith("--")}
    assert given - {"output_dir"} < names  # and what the preset chooses
    assert {"gradient_accumulation_steps", "ema_decay"} < names
    assert not {"dry_run", "seed", "adam_beta1"} & names


def test_steps_and_epochs(config):
    text = describe_plan(config, 3, num_pairs=50, world_size=2)
    assert "each 12 label maps (2 x 3 micro-batches x 2 processes), 24 generated photos" in text
    assert "together 1200 pairs: 24.0 epochs of 50" in text
    assert "epochs unknown" in describe_plan(config, 3)


def test_memory_is_summed_and_grows_with_what_is_kept(config):
    one = megabytes(describe_plan(config, 3))
    many = megabytes(describe_plan(config, 3, world_size=2))
    assert one["together"] == pytest.approx(sum(one.values()) - one["together"], abs=len(one) / 2)
    assert "gradients kept between micro-batches" in one
    assert set(many) - set(one) == {"gradient buckets of DDP"}


def test_a_dry_run_writes_nothing_and_reads_no_weights(pairs_dir, tmp_path, capsys):
    flags = tiny_flags(pairs_dir, tmp_path / "out", "--backbone_weights", "missing.safetensors", "--dry_run")
    assert main(flags) == 0
    assert "0.7 epochs of 12" in capsys.readouterr().out  # 4 steps of 2 maps
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_refuses_what_training_would(pairs_dir, tmp_path, capsys):
    assert main(tiny_flags(pairs_dir, tmp_path / "out", "--resolution", "33x24", "--dry_run")) == 2
    assert "--resolution: 33x24" in capsys.readouterr().err
