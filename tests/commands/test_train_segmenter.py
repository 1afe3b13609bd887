import json
import os
import signal
import threading
import time

import pytest

from dpsims_hub.commands import main
from dpsims_hub.evaluation import segmenter_training


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


def test_a_signal_saves_and_the_same_command_goes_on(options, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(segmenter_training, "SAVE_STEPS", 3)
    steps = [str(option) for option in options]
    steps[steps.index("--steps") + 1] = "4000"
    checkpoints = tmp_path / "judge" / "checkpoints"

    def interrupt_after_step(first):
        deadline = time.monotonic() + 120
        while not any(int(one.name.split("-")[1]) > first for one in checkpoints.glob("checkpoint-*")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    def interrupted_after(first: int) -> int:
        thread = threading.Thread(target=interrupt_after_step, args=(first,))
        thread.start()
        assert main(steps) == 128 + signal.SIGINT
        thread.join()
        done, total = capsys.readouterr().out.split("after step ")[1].split(";")[0].split(" of ")
        assert total == "4000"
        assert (checkpoints / f"checkpoint-{done}" / "model.safetensors").exists()
        return int(done)

    first = interrupted_after(0)
    assert interrupted_after(first) > first


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
