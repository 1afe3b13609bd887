"""Whose features the contrastive loss reads is decided once: for all processes, and for a resumed run."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import huggingface_hub
import pytest
import timm
import torch
from accelerate import PartialState, debug_launcher
from safetensors.torch import save_file

from dpsims_hub.training import contrastive_choice
from dpsims_hub.training.command_line import parse_config
from dpsims_hub.training.contrastive_choice import decide_contrastive_backbone
from dpsims_hub.training.loop import Trainer
from dpsims_hub.training.plan import describe_plan
from tests.training.tiny_run import forget_accelerators, tiny_flags
from train_accelerate import main

OPEN = ("--contrastive_backbone", "test_resnet", "--contrastive_backbone_weights", "if_found")
LATEST = ("--resume_from_checkpoint", "latest")
REPOSITORY = "models--timm--test_resnet.r160_in1k"


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path) -> Path:
    """An empty cache of the Hub, which cannot be reached."""
    folder = tmp_path / "cache"
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(folder))
    return folder


def fill(cache: Path) -> None:
    """As after a download from the Hub."""
    snapshot = cache / REPOSITORY / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (cache / REPOSITORY / "refs").mkdir()
    (cache / REPOSITORY / "refs" / "main").write_text("0" * 40)
    torch.manual_seed(1)
    save_file(timm.create_model("test_resnet").state_dict(), snapshot / "model.safetensors")


def stored(tmp_path: Path) -> tuple[str, str]:
    settings = json.loads((tmp_path / "out" / "config.json").read_text())
    return settings["contrastive_backbone"], settings["contrastive_backbone_weights"]


def test_found_weights_stay_the_choice_of_a_run_when_the_cache_is_emptied(flags, cache, tmp_path, capsys):
    fill(cache)
    assert main(flags(*OPEN, steps=1)) == 0
    assert stored(tmp_path) == ("test_resnet", "pretrained")
    assert "features of test_resnet, weights from timm" in capsys.readouterr().out
    (cache / REPOSITORY).rename(tmp_path / "elsewhere")
    assert main(flags(*OPEN, *LATEST, steps=2)) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert re.search(
        r"checkpoint-1 was trained with features of test_resnet .* weights are missing now", said
    )
    assert "give them as --contrastive_backbone_weights FILE" in said
    (tmp_path / "elsewhere").rename(cache / REPOSITORY)
    assert main(flags(*OPEN, *LATEST, steps=2)) == 0


@pytest.mark.parametrize("file", [False, True])
def test_missing_weights_stay_the_choice_of_a_run_when_the_cache_is_filled(
    flags, cache, tmp_path, capsys, file
):
    assert main(flags(*OPEN, steps=1)) == 0
    assert stored(tmp_path)[0] == ""
    assert "backbone, because those of test_resnet are missing" in capsys.readouterr().out
    fill(cache)
    own = ("--config", tmp_path / "out" / "config.json") if file else OPEN
    assert main(flags(*own, *LATEST, steps=2)) == 0
    assert stored(tmp_path)[0] == ""
    said = capsys.readouterr().out
    assert "weights from timm (its cache or the Hub)" not in said
    assert ("checkpoint-1 was trained with them" in said) != file


def test_a_choice_of_another_network_or_of_none_is_made_anew(flags, cache, tmp_path):
    config = parse_config(flags(*OPEN))
    checkpoint = tmp_path / "run" / "checkpoint-1"
    checkpoint.mkdir(parents=True)
    fill(cache)
    others = ({}, {"contrastive_backbone": "vgg19.tv_in1k", "contrastive_backbone_weights": "pretrained"})
    for settings in (*others, {"contrastive_backbone": "test_resnet", "contrastive_backbone_weights": "x"}):
        (checkpoint.parent / "config.json").write_text(json.dumps(settings))
        decided, sentence = decide_contrastive_backbone(config, checkpoint)
        assert (decided.contrastive_backbone, decided.contrastive_backbone_weights, sentence) == (
            *("test_resnet", "pretrained"),
            "",
        )


def choice_of_one(argv: list[str], results: str, owner: int) -> None:
    """Only the process `owner` has the weights."""
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
    if not torch.accelerator.is_available():  # the launcher's hint, which torchrun does not give
        del os.environ["ACCELERATE_USE_CPU"]
    contrastive_choice.missing_weights = lambda name: (
        "" if PartialState().process_index == owner else "they are on the other node"
    )
    trainer = Trainer(parse_config(argv))
    found = (trainer.config.contrastive_backbone, trainer.config.contrastive_backbone_weights)
    torch.save(found, Path(results) / f"{trainer.accelerator.process_index}.pt")


@pytest.mark.parametrize("owner", [0, 1])
def test_every_process_follows_the_main_one(pairs_dir, tmp_path, cache, owner):
    fill(cache)
    forget_accelerators()
    argv = tiny_flags(pairs_dir, tmp_path / "out", "--report_to", "none", *OPEN)
    debug_launcher(choice_of_one, (argv, str(tmp_path), owner), num_processes=2)
    expected = ("test_resnet", "pretrained") if owner == 0 else ("", "if_found")
    assert [torch.load(tmp_path / f"{number}.pt") for number in range(2)] == [expected] * 2


def test_a_dry_run_counts_the_networks_that_the_run_would_use(flags, cache):
    config = parse_config(flags(*OPEN))
    without = describe_plan(config, 3, 12)
    assert "contrastive backbone test_resnet" not in without
    assert "features of the discriminator's backbone, because those of test_resnet are missing" in without
    fill(cache)
    assert re.search(r"contrastive backbone test_resnet, frozen +0\.\d+ M", describe_plan(config, 3, 12))
