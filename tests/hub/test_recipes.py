"""The command in each recipe's card, as a dry run on a folder as the data set's publishers distribute it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.labels.sources.test_layouts import COCO, make_ade20k, make_cityscapes, make_coco
from train_accelerate import main

ROOT = Path(__file__).parents[2]
FOLDERS = {
    "ade20k": ("ADEChallengeData2016", make_ade20k),
    "coco-stuff": ("coco", lambda root: make_coco(root, *COCO["beside"])),
    "cityscapes": ("cityscapes", make_cityscapes),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "size", "generator", "backbone"),
    [
        # 210.8 G of G is asserted by tests/models/test_costs.py, by hand
        pytest.param("ade20k", "150 classes at 256x256", 210.82, 44.88, marks=pytest.mark.minutes),
        pytest.param("coco-stuff", "182 classes at 256x256", 210.82, 44.88, marks=pytest.mark.minutes),
        ("cityscapes", "34 classes at 512x256", 2 * 210.82, 2 * 44.88),  # twice the pixels, and offsets
    ],
)
def test_the_command_is_the_paper_at_full_size(
    name, size, generator, backbone, tmp_path, monkeypatch, capsys
):
    text = (ROOT / "model_cards" / f"{name}.md").read_text()
    launch = r"accelerate launch --num_processes 8 train_accelerate\.py "
    (command,) = re.findall(launch + r"(.*?)\n```", text, re.S)
    words = command.replace("\\\n", " ").split()
    folder, make = FOLDERS[name]
    make(tmp_path / folder)
    monkeypatch.chdir(tmp_path)
    assert main([*words, "--dry_run"]) == 0
    printed = capsys.readouterr().out
    assert f"Networks for {size}" in printed
    costs = {kind: float(work) for kind, work in re.findall(r"^  (\w+).* ([\d.]+) G$", printed, re.M)}
    assert costs["generator"] == pytest.approx(generator, rel=2e-3)
    assert costs["backbone"] == pytest.approx(backbone, rel=1e-3)
    assert '"preset": "paper"' in printed
    assert f'"instance_offsets": {str(name == "cityscapes").lower()}' in printed
    assert [path.name for path in tmp_path.iterdir()] == [folder]
