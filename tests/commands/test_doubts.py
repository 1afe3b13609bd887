"""Every command that reads masks into a model or a data set says when some are black and white."""

from __future__ import annotations

import json

import pytest

from dpsims_hub.commands import main
from tests.labels.pair_folders import HEIGHT, make_pairs
from tests.labels.png_files import write_png

WORDS = "dpsims: 1 map(s) hold only 0 and 255, and 2 hold classes without it; 255 means unknown."


@pytest.fixture
def masks(tmp_path):
    """Three pairs, the map of one of them a mask that some tool stretched."""
    root = make_pairs(tmp_path / "masks", 3)
    (root / "classes.json").write_text(json.dumps(["background", "person"]))
    for number, value in enumerate((1, 255, 1)):
        write_png(root / "labels" / f"p{number:03d}.png", [[0, value] * 5] * HEIGHT)
    return root


def test_prepare_data(masks, tmp_path, capsys):
    assert main(["prepare-data", str(masks), str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().err
    assert printed.startswith(WORDS)
    assert str(masks / "labels" / "p001.png") in printed


@pytest.mark.parametrize(
    "command",
    [
        ["evaluate", "--model", "nowhere", "--data", "{masks}"],
        [
            *("train-segmenter", "--data", "{masks}", "--split", "", "--val-data", "{masks}/../other"),
            *("--output", "{masks}/../judge", "--backbone", "test_resnet", "--backbone-weights", "nowhere"),
        ],
    ],
    ids=lambda command: command[0],
)
def test_commands_that_go_on_with_the_data(masks, tmp_path, capsys, command):
    """Each is given something else that is not there, which ends it afterwards."""
    other = make_pairs(tmp_path / "other", 1)
    (other / "classes.json").write_text(json.dumps(["background", "person"]))
    write_png(other / "labels" / "p000.png", [[0, 1] * 5] * HEIGHT)
    assert main([word.replace("{masks}", str(masks)) for word in command]) == 2
    printed = capsys.readouterr().err.splitlines()
    assert printed[0].startswith(WORDS)
    assert "nowhere" in printed[-1]
    assert len(printed) == 2
