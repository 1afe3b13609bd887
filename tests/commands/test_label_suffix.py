"""`--label_suffix` at every door that reads a folder of pairs."""

from __future__ import annotations

import argparse
import json
import shutil

import numpy as np
import pyarrow.parquet
import pytest
from PIL import Image

from dpsims_hub.ablation import runner
from dpsims_hub.commands import main, train_segmenter
from dpsims_hub.commands.data_options import open_pairs
from dpsims_hub.commands.evaluate import open_data
from dpsims_hub.training.command_line import parse_config
from dpsims_hub.training.data_loader import training_source, validation_source
from tests.labels.pair_folders import label_rows, make_pairs
from tests.labels.png_files import png_bytes, write_png


@pytest.fixture
def pairs_of_a_tool(tmp_path):
    """Two pairs whose maps end in _ids, beside others that end in _color."""
    root = make_pairs(tmp_path / "mine", 2)
    for path in sorted((root / "labels").iterdir()):
        write_png(root / "labels" / f"{path.stem}_color.png", [[200]])
        path.rename(path.with_name(f"{path.stem}_ids.png"))
    return root


@pytest.mark.parametrize("flag", ["--label-suffix", "--label_suffix"])
def test_check_data(pairs_of_a_tool, tmp_path, capsys, flag):
    report = tmp_path / "facts.json"
    words = ["check-data", str(pairs_of_a_tool), "--no-sheet", "--json", str(report)]
    assert main(words) == 1
    facts = json.loads(report.read_text())
    assert facts["advice"][0].startswith("Name or convert 6 file(s) so that they pair")
    assert main([*words, flag, "_ids"]) == 0
    assert json.loads(report.read_text())["pairs"] == {"read": 2, "good": 2, "bad": 0}


@pytest.mark.parametrize("split", ["", "val"])
def test_prepare_data(pairs_of_a_tool, tmp_path, split):
    root = pairs_of_a_tool
    if split:
        root = tmp_path / "parts"
        shutil.copytree(pairs_of_a_tool, root / split)
    words = ["prepare-data", str(root), str(tmp_path / "out"), *(["--split", split] if split else [])]
    assert main([*words, "--label-suffix", "_ids"]) == 0
    shards = sorted((tmp_path / "out" / "data").iterdir())
    rows = [row for path in shards for row in pyarrow.parquet.read_table(path).to_pylist()]
    assert {row["label"]["bytes"] for row in rows} == {png_bytes(label_rows(number)) for number in range(2)}


def test_training_and_its_validation(pairs_of_a_tool):
    folder = str(pairs_of_a_tool)
    words = ["--train_data_dir", folder, "--validation_data_dir", folder, "--label_suffix", "_ids"]
    config = parse_config(words)
    for source in (training_source(config), validation_source(config)):
        assert source.open()[1].label_map.tolist() == label_rows(1)


@pytest.mark.parametrize(
    ("command", "flags"),
    [
        ("evaluate", ["--model", "nowhere"]),
        (
            "train-segmenter",
            [
                *("--split", "", "--val-data", "{root}/../other", "--output", "{root}/../judge"),
                *("--backbone", "test_resnet", "--backbone-weights", "nowhere"),
            ],
        ),
    ],
)
def test_evaluation(pairs_of_a_tool, tmp_path, capsys, command, flags):
    """Each is given something else that is not there, which it only finds out after the pairs."""
    other = make_pairs(tmp_path / "other", 1)
    (other / "labels" / "p000.png").rename(other / "labels" / "p000_ids.png")
    words = [command, "--data", str(pairs_of_a_tool)]
    words += [word.replace("{root}", str(pairs_of_a_tool)) for word in flags]
    assert main(words) == 2
    assert "--label_suffix _color or _ids." in capsys.readouterr().err
    assert main([*words, "--label-suffix", "_ids"]) == 2
    assert "nowhere" in capsys.readouterr().err


def test_evaluation_beside_the_data_of_the_training(pairs_of_a_tool, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(pairs_of_a_tool, other)
    given = {"data": str(pairs_of_a_tool), "split": "", "train_data": str(other), "train_split": ""}
    opened = open_data(argparse.Namespace(**given, classes="", label_suffix="_ids"))
    assert [data[1].label_map.tolist() for data in opened] == [label_rows(1)] * 2


def test_the_command_that_measures_with_a_new_segmenter():
    scores = {"mean_iou": 0.5, "pixel_accuracy": 0.5, "class_iou": {"road": 0.5}}
    stated = {"scores": scores, "size": {"width": 4, "height": 4}, "steps": 1, "seconds": 1.0}
    stated["scored_on"] = {"split": "", "pairs": 1, "name": "mine"}
    given = {"val_data": "mine", "classes": "", "label_suffix": "-mask", "output": "judge"}
    assert " --label-suffix=-mask --segmenter judge" in train_segmenter._format_scores(
        stated, argparse.Namespace(**given)
    )


def test_rows_have_no_suffix(tmp_path):
    rows = tmp_path / "train.parquet"
    rows.write_bytes(b"PAR1")
    with pytest.raises(
        ValueError, match="--label_suffix is of a folder's files, and this data set has columns"
    ):
        open_pairs(str(rows), "train", "", "_mask")


@pytest.fixture
def maps_of_a_tool(maps):
    """Maps of the classes of `model` that end in -mask, beside others that no model could read."""
    for path in sorted(maps.iterdir()):
        path.rename(path.with_stem(f"{path.stem}-mask"))
        write_png(maps / path.name, [[200]])
    return maps


def test_photos_of_a_folder(model, maps_of_a_tool, tmp_path, capsys):
    words = ["generate", str(maps_of_a_tool), "--model", str(model), "--output", str(tmp_path / "out")]
    assert main(words) == 2
    assert "value 200" in capsys.readouterr().err
    assert main([*words, "--label-suffix=-mask"]) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [f"{x}-mask_0.png" for x in "abc"]
    named = str(maps_of_a_tool / "a.png")  # a file that is named is meant
    assert main([*words[:1], named, *words[2:], "--label_suffix=-mask"]) == 2
    assert "value 200" in capsys.readouterr().err


def test_a_data_set_of_photos(model, maps_of_a_tool, tmp_path):
    (maps_of_a_tool / "town").mkdir()
    (maps_of_a_tool / "c-mask.png").rename(maps_of_a_tool / "town" / "c-mask.png")
    words = ["generate", str(maps_of_a_tool), "--model", str(model), "--as-dataset", str(tmp_path / "new")]
    assert main(words) == 2
    assert main([*words, "--label-suffix=-mask"]) == 0
    labels = sorted((tmp_path / "new" / "labels").iterdir())
    assert [path.name for path in labels] == ["a-mask_0.png", "b-mask_0.png", "town__c-mask_0.png"]
    for path, source in zip(labels, ["a-mask.png", "b-mask.png", "town/c-mask.png"], strict=True):
        with Image.open(path) as made, Image.open(maps_of_a_tool / source) as given:
            assert np.array_equal(np.asarray(made), np.asarray(given))


@pytest.mark.parametrize("more", [["--output"], ["--as-dataset"]], ids=["photos", "data set"])
def test_a_folder_without_such_maps(refused, model, maps, tmp_path, more):
    words = ["generate", maps, "--model", model, *more, tmp_path / "out"]
    assert "holds no label maps whose names end in _mask (.png, " in refused(
        *words, "--label-suffix", "_mask"
    )
    assert "'_mask.png' must be what stands between" in refused(*words, "--label-suffix", "_mask.png")


@pytest.mark.parametrize("where", ["own", "trainer"])
def test_a_study(pairs_of_a_tool, weights, tmp_path, capsys, monkeypatch, where):
    """All that it opens itself, and the flags of its trainings and evaluations."""
    made = []

    def stopped(runs, recipe, tell):
        made.extend([runs, recipe])
        raise KeyboardInterrupt

    data = tmp_path / "data"
    for part in ("train", "val"):
        shutil.copytree(pairs_of_a_tool, data / part)
    monkeypatch.setattr(runner, "run_all", stopped)
    words = ["ablate", "--study", "gamma", "--arm", "gamma 0", "--data", str(data), "--no-plot"]
    words += [
        "--output",
        str(tmp_path / "out"),
        "--backbone",
        "test_resnet",
        "--weights-of",
        f"test_resnet={weights}",
        "--evaluate",
        "--backbone test_resnet",
    ]
    assert main(words) == 2
    assert "which maps count: --label_suffix _color or _ids" in capsys.readouterr().err
    flags = {"own": ["--label-suffix", "_ids"], "trainer": ["--", "--label_suffix", "_ids"]}[where]
    assert main([*words, *flags]) == 130
    runs, recipe = made
    assert {run.config.label_suffix for run in runs} == {"_ids"}
    assert "--label-suffix=_ids" in recipe
