"""Bad input to the command: one sentence, exit code 2, no traceback, nothing written."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file

from dpsims_hub.training.build import build_backbone
from dpsims_hub.training.command_line import parse_config
from tests.labels.pair_folders import CLASSES, make_pairs
from tests.training.tiny_run import log_lines, write_pairs
from train_accelerate import main


@pytest.fixture
def refused(capsys, tmp_path):
    """Runs the command on bad flags; returns what it says."""

    def run(argv: list[str]) -> str:
        before = sorted(tmp_path.rglob("*"))
        assert main(argv) == 2
        message = capsys.readouterr().err
        assert message.startswith("train_accelerate.py: ")
        assert message.count("\n") == 1, message
        assert "Traceback" not in message
        assert sorted(tmp_path.rglob("*")) == before
        return message

    return run


def test_no_data_folder(refused):
    assert "--train_data_dir and --dataset_name neither names the data" in refused(["--preset", "small"])


def test_a_data_folder_that_is_not_there(refused, flags, tmp_path):
    nowhere = tmp_path / "nowhere"
    for flag in ("--train_data_dir", "--validation_data_dir"):
        assert f"{nowhere}: no such folder" in refused(flags(flag, nowhere))


def test_a_data_folder_without_labels(refused, flags, tmp_path):
    shutil.rmtree(write_pairs(tmp_path / "pairs") / "labels")
    assert "has no labels/ folder" in refused(flags("--train_data_dir", tmp_path / "pairs"))


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (("--preset", "huge"), "--preset: 'huge' is not one of"),
        (("--train_batch_size", 0), "--train_batch_size: must be at least 1, got 0."),
        (("--generator_config", "{"), "--generator_config: '{' is not JSON"),
        (("--resolution", "50x24"), "--resolution: 50x24 (width x height) must be multiples of 4"),
        (("--resolution", "50x24"), "the nearest is 48x24."),
        (("--resolution", 2), "the nearest is 4x4."),
        (("--backbone", "resnet_of_a_friend"), "timm has no model named 'resnet_of_a_friend'"),
        (("--backbone_weights", "nowhere.safetensors"), "no such file: nowhere.safetensors"),
        (("--backbone_kwargs", '{"colour": 1}'), "timm cannot make feature maps with 'test_resnet'"),
        (("--discriminator_config", '{"depth": 1}'), "--discriminator_config: depth cannot be set here"),
        (("--generator_config", '{"num_classes": 9}'), "--generator_config: num_classes cannot be set here"),
        (("--generator_config", '{"image_widths": 9}'), "--generator_config: DPSIMSGenerator: image_"),
        (("--generator_config", '{"image_widths": [8, 8]}'), "--generator_config: DPSIMSGenerator: label_"),
        (("--contrastive_strides", "[64]"), "--contrastive_strides: 64 are no strides of the backbone"),
        (("--resume_from_checkpoint", "nowhere"), "nowhere is no checkpoint-N folder."),
        (("--classes", "nowhere.json"), "nowhere.json"),
    ],
)
def test_settings_that_cannot_be_used(refused, flags, more, sentence):
    # Without the tiny widths, which are those of one preset.
    assert sentence in refused(flags("--discriminator_config", "{}", *more))


def test_what_the_discriminators_own_encoder_cannot_do(refused, flags):
    own = ("--backbone", "none", "--discriminator_config", "{}", "--resolution")
    assert "halves it 6 times; use sides of at least 64." in refused(flags(*own, 32))
    assert "--contrastive_strides: 4, 8, 16 are no strides of the backbone, which is none" in refused(
        flags(*own, 64)
    )


def test_weights_that_cannot_be_read(refused, flags, tmp_path):
    for name in ("weights.safetensors", "weights.pt"):
        (tmp_path / name).write_bytes(b"not weights at all")
        assert str(tmp_path / name) in refused(flags("--backbone_weights", tmp_path / name))


def test_weights_that_are_neither_cached_nor_to_be_had(refused, flags, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "empty"))
    name = "test_convnext.r160_in1k"
    message = refused(flags("--backbone", name, "--backbone_weights", "pretrained"))
    assert f"backbone weights: timm's own for '{name}' cannot be fetched" in message


def test_fewer_classes_than_the_labels_hold(refused, flags, tmp_path):
    pairs = write_pairs(tmp_path / "pairs")
    (pairs / "classes.json").write_text(json.dumps(["road", "sky"]))
    assert "label" in refused(flags("--train_data_dir", pairs))


@pytest.mark.parametrize("workers", [0, 1])
def test_a_label_file_that_breaks_in_the_middle_is_named(flags, tmp_path, pairs_dir, capsys, workers):
    pairs = write_pairs(tmp_path / "pairs", count=4)
    Image.fromarray(np.full((48, 64), 7, np.uint8)).save(pairs / "labels" / "002.png")
    folders = ("--train_data_dir", pairs, "--validation_data_dir", pairs_dir)
    assert main(flags(*folders, "--dataloader_num_workers", workers)) == 2
    message = capsys.readouterr().err
    assert f"{pairs / 'labels' / '002.png'}" in message
    assert "Traceback" not in message
    out = tmp_path / "out"
    assert not (out / "pipeline").exists()
    assert not list(out.glob("checkpoint-*"))
    assert not (out / "log.jsonl").exists() or log_lines(out)


def test_a_backbone_weights_file_is_really_read(flags, tmp_path):
    weights = timm.create_model("test_resnet", pretrained=False).state_dict()
    save_file(weights, tmp_path / "weights.safetensors")
    backbone = build_backbone(parse_config(flags("--backbone_weights", tmp_path / "weights.safetensors")))
    found = dict(backbone.network.named_parameters())
    assert len(found) > 10
    assert [name for name in found if not torch.equal(found[name], weights[name])] == []


@pytest.mark.parametrize(
    ("instances", "kind", "words"),
    [(False, "thing", "the data has no object numbers"), (True, "stuff", 'classes .* "kind": "thing"')],
)
def test_offsets_that_would_all_be_zero(flags, refused, tmp_path, instances, kind, words):
    root = make_pairs(tmp_path / "pairs", instances=instances)
    classes = [entry | {"kind": kind} if "kind" in entry else entry for entry in CLASSES]
    (root / "classes.json").write_text(json.dumps(classes))
    message = refused(flags("--train_data_dir", root, "--instance_offsets"))
    assert re.search(words, message)
