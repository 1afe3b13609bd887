"""The cards in model_cards/: every section is there, and what they tell a reader to run runs."""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path

import pytest
from huggingface_hub import ModelCard
from PIL import Image

from dpsims_hub import DPSIMSPipeline
from dpsims_hub.bundled import NAMES, bundled_model
from dpsims_hub.evaluation.recipe import tensors_sha256
from dpsims_hub.hub import CardFacts, ExportOptions, RunFacts, Source, export
from dpsims_hub.labels import ClassSpec
from tests.hub.run_folder import CLASSES, CONFIG
from tests.tiny import tiny_generator

ROOT = Path(__file__).resolve().parents[2]
CARDS = sorted(path for path in (ROOT / "model_cards").glob("*.md") if path.name != "template.md")
SECTIONS = [
    "What it does",
    "How to use",
    "Classes",
    "Training data and recipe",
    "Evaluation",
    "Limits and bias",
    "Licences",
    "Citation",
]
DATA_SETS = {"ade20k": 150, "cityscapes": 34, "coco-stuff": 182}
PAPER = {  # what the shared notes on the paper quote: backbone, FID, mIoU
    "ade20k": [("ConvNeXt-L", "22.7", "54.3")],
    "cityscapes": [("ConvNeXt-L", "38.2", "76.3 (78.5 by Mask2Former)")],
    "coco-stuff": [("ConvNeXt-L", "13.6", "not found"), ("ConvNeXt-XL", "13.3", "not found")],
}


def section(text: str, title: str) -> str:
    return re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", text, re.S | re.M)[1].strip()


def test_there_is_a_card_for_each_data_set_and_bundled_model():
    assert {path.stem for path in CARDS} == {*NAMES, *DATA_SETS}


@pytest.mark.parametrize("path", [*CARDS, ROOT / "model_cards" / "template.md"], ids=lambda path: path.stem)
def test_every_section_is_there_in_order(path):
    text = path.read_text()
    assert re.findall(r"^## (.*)", text, re.M) == SECTIONS
    assert all(section(text, title) for title in SECTIONS)


def test_there_is_one_template():
    ours = ROOT / "dpsims_hub" / "cards" / "template.md"
    assert (ROOT / "model_cards" / "template.md").resolve() == ours.resolve()


def run_block(text: str, folder: Path) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", section(text, "How to use"), re.S)
    with contextlib.chdir(folder):
        exec(compile(block, "card", "exec"), {"__name__": "__main__"})
    with Image.open(folder / "photo.png") as photo:
        assert photo.width > 0


@pytest.mark.parametrize("name", NAMES)
def test_example_of_a_bundled_models_card_runs(name, tmp_path):
    run_block((ROOT / "model_cards" / f"{name}.md").read_text(), tmp_path)


@pytest.mark.parametrize("name", DATA_SETS)
def test_recipe_promises_no_weights_and_quotes_the_paper_as_the_paper(name):
    text = (ROOT / "model_cards" / f"{name}.md").read_text()
    assert "**Weights: not yet trained.**" in section(text, "What it does")
    assert f"{DATA_SETS[name]} classes" in section(text, "Classes")
    assert ClassSpec.load(name).num_classes == DATA_SETS[name]
    row = r"^\| (ConvNeXt-X?L) \| (.*?) \| (.*?) \| the paper's \|"
    rows = re.findall(row, section(text, "Evaluation"), re.M)
    assert rows == PAPER[name]
    assert "| ConvNeXt-L, this code | not measured | not measured | |" in text


def test_example_of_a_recipe_runs_on_what_the_recipe_leaves_behind(tmp_path):
    """The three recipes differ in the folder's name and the class list only."""
    blocks = set()
    for name in DATA_SETS:
        text = (ROOT / "model_cards" / f"{name}.md").read_text()
        assert f"--output_dir outputs/{name}" in section(text, "Training data and recipe")
        (block,) = re.findall(r"```python\n(.*?)```", section(text, "How to use"), re.S)
        assert f"outputs/{name}/pipeline" in block
        blocks.add(block.replace(name, "NAME"))
    assert len(blocks) == 1
    spec = ClassSpec.load("ade20k")
    pipe = DPSIMSPipeline(tiny_generator(spec.num_classes, spectral_norm=False), spec.to_dict())
    pipe.save_pretrained(tmp_path / "outputs" / "ade20k" / "pipeline")
    Image.new("L", (24, 16), 149).save(tmp_path / "map.png")
    run_block((ROOT / "model_cards" / "ade20k.md").read_text(), tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_numbers_of_a_bundled_models_card_are_those_of_its_report_and_its_weights(name):
    text = section((ROOT / "model_cards" / f"{name}.md").read_text(), "Evaluation")
    report = json.loads((ROOT / "model_cards" / f"{name}.json").read_text())
    pipe = DPSIMSPipeline.from_pretrained(bundled_model(name))
    assert tensors_sha256(pipe.generator) == report["model"]["tensors_sha256"]
    for row in report["segmentation"]["rows"]:
        if row["images"] in ("generated photos", "real photos"):
            values = f"{row['mean_iou']:.1%} | {row['pixel_accuracy']:.1%} |".replace("%", " %")
            assert f"| {row['images']} | {values}" in text
    (distance,) = (row for row in report["distances"] if row["images"] == "generated photos")
    assert f"| generated photos | {distance['n']} | {distance['value']:.0f} |" in text
    for row in report["faithfulness"]:
        if row["images"] in ("generated photos", "real photos"):
            values = f"{row['probe_mean_iou']:.1%} | {row['probe_pixel_accuracy']:.1%} |".replace("%", " %")
            assert f"| {row['images']} | {values}" in text
    assert {row["images"] for row in report["exposure"]} > {"generated photos", "real training photos"}
    for row in report["exposure"]:
        levels = f"{row['brightness']:.0f} | {row['brightness_deviation']:.0f}"
        shares = f"{row['white_share']:.1%} | {row['black_share']:.1%}".replace("%", " %")
        assert f"| {row['images']} | {levels} | {shares} |" in text
    assert f"{report['size']['width']}x{report['size']['height']}" in text
    assert f"seed {report['seed']}" in text


def test_licences_are_told_one_by_one(tmp_path):
    config = CONFIG | {"backbone": "convnext_large.fb_in22k", "backbone_weights": "pretrained"}
    pipe = DPSIMSPipeline(tiny_generator(), ClassSpec.from_dict(CLASSES).to_dict())
    facts = CardFacts(license="cc-by-4.0", data_license="for research only")
    source = Source("tiny", pipe, RunFacts(7, config, {}))
    folder = export(source, tmp_path / "out", ExportOptions(facts=facts), lambda line: None)
    card = ModelCard.load(folder / "README.md")
    rows = dict(re.findall(r"^\| (.*?) \| (.*?) \|$", section(card.text, "Licences"), re.M))
    assert rows["these weights"] == "`cc-by-4.0`"
    assert rows["training data (`streets`)"] == "for research only"
    backbone = rows["backbone of the discriminator (convnext_large.fb_in22k)"]
    assert backbone.startswith("apache-2.0, as timm says")
    assert card.data.license == "cc-by-4.0"
    assert re.findall(r"^## (.*)", card.text, re.M) == SECTIONS


def test_a_backbone_from_a_file_has_no_known_licence(tmp_path):
    pipe = DPSIMSPipeline(tiny_generator(), ClassSpec.from_dict(CLASSES).to_dict())
    folder = export(Source("tiny", pipe, RunFacts(7, CONFIG, {})), tmp_path / "out", say=lambda line: None)
    text = section((folder / "README.md").read_text(), "Licences")
    assert "| backbone of the discriminator (test_resnet) | not stated; the backbone served" in text
    assert "until their owner states one here" in text
