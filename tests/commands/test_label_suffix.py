"""`--label_suffix` at every door that reads a folder of pairs."""

from __future__ import annotations

import json

import pyarrow.parquet
import pytest

from dpsims_hub.commands import main
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


def test_prepare_data(pairs_of_a_tool, tmp_path):
    assert main(["prepare-data", str(pairs_of_a_tool), str(tmp_path / "out"), "--label-suffix", "_ids"]) == 0
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
