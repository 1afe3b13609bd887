"""The command as the documents write it, in processes of its own; and what its launcher says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dpsims_hub.training.build import make_accelerator
from dpsims_hub.training.command_line import parse_config
from dpsims_hub.training.launcher import option_of
from tests.training.tiny_run import log_lines
from train_accelerate import main

ROOT = Path(__file__).resolve().parents[2]
PRECISION, ACCUMULATION = "ACCELERATE_MIXED_PRECISION", "ACCELERATE_GRADIENT_ACCUMULATION_STEPS"


def launch(flags: list[str], *options: str) -> subprocess.CompletedProcess:
    done = subprocess.run(
        [sys.executable, "-m", "accelerate.commands.accelerate_cli", "launch", "--cpu", *options]
        + ["train_accelerate.py", *flags],
        cwd=ROOT,
        env=os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    return done


def saved(output_dir: Path) -> tuple[str, int]:
    config = json.loads((output_dir / "config.json").read_text())
    return config["mixed_precision"], config["gradient_accumulation_steps"]


def test_accelerate_launch_trains_with_a_progress_bar(flags, tmp_path):
    done = launch(flags(steps=3))
    assert f"Model: {tmp_path / 'out' / 'pipeline'}" in done.stdout
    assert "12 pairs of 3 classes at 32x24; 1 process(es) on cpu" in done.stdout
    assert [line["step"] for line in log_lines(tmp_path / "out")] == [1, 2, 3]
    # steps done / all steps [time so far < time left, ...]
    assert re.search(r"[1-3]/3 \[\d\d:\d\d<\d\d:\d\d,", done.stderr)
    assert "accelerate launch" not in done.stdout
    assert saved(tmp_path / "out") == ("no", 1)


@pytest.mark.slow
def test_precision_and_accumulation_of_the_launcher_hold(flags, tmp_path):
    done = launch(flags(steps=1), "--mixed_precision", "bf16", "--gradient_accumulation_steps=2")
    assert "--mixed_precision bf16, as accelerate launch says." in done.stdout
    assert "--gradient_accumulation_steps 2, as accelerate launch says." in done.stdout
    assert saved(tmp_path / "out") == ("bf16", 2)


@pytest.mark.slow
def test_no_precision_of_the_launcher_s_command_line_is_named_too(flags, tmp_path):
    """A launcher without the flag says "no" in the environment as well, and nothing is printed of that."""
    done = launch(flags("--mixed_precision", "bf16", steps=1), "--mixed_precision", "no")
    assert "--mixed_precision bf16 of this script holds, not no of accelerate launch." in done.stdout
    assert saved(tmp_path / "out") == ("bf16", 1)


def test_the_flags_of_the_script_win(flags, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(PRECISION, "bf16")
    monkeypatch.setenv(ACCUMULATION, "5")
    assert main(flags("--mixed_precision", "no", "--gradient_accumulation_steps", 2, steps=1)) == 0
    printed = capsys.readouterr().out
    assert "--mixed_precision no of this script holds, not bf16 of accelerate launch." in printed
    assert "--gradient_accumulation_steps 2 of this script holds, not 5 of accelerate launch." in printed
    assert saved(tmp_path / "out") == ("no", 2)


def test_the_environment_does_not_reach_the_accelerator_past_the_settings(flags, monkeypatch):
    """Accelerate prefers its environment to the number it is given: 2 steps of 5 would update nothing."""
    monkeypatch.setenv(ACCUMULATION, "5")
    config = parse_config(flags("--gradient_accumulation_steps", 2))
    assert make_accelerator(config).gradient_accumulation_steps == config.gradient_accumulation_steps == 2


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        (PRECISION, "fp8", "--mixed_precision: 'fp8' is not one of no, bf16, fp16"),
        (ACCUMULATION, "two", "--gradient_accumulation_steps 'two' of accelerate launch is no whole number"),
    ],
)
def test_what_the_launcher_cannot_mean_is_one_sentence(flags, monkeypatch, capsys, name, value, words):
    monkeypatch.setenv(name, value)
    assert main(flags()) == 2
    printed = capsys.readouterr().err
    assert words in printed
    assert printed.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("accelerate launch --gradient_accumulation_steps 3 run.py --a b", "3"),
        ("/usr/bin/python /home/me/bin/accelerate launch --gradient-accumulation-steps=4 ./run.py", "4"),
        ("accelerate-launch --gradient_accumulation_steps 3 --gradient_accumulation_steps 5 run.py", "5"),
        ("accelerate launch run.py --gradient_accumulation_steps 3", ""),
        ("accelerate launch --cpu run.py", ""),
        ("make --gradient_accumulation_steps 3 run.py", ""),
        ("accelerate launch --gradient_accumulation_steps 3 other.py", ""),
        ("", ""),
    ],
)
def test_the_launcher_s_own_command_line(words, wanted):
    assert option_of(words.split(), "/somewhere/run.py", "gradient_accumulation_steps") == wanted
