import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dpsims_hub.commands import main

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def options(pairs, weights, tmp_path):
    return [
        *("train-segmenter", "--data", pairs, "--output", tmp_path / "judge", "--resolution", "64x32"),
        *("--backbone", "test_resnet", "--backbone-weights", weights, "--steps", "4", "--batch-size", "2"),
        *("--device", "cpu"),
    ]


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def test_trains_scores_and_serves_the_evaluation(options, model, pairs, weights, tmp_path, capsys):
    assert run(*options) == 0
    printed = capsys.readouterr().out
    stated = json.loads((tmp_path / "judge" / "training.json").read_text())
    assert f"mIoU {stated['scores']['mean_iou']:.1%}" in printed
    assert "5 real photos of streets, split val, at 64x32; 4 steps" in printed
    assert f"--segmenter {tmp_path / 'judge'}" in printed
    assert stated["data"] == {"name": "streets", "split": "train", "pairs": 6}
    assert len(stated["scores"]["class_iou"]) == 11
    assert not (tmp_path / "judge" / "checkpoints").exists()
    backbone = ("--backbone", "test_resnet", "--backbone-weights", weights, "--num-images", "2")
    report = tmp_path / "report.json"
    data = ("--data", pairs, "--split", "val", "--bootstrap", "0", "--output", report)
    more = ("--model", model, "--segmenter", tmp_path / "judge")
    assert run("evaluate", *more, *data, *backbone) == 0
    segmentation = json.loads(report.read_text())["segmentation"]
    assert segmentation["segmenter"]["classes_it_cannot_see"] == []
    capsys.readouterr()
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "judge").iterdir()}
    assert run(*options) == 0  # nothing is left to do
    assert capsys.readouterr().out == printed
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "judge").iterdir()} == before


def test_a_signal_saves_and_the_same_command_goes_on(options, tmp_path):
    options = [str(option) for option in options]
    options[options.index("--steps") + 1] = "4000"
    command = [sys.executable, "-m", "dpsims_hub.commands", *options]
    environment = os.environ | {"HF_HUB_OFFLINE": "1"}
    child = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    checkpoints = tmp_path / "judge" / "checkpoints"
    deadline = time.monotonic() + 120
    while not list(checkpoints.glob("checkpoint-*")):
        assert child.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.2)
    child.send_signal(signal.SIGINT)
    printed = child.communicate(timeout=60)[0]
    assert child.returncode == 130
    assert "of 4000; the same command goes on from there" in printed
    done = int(printed.split("after step ")[1].split()[0])
    assert (checkpoints / f"checkpoint-{done}" / "model.safetensors").exists()


def test_folder_of_other_settings_is_left_alone(options, refused, capsys):
    assert run(*options) == 0
    capsys.readouterr()
    said = refused(*options, "--seed", "1")
    assert "was begun with seed 0, not 1; give the same settings to go on, or a new folder" in said


def test_bad_input(options, refused, tmp_path, pairs):
    assert "nothing" in refused(*options, "--val-split", "nothing")
    (tmp_path / "judge").mkdir()
    (tmp_path / "judge" / "thesis.txt").write_text("mine")
    assert "holds other files and no training.json; give a new folder" in refused(*options)
    assert "--batch-size: '0' is not a whole number from 1" in refused(*options, "--batch-size", "0")
    assert "'big' is not a size" in refused(*options, "--resolution", "big")
