"""A model card says what folder, run and report say, and nothing more."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from huggingface_hub import ModelCard, ModelCardData

from dpsims_hub.cards.model_card import CardFacts, RunFacts, make_card, publishable_path
from tests.hub.run_folder import CONFIG, write_run

ROOT = Path(__file__).resolve().parents[2]
RUN = RunFacts(1200, CONFIG, {"processes": 4, "torch": "2.15.0"})


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    write_run(folder)
    return folder / "pipeline"


def section(card: ModelCard, title: str) -> str:
    return re.search(rf"## {title}\n(.*?)(?=\n## |\Z)", card.text, re.S)[1].strip()


def test_header_survives_the_hubs_own_reading(pipeline):
    facts = CardFacts(license="cc-by-nc-4.0", datasets=("someone/photos",))
    card = ModelCard(str(make_card(pipeline, "someone/streets", RUN, facts)))
    assert card.data.to_dict() == {
        "license": "cc-by-nc-4.0",
        "library_name": "diffusers",
        "pipeline_tag": "image-to-image",
        "tags": ["dpsims", "semantic-image-synthesis", "gan", "tiny-streets"],
        "datasets": ["someone/photos"],
        "inference": False,
    }
    assert ModelCardData(**card.data.to_dict()).to_dict() == card.data.to_dict()
    assert "cc-by-nc-4.0" in section(card, "Licences")


def test_what_is_not_known_is_said_to_be_unknown(pipeline):
    card = make_card(pipeline, "someone/streets", RUN)
    assert (card.data.license, card.data.license_name) == ("other", "not-stated")
    assert card.data.eval_results is None
    assert section(card, "Evaluation") == "Not measured."
    assert "| these weights | not stated: until their owner states one" in section(card, "Licences")
    assert "](validation_sheet.png)" not in card.text
    assert "training_config.json" not in card.text
    bare = make_card(pipeline, "someone/streets", RunFacts(5, {}, {}))
    assert "`not stated`" in section(bare, "Training data and recipe")


def test_classes_are_listed_with_colours(pipeline):
    rows = section(make_card(pipeline, "someone/streets", RUN), "Classes").splitlines()[2:]
    assert rows == [
        "| 0 | road | #0a141e |",
        "| 1 | sky\\|blue | #0000ff |",
        "| 2 | car | #fa0001 |",
        "| 255 | unknown | #000000 |",
    ]


def test_recipe_is_that_of_the_run(pipeline):
    config = CONFIG | {"dataset_name": "someone/photos", "train_split": "day"}
    config["pretrained_model_name_or_path"] = "someone/base"
    card = make_card(pipeline, "someone/streets", RunFacts(1200, config, RUN.run | {"ema_horizon": 134.4}))
    rows = dict(re.findall(r"^\| (.+?) \| (.+?) \|$", section(card, "Training data and recipe"), re.M))
    assert rows["data"] == "`someone/photos`, split `day`"
    assert rows["steps"] == "1,200"
    assert rows["weights averaged over"] == "about the last 134 steps"
    assert rows["batch of one step"] == "24 label maps with 2 latents each, on 4 process(es)"
    assert rows["optimiser"] == "Adam, 0.0002 (generator), 0.0001 (discriminator)"
    assert rows["fine-tuned from"] == "`someone/base`"
    assert (card.data.datasets, card.data.base_model) == (["someone/photos"], ["someone/base"])
    assert "24x16 (width x height)" in re.sub(r"\s+", " ", card.text)


def test_card_tells_nothing_of_the_owners_folders(pipeline):
    text = str(make_card(pipeline, "someone/streets", RUN))
    assert "`streets`" in text
    for word in ("alice", "secret", "/home"):
        assert word not in text
    paths = {"/a/b/": "b", "~/c": "c", "../x/d": "d", r"C:\e\f": "f", "owner/name": "owner/name", "": ""}
    assert {path: publishable_path(path) for path in paths} == paths


def test_measured_values_come_from_the_report(pipeline):
    report = json.loads((ROOT / "model_cards" / "camvid.json").read_text())
    card = make_card(pipeline, "someone/streets", RUN, CardFacts(evaluation=report))
    text = section(card, "Evaluation")
    distance = next(row["value"] for row in report["distances"] if row["images"] == "generated photos")
    assert f"| generated photos | 101 | real photos | 101 | {distance:.1f} " in text
    kind = "real photos of other label maps"
    rows = [line for line in text.splitlines() if line.startswith(f"| {kind} | 101 | ")]
    shares = [[float(word) for word in re.findall(r"([\d.]+)%", re.sub(r"\[.*?\]", "", row))] for row in rows]
    judges = (report["segmentation"]["rows"], ""), (report["faithfulness"], "probe_")
    for seen, (judged, prefix) in zip(shares, judges, strict=True):
        wanted = next(row for row in judged if row["images"] == kind)
        assert seen == [
            pytest.approx(100 * wanted[f"{prefix}{key}"], abs=0.06) for key in ("mean_iou", "pixel_accuracy")
        ]
    assert "Brightness: mean luma" in text  # the note on the table of these rows
    for row in report["exposure"]:
        levels = " | ".join(f"{row[key]:.1f}" for key in ("brightness", "brightness_deviation"))
        shares = " | ".join(f"{100 * row[key]:.1f}%" for key in ("white_share", "black_share"))
        assert f"| {row['images']} | {row['n']} | {levels} | {shares} |" in text
    assert "101 pairs of camvid384/val at 256x192, seed 0" in text
    assert f"{report['speed']['seconds_per_photo'] * 1000:.0f} ms" in text
    results = {result.metric_name: result.metric_value for result in ModelCard(str(card)).data.eval_results}
    probe_of_ours = next(row for row in report["faithfulness"] if row["images"] == "generated photos")
    kernel = next(r["kernel_distance"] for r in report["distances"] if r["images"] == "generated photos")
    judged = next(row for row in report["segmentation"]["rows"] if row["images"] == "generated photos")
    name = report["segmentation"]["segmenter"]["segmenter"]
    assert results == {
        f"mIoU of {name}": pytest.approx(judged["mean_iou"], abs=1e-3),
        f"pixel accuracy of {name}": pytest.approx(judged["pixel_accuracy"], abs=1e-3),
        "FD-mobilenetv2_100": pytest.approx(distance, abs=1e-3),
        "KD-mobilenetv2_100": pytest.approx(kernel, abs=1e-3),
        "mIoU of the pixel probe": pytest.approx(probe_of_ours["probe_mean_iou"], abs=1e-3),
    }


def test_a_report_without_its_parts_is_refused(pipeline):
    with pytest.raises(ValueError, match="lacks 'data'; give the JSON that `dpsims evaluate"):
        make_card(pipeline, "someone/streets", RUN, CardFacts(evaluation={"distances": []}))


def test_long_class_lists_are_folded(pipeline, tmp_path):
    names = [f"thing {number}" for number in range(41)]
    folder = tmp_path / "many"
    (folder / "generator").mkdir(parents=True)
    (folder / "model_index.json").write_text(json.dumps({"class_spec": {"name": "m", "classes": names}}))
    (folder / "generator" / "config.json").write_text('{"num_classes": 41, "sample_size": [8, 8]}')
    text = section(make_card(folder, "someone/many", RUN), "Classes")
    assert text.startswith("<details><summary>41 classes</summary>\n\n| id ")
    assert text.count("| thing ") == 41


def test_many_nameless_classes_keep_the_networks_unknown_id(tmp_path):
    """With 300 classes 255 is one of them: the id of unknown pixels is the network's, here 65535."""
    settings = {"num_classes": 300, "sample_size": [32, 32], "ignore_index": 65535}
    (tmp_path / "generator").mkdir()
    (tmp_path / "generator" / "config.json").write_text(json.dumps(settings))
    (tmp_path / "model_index.json").write_text(json.dumps({"class_spec": None}))
    card = make_card(tmp_path, "someone/many", RunFacts())
    assert "| 255 | class 255 |" in card.text
    assert "| 65535 | unknown |" in card.text
