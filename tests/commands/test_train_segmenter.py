import json
import os
import shutil
import signal

import pytest
import torch
from PIL import Image

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
    named = {key: stated["data"][key] for key in ("name", "split", "pairs")}
    assert named == {"name": "streets", "split": "train", "pairs": 6}
    assert (tmp_path / "judge" / "model.safetensors").stat().st_mode & 0o777 == 0o644
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
    begun = []
    train = segmenter_training.train_segmenter

    def interrupted_after(wanted):
        """Ctrl-C at the end of a step."""

        def train_and_stop(model, processor, data, folder, plan, callback):
            begin, step = callback.on_train_begin, callback.on_step_end

            def starting(args, state, control, **unused):
                begun.append(state.global_step)
                begin(args, state, control)

            def stopping(args, state, control, **unused):
                if state.global_step == wanted:
                    os.kill(os.getpid(), signal.SIGINT)
                step(args, state, control)

            callback.on_train_begin, callback.on_step_end = starting, stopping
            return train(model, processor, data, folder, plan, callback)

        monkeypatch.setattr(segmenter_training, "train_segmenter", train_and_stop)
        assert main(steps) == 128 + signal.SIGINT
        assert f"after step {wanted} of 4000; the same command continues" in capsys.readouterr().out

    interrupted_after(5)
    interrupted_after(7)
    assert begun == [0, 5]
    stated = json.loads((tmp_path / "judge" / "training.json").read_text())
    assert "scores" not in stated
    assert (tmp_path / "judge" / "checkpoints" / "checkpoint-7" / "model.safetensors").exists()


def test_a_signal_in_the_last_step_ends_it_too(options, tmp_path, capsys, monkeypatch):
    train = segmenter_training.train_segmenter

    def stop_at_the_end(*arguments):
        done = train(*arguments)
        os.kill(os.getpid(), signal.SIGTERM)
        return done

    monkeypatch.setattr(segmenter_training, "train_segmenter", stop_at_the_end)
    assert run(*options) == 128 + signal.SIGTERM
    assert "stopped after step 4 of 4" in capsys.readouterr().out
    monkeypatch.setattr(segmenter_training, "train_segmenter", train)
    assert run(*options) == 0
    assert "4 steps in" in capsys.readouterr().out


def test_folder_of_other_settings_or_data_is_left_alone(options, refused, capsys, pairs, tmp_path):
    assert run(*options) == 0
    capsys.readouterr()
    said = refused(*options, "--seed", "1")
    assert "was begun with seed 0, not 1; give the same settings and data to continue" in said
    other = tmp_path / "streets"  # the same name, other photos
    shutil.copytree(pairs, other)
    for photo in (other / "train" / "images").iterdir():
        Image.open(photo).transpose(Image.Transpose.FLIP_TOP_BOTTOM).save(photo)
    assert "was begun with data" in refused(*options, "--data", other)
    (tmp_path / "judge" / "model.safetensors").unlink()
    assert run(*options, "--seed", "1") == 0  # nothing of the old one is left to go on with


def test_two_folders_without_splits(options, pairs, tmp_path, capsys):
    words = ("--data", pairs / "train", "--val-data", pairs / "val", "--classes", "camvid")
    assert run(*options, *words, "--output", tmp_path / "my judge", "--dtype", "bf16") == 0
    printed = capsys.readouterr().out
    assert "on the 5 real photos of val, at 64x32" in printed
    asked = f"--data {pairs / 'val'} --classes camvid --segmenter '{tmp_path / 'my judge'}'"
    assert f"dpsims evaluate --model MODEL {asked}" in printed


def test_a_copy_of_the_training_data_is_no_test(options, pairs, refused, tmp_path):
    copy = shutil.copytree(pairs / "train", tmp_path / "copy")
    words = ("--data", pairs / "train", "--val-data", copy, "--classes", "camvid")
    assert "scored on its training data" in refused(*options, *words)


BAD = {
    "no such split": (["--val-split", "nothing"], "nothing"),
    "its own training data": (["--val-split", "train"], "scored on its training data"),
    "a batch of one": (["--batch-size", "1"], "--batch-size: '1' is not a whole number from 2"),
    "no size": (["--resolution", "big"], "'big' is not a size"),
    "small size": (["--resolution", "64x16"], "both sides must be at least 32 px"),
    "rate without end": (["--learning-rate", "inf"], "'inf' is not a finite number above 0"),
    "rate below 0": (["--learning-rate", "-1"], "'-1' is not a finite number above 0"),
    "seed": (["--seed", str(2**32)], "is not a whole number from 0 to 4294967295"),
    "deviation 0": (["--backbone-std", "[0,1,1]"], "not a JSON list of three numbers above 0"),
    "no such backbone": (["--backbone", "grandma"], "timm has no model named 'grandma'"),
}


@pytest.mark.parametrize(("words", "part"), BAD.values(), ids=BAD)
def test_bad_input_is_one_sentence(options, refused, words, part):
    assert part in refused(*options, *words)


def test_strangers_files_are_left_alone(options, refused, tmp_path):
    (tmp_path / "judge").mkdir()
    (tmp_path / "judge" / "thesis.txt").write_text("mine")
    assert "holds other files and no training.json; give a new folder" in refused(*options)


def test_a_launcher_is_refused(options, refused, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert "runs in one process; start it without a launcher" in refused(*options)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there_is_refused(options, refused):
    assert "--device cuda cannot be used here" in refused(*options, "--device", "cuda")


def test_data_without_a_known_pixel(options, pairs, tmp_path, capsys):
    empty = tmp_path / "empty"
    shutil.copytree(pairs, empty)
    for one in (empty / "val" / "labels").iterdir():
        Image.new("L", (24, 16), 255).save(one)
    assert run(*options, "--data", empty) == 2
    assert "no pixel has a class, so that nothing can be scored" in capsys.readouterr().err
