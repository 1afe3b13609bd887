"""What a dry run says."""

from __future__ import annotations

import dataclasses
import json
import re

import pytest

from dpsims_hub.training.command_line import parse_config
from dpsims_hub.training.config import TrainConfig
from dpsims_hub.training.cost_estimate import NetworkCosts, StepCosts
from dpsims_hub.training.plan import describe_plan, format_plan
from tests.training.tiny_run import tiny_flags
from train_accelerate import main

COSTS = StepCosts(
    {
        "generator": NetworkCosts(4_489_051, 710_153_472),
        "discriminator": NetworkCosts(1_067_996, 700_366_848),
        "backbone": NetworkCosts(1_811_712, 68_430_336),
    },
    multiply_adds=52_521_870_000,
    weights=31_840_000,
    average=20_070_000,
    optimizers=44_460_000,
    step_peak=749_880_000,
    trained=22_230_000,
)


@pytest.fixture
def config() -> TrainConfig:
    return parse_config(tiny_flags("data", "out", "--gradient_accumulation_steps", 3, "--dry_run", steps=100))


def plan(config: TrainConfig, num_pairs: int | None = None, world_size: int = 1) -> str:
    return format_plan(config, COSTS, 11, num_pairs, world_size)


def printed_settings(text: str) -> dict:
    return json.loads(text[text.index("{") : text.index("\n}\n") + 2])


def megabytes(text: str) -> dict[str, int]:
    return {name: int(value) for name, value in re.findall(r"^  (\S.*?) +(\d+) MB$", text, re.M)}


def test_the_printed_settings_start_the_same_run_with_config(config, tmp_path):
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(printed_settings(plan(config))))
    assert parse_config(["--config", str(path)]) == dataclasses.replace(config, dry_run=False)


def test_chosen_settings_are_named(config):
    line = next(x for x in plan(config).splitlines() if x.startswith("Not the defaults"))
    names = set(line.removeprefix("Not the defaults: ").rstrip(".").split(", "))
    given = {flag.removeprefix("--") for flag in tiny_flags("data", "out") if flag.startswith("--")}
    assert given - {"output_dir"} < names  # and what the preset chooses
    assert {"gradient_accumulation_steps", "ema_decay"} < names
    assert not {"dry_run", "seed", "adam_beta1"} & names


def test_steps_and_epochs(config):
    text = plan(config, num_pairs=50, world_size=2)
    assert "each 12 label maps (2 x 3 micro-batches x 2 processes), 24 generated photos" in text
    assert "together 1200 pairs: 24.0 epochs of 50" in text
    assert "epochs unknown" in plan(config)


@pytest.mark.parametrize(
    ("flags", "processes", "words"),
    [
        (["paper"], 1, "64 label maps an update; this run has 8, .* 0.000125 --learning_rate_d 0.000125"),
        (["paper"], 8, ""),
        (["paper", "--gradient_accumulation_steps", "8"], 1, ""),
        (["paper", "--learning_rate_d", "2e-4"], 1, ""),
        (["dpsims"], 8, "64 label maps an update; this run has 32, .* 0.0005 --learning_rate_d 0.0005"),
        (["oasis"], 4, ""),
        (["oasis"], 8, "32 label maps an update; this run has 64, .* 0.0002 --learning_rate_d 0.0008"),
        (["small"], 1, ""),
    ],
)
def test_a_line_says_when_the_presets_rates_belong_to_another_batch(flags, processes, words):
    config = parse_config(["--preset", *flags])
    lines = [line for line in plan(config, world_size=processes).splitlines() if "learning rates of" in line]
    assert len(lines) == bool(words)
    assert re.search(words, "".join(lines))


def test_a_training_says_so_too(flags, capsys):
    assert main(flags("--preset", "dpsims", steps=1)) == 0
    assert "--preset dpsims belong to 64 label maps an update; this run has 2" in capsys.readouterr().out


def test_networks_and_multiply_adds_in_millions_and_billions(config):
    text = plan(config, world_size=2)
    assert "Networks for 11 classes at 32x24 (width x height):" in text
    assert re.search(r"generator, preset small +4\.49 M +0\.71 G\n", text)
    assert re.search(r"discriminator, what is trained of it +1\.07 M +0\.70 G\n", text)
    assert re.search(r"backbone test_resnet, frozen +1\.81 M +0\.07 G\n", text)
    assert "each 0.315 T multiply-adds" in text  # 3 micro-batches of 2 processes


def test_memory_is_summed_and_grows_with_what_is_kept(config):
    one, two = megabytes(plan(config)), megabytes(plan(config, world_size=2))
    assert one["gradients and activations at their peak, estimated"] == 750
    assert one["gradients kept between micro-batches"] == 22
    assert one["together"] == 868  # 31.84 + 20.07 + 44.46 + 749.88 + 22.23
    assert two["gradient buckets of DDP"] == 22
    assert two["together"] == 891
    assert "gradients kept" not in plan(dataclasses.replace(config, gradient_accumulation_steps=1))


def test_a_published_model_brings_its_own_architecture(config):
    text = plan(dataclasses.replace(config, pretrained_model_name_or_path="me/streets"))
    assert "generator's architecture from me/streets" in text


@pytest.mark.slow
def test_a_plan_measures_the_run_it_describes(config):
    text = describe_plan(config, 3, 12)
    assert "Networks for 3 classes" in text
    assert 0 < megabytes(text)["together"] < 100


@pytest.mark.slow
def test_a_dry_run_writes_nothing_and_reads_no_weights(pairs_dir, tmp_path, capsys):
    flags = tiny_flags(pairs_dir, tmp_path / "out", "--backbone_weights", "missing.safetensors", "--dry_run")
    assert main(flags) == 0
    assert "0.7 epochs of 12" in capsys.readouterr().out  # 4 steps of 2 maps
    assert main([*flags, "--max_train_samples", "5"]) == 0
    assert "1.6 epochs of 5" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_refuses_what_training_would(pairs_dir, tmp_path, capsys):
    assert main(tiny_flags(pairs_dir, tmp_path / "out", "--resolution", "33x24", "--dry_run")) == 2
    assert "--resolution: 33x24" in capsys.readouterr().err
