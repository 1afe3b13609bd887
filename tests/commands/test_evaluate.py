import json
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file

from dpsims_hub.commands import main
from dpsims_hub.commands.evaluate import _short_name
from dpsims_hub.labels import ClassSpec

SPEC = ClassSpec.load("camvid")


@pytest.fixture(scope="session")
def weights(tmp_path_factory) -> Path:
    torch.manual_seed(1)
    path = tmp_path_factory.mktemp("backbone") / "tiny.safetensors"
    save_file(timm.create_model("test_resnet").state_dict(), path)
    return path


@pytest.fixture(scope="session")
def pairs(tmp_path_factory) -> Path:
    """Five photos of 24x16 with their maps."""
    root = tmp_path_factory.mktemp("data") / "val"
    for name in ("images", "labels"):
        (root / name).mkdir(parents=True)
    (root / "classes.json").write_text(json.dumps(list(SPEC.names)))
    random = np.random.default_rng(0)
    for number in range(5):
        photo = random.integers(0, 256, (16, 24, 3), np.uint8)
        Image.fromarray(photo).save(root / "images" / f"{number}.png")
        Image.fromarray(random.integers(0, 11, (16, 24), np.uint8)).save(root / "labels" / f"{number}.png")
    return root


@pytest.fixture
def options(model, pairs, weights) -> list[object]:
    return [
        *("evaluate", "--model", model, "--data", pairs),
        *("--backbone", "test_resnet", "--backbone-weights", weights, "--num-images", "2"),
    ]


def test_prints_and_writes_the_report(options, pairs, weights, tmp_path, capsys):
    target = tmp_path / "new" / "report.json"
    means = ("--backbone-mean", "[0.4,0.5,0.6]", "--backbone-std", "[0.5, 0.5, 0.5]")
    arguments = [*options, *means, "--train-data", pairs, "--seed", "3", "--output", target]
    assert main([str(argument) for argument in arguments]) == 0
    printed = capsys.readouterr().out
    report = json.loads(target.read_text())
    assert f"report: {target}" in printed
    assert "FD-test_resnet" in printed
    for row in report["distances"]:
        assert row["images"] in printed
        assert f"{row['value']:.4g}" in printed
    assert report["data"]["name"] == _short_name(pairs)
    assert report["train_data"]["pairs"] == report["data"]["pairs"] == 5
    assert report["seed"] == 3
    assert report["size"] == {"width": 24, "height": 16}
    assert report["features"]["mean"] == [0.4, 0.5, 0.6]
    assert report["features"]["std"] == [0.5, 0.5, 0.5]
    assert report["features"]["weights"] == weights.name
    assert {"torch", "timm", "python"} <= set(report["versions"])
    assert report["machine"]["device"]
    assert report["notes"]
    for secret in (pairs, weights, tmp_path):
        assert str(secret.parent) not in target.read_text()


BAD_OPTIONS = {
    "no such data": (("--data", "nowhere"), "nowhere: no such folder"),
    "no such training data": (("--train-data", "nowhere"), "nowhere: no such folder"),
    "no such model": (("--model", "./nowhere"), "nowhere"),
    "unknown backbone": (("--backbone", "no_such_network"), "no_such_network"),
    "no such weights": (("--backbone-weights", "none.safetensors"), "none.safetensors"),
    "mean of two": (("--backbone-mean", "[1, 2]"), "argument --backbone-mean: '[1, 2]' is not a JSON list"),
    "std no JSON": (("--backbone-std", "[1, 2"), "is not JSON"),
    "kwargs no object": (("--backbone-kwargs", "[1]"), "'[1]' is not a JSON object"),
    "unknown kwargs": (("--backbone-kwargs", '{"colour": 1}'), "colour"),
    "seed": (("--seed", "-1"), "seed must be a whole number from 0, not -1"),
    "seed no number": (("--seed", "abc"), "argument --seed"),
    "batch size": (("--batch-size", "0"), "batch_size must be"),
    "one photo": (("--num-images", "1"), "num_images must be a whole number from 2"),
    "device": (("--device", "banana"), "--device banana"),
}


@pytest.mark.parametrize("fault", BAD_OPTIONS)
def test_bad_option(options, refused, fault):
    extra, words = BAD_OPTIONS[fault]
    assert words in refused(*options, *extra)


def test_bad_output_is_found_before_the_work(options, refused, tmp_path):
    assert "give --output a file name" in refused(*options, "--output", tmp_path)
    (tmp_path / "file").touch()
    said = refused(*options, "--data", "nowhere", "--output", tmp_path / "file" / "report.json")
    assert "cannot write" in said


def test_damaged_photo_writes_no_report(options, pairs, refused, tmp_path):
    folder = tmp_path / "data"
    for path in sorted(pairs.rglob("*.*")):
        (folder / path.relative_to(pairs)).parent.mkdir(parents=True, exist_ok=True)
        (folder / path.relative_to(pairs)).write_bytes(path.read_bytes())
    (folder / "images" / "3.png").write_text("no photo")
    said = refused(*options, "--data", folder, "--output", tmp_path / "report.json")
    assert "3.png" in said
