"""`dpsims export` from a run, a checkpoint and a model: one result, and one sentence where it cannot be."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import ModelCard
from safetensors.torch import load_file

from dpsims_hub.commands import main
from tests.training.tiny_run import tiny_flags, write_pairs

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """Output folder of a run of two steps in a process of its own; its last checkpoint is its end."""
    place = tmp_path_factory.mktemp("trained")
    options = ("--report_to", "none", "--checkpointing_steps", 1)
    flags = tiny_flags(write_pairs(place / "pairs"), place / "out", *options, steps=2)
    done = subprocess.run(
        [sys.executable, ROOT / "train_accelerate.py", *flags],
        cwd=place,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert done.returncode == 0, done.stderr
    return place / "out"


def weights(folder: Path, part: str) -> dict:
    return load_file(folder / part / "diffusion_pytorch_model.safetensors")


def same(first: dict, second: dict) -> bool:
    return first.keys() == second.keys() and all((first[name] == second[name]).all() for name in first)


def test_a_run_and_its_last_checkpoint_give_the_same_folder(trained, tmp_path, capsys):
    assert main(["export", str(trained), str(tmp_path / "run"), "--license", "CC-BY-4.0"]) == 0
    printed = capsys.readouterr().out
    out = tmp_path / "run"
    assert printed.splitlines()[-1] == f"{out} is ready: dpsims publish {out} OWNER/NAME"
    assert "  generator/: averaged weights, spectral norm folded in\n" in printed
    assert main(["export", str(trained / "checkpoint-2"), str(tmp_path / "last")]) == 0
    assert main(["export", str(trained / "checkpoint-1"), str(tmp_path / "first")]) == 0
    assert "no licence is stated" in capsys.readouterr().out
    for part in ("generator", "discriminator"):
        assert same(weights(tmp_path / "run", part), weights(tmp_path / "last", part))
        assert not same(weights(tmp_path / "run", part), weights(tmp_path / "first", part))
    same_files = ("classes.json", "training_config.json", "model_index.json", "generator/config.json")
    for name in same_files:
        assert (tmp_path / "run" / name).read_text() == (tmp_path / "last" / name).read_text(), name
    cards = {name: ModelCard.load(tmp_path / name / "README.md") for name in ("run", "last", "first")}
    assert cards["run"].data.license == "cc-by-4.0"
    assert {name: f"| steps | {card.text.split('| steps | ')[1][0]} |" for name, card in cards.items()} == {
        "run": "| steps | 2 |",
        "last": "| steps | 2 |",
        "first": "| steps | 1 |",
    }


def test_what_the_user_knows_stands_in_the_card(model, maps, tmp_path):
    report = ROOT / "model_cards" / "camvid.json"
    flags = ["--repo", "someone/streets", "--license", "mit", "--data-license", "ask"]
    flags += ["--dataset", "someone/photos"]
    flags += ["--evaluation", report, "--maps", maps / "a.png", maps / "b.png"]
    assert main(["export", str(model), str(tmp_path / "out"), *map(str, flags)]) == 0
    card = ModelCard.load(tmp_path / "out" / "README.md")
    assert (card.data.license, card.data.datasets) == ("mit", ["someone/photos"])
    assert card.data.eval_results
    assert 'from_pretrained("someone/streets")' in card.text
    assert "| ask |" in card.text
    assert (tmp_path / "out" / "samples.png").is_file()


def test_bad_input_is_one_sentence(trained, model, maps, tmp_path, refused):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "file").touch()
    (tmp_path / "report.json").write_text("{")
    out = tmp_path / "out"
    assert "nowhere: there is no such run, checkpoint or model folder" in refused("export", "nowhere", out)
    assert "is already there; delete it" in refused("export", model, tmp_path / "there")
    assert "--evaluation: " in refused("export", model, out, "--evaluation", tmp_path / "report.json")
    assert "none.png" in refused("export", model, out, "--maps", tmp_path / "none.png")
    assert f"{maps}: is not a model folder, it has no model_index.json" in refused("export", maps, out)


def test_a_checkpoint_without_its_settings_or_with_damage_is_refused(trained, tmp_path, refused):
    shutil.copytree(trained / "checkpoint-2", tmp_path / "alone" / "checkpoint-2")
    out, checkpoint = tmp_path / "out", tmp_path / "alone" / "checkpoint-2"
    assert "config.json: a checkpoint needs its run's settings" in refused("export", checkpoint, out)
    settings = json.loads((trained / "config.json").read_text())
    settings["generator_config"] |= {"mapping_width": 8}
    (tmp_path / "alone" / "config.json").write_text(json.dumps(settings))
    assert "does not fit the config.json beside it" in refused("export", checkpoint, out)
    (tmp_path / "alone" / "checkpoint-2" / "model_1.safetensors").unlink()
    assert "is damaged: it holds no model_1.safetensors" in refused("export", checkpoint, out)
