import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from dpsims_hub.commands import main
from dpsims_hub.commands.evaluate import default_cache, short_name
from dpsims_hub.evaluation.recipe import tensors_sha256
from dpsims_hub.labels import ClassSpec
from dpsims_hub.models import PretrainedBackbone
from dpsims_hub.storage.backbone_packages import find_package
from tests.evaluation.segmenters import save_segformer

SPEC = ClassSpec.load("camvid")
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def no_weights_of_others(tmp_path_factory, monkeypatch):
    """Neither the user's torch cache nor the user's kept features are seen."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path_factory.mktemp("torch")))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("caches")))


@pytest.fixture
def options(model, pairs, weights) -> list[object]:
    return [
        *("evaluate", "--model", model, "--data", pairs, "--split", "val", "--bootstrap", "3"),
        *("--backbone", "test_resnet", "--backbone-weights", weights, "--num-images", "2"),
    ]


def test_prints_and_writes_everything(options, pairs, weights, tmp_path, capsys):
    target, card = tmp_path / "new" / "report.json", tmp_path / "README.md"
    card.write_text("---\nlicense: mit\n---\n# A model\n")
    segmenter = save_segformer(tmp_path / "segmenter", dict(enumerate(SPEC.names[:10])))
    means = ("--backbone-mean", "[0.4,0.5,0.6]", "--backbone-std", "[0.5, 0.5, 0.5]")
    more = ("--train-split", "train", "--seed", "3", "--output", target, "--update-card", card)
    arguments = [*options, *means, *more, "--segmenter", segmenter]
    assert main([str(argument) for argument in arguments]) == 0
    printed = capsys.readouterr().out
    report = json.loads(target.read_text())
    assert f"report: {target}" in printed
    assert f"Backbone test_resnet: weights from {weights}." in printed
    assert f"best, median and worst maps: {target.with_suffix('.png')}" in printed
    with Image.open(target.with_suffix(".png")) as sheet:
        assert min(sheet.size) > 100
    for words in ("FD-test_resnet", "KD-test_resnet", "mIoU of the segmenter", "mIoU of the pixel probe"):
        assert words in printed
    for row in report["distances"]:
        assert row["images"] in printed
        assert f"{row['value']:.4g}" in printed
    assert report["data"]["name"] == short_name(str(pairs), "val") == "streets/val"
    assert report["train_data"]["name"] == "streets/train"
    assert (report["data"]["pairs"], report["train_data"]["pairs"]) == (5, 6)
    assert report["seed"] == report["bootstrap_draws"] == 3
    assert report["processes"] == 1
    assert report["size"] == {"width": 24, "height": 16}
    assert report["features"]["mean"] == [0.4, 0.5, 0.6]
    assert report["features"]["std"] == [0.5, 0.5, 0.5]
    assert report["features"]["weights"] == weights.name
    assert report["segmentation"]["segmenter"]["classes_it_cannot_see"] == [SPEC.names[10]]
    assert report["inception"] is report["lpips"] is None
    assert {"torch", "timm", "python", "transformers"} <= set(report["versions"])
    assert report["machine"]["device"]
    assert report["speed"]["peak_memory_bytes"] > 2**26
    assert any(note.startswith("FID and KID: not measured; fetch ") for note in report["notes"])
    assert any(note.startswith("LPIPS: not measured; fetch ") for note in report["notes"])
    assert f"card: {card}" in printed
    assert "FD-test_resnet" in card.read_text()
    for secret in (pairs, weights, tmp_path):
        assert str(secret.parent) not in target.read_text()


@pytest.mark.skipif(find_package("tf_efficientnet_lite2").folder is None, reason="needs dpsims_hub[train]")
def test_truncated_photos_are_measured_and_the_report_and_card_say_so(options, tmp_path, capsys):
    card, targets = tmp_path / "README.md", [tmp_path / f"{number}.json" for number in range(2)]
    card.write_text("---\nlicense: mit\n---\n# A model\n")
    assert main([str(word) for word in (*options, "--output", targets[0])]) == 0
    assert "truncation" not in capsys.readouterr().out
    more = ("--truncation", 0.3, "--output", targets[1], "--update-card", card)
    assert main([str(word) for word in (*options, *more)]) == 0
    assert "seed 0, truncation 0.3\n" in capsys.readouterr().out
    assert "seed 0, truncation 0.3. Real photos" in card.read_text()
    whole, truncated = (json.loads(path.read_text()) for path in targets)
    assert truncated["model"] == whole["model"] | {"truncation": 0.3}
    alike = [report["diversity"][0]["pixel_difference"] for report in (truncated, whole)]
    assert 0 < alike[0] < 0.7 * alike[1]


def test_the_weights_of_an_installed_package_are_used_and_named(model, pairs, tmp_path, capsys):
    words = [
        "evaluate",
        "--model",
        model,
        "--data",
        pairs,
        "--split",
        "val",
        "--bootstrap",
        3,
        "--num-images",
        2,
    ]
    words += ["--backbone", "tf_efficientnet_lite2", "--output", tmp_path / "report.json", "--no-cache"]
    assert main([str(word) for word in words]) == 0
    package = find_package("tf_efficientnet_lite2").distribution
    assert f"Backbone tf_efficientnet_lite2: weights from the package {package}." in capsys.readouterr().out
    features = json.loads((tmp_path / "report.json").read_text())["features"]
    assert features["weights"] == package
    given = PretrainedBackbone("tf_efficientnet_lite2")
    assert features["weights_sha256"] == tensors_sha256(given)
    assert tensors_sha256(given) != tensors_sha256(PretrainedBackbone("tf_efficientnet_lite2", None))


def measured(path: Path) -> dict:
    """A report without what depends on the hour."""
    report = json.loads(path.read_text())
    return {key: value for key, value in report.items() if key not in ("speed", "machine", "processes")}


@pytest.mark.minutes
def test_two_processes_measure_what_one_does(options, tmp_path):
    """And both keep what a third evaluation reads; all with one thread each, for the last digits."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2")
    for name, launcher in (("two", torchrun), ("one", ())):
        cache = tmp_path / f"cache of {name}"
        words = [*options, "--train-split", "train", "--batch-size", "2", "--cache", cache]
        done = subprocess.run(
            [sys.executable, *launcher, "-m", "dpsims_hub.commands"]
            + [str(word) for word in (*words, "--output", tmp_path / f"{name}.json")],
            env=environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=280,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("FD-test_resnet") > 0
        assert done.stdout.count("\nreport: ") == 1
    assert measured(tmp_path / "two.json") == measured(tmp_path / "one.json")
    names = [
        {path.name for path in (tmp_path / f"cache of {name}").rglob("*.features")} for name in ("two", "one")
    ]
    assert names[0] == names[1]
    assert len(names[0]) == 3 * 2 + 3 * 3  # three batches: backbone and exposure; these and the probe


def test_a_damaged_file_of_the_cache_is_said_and_made_again(options, tmp_path, capsys):
    caches = []
    for number in (0, 1):
        words = [*options, "--output", tmp_path / f"{number}.json"]
        assert main([str(word) for word in words]) == 0
        caches = list(default_cache().rglob("*.features"))
        for cache in caches:
            cache.write_bytes(b"damaged")
    assert len(caches) == 2  # one for each measure: backbone and exposure
    assert "this file of cached features is damaged; they are computed again" in capsys.readouterr().err
    assert measured(tmp_path / "0.json") == measured(tmp_path / "1.json")


def test_nothing_is_kept_when_told_so(options):
    assert main([str(word) for word in (*options, "--no-cache")]) == 0
    assert not default_cache().exists()


BAD_OPTIONS = {
    "no such data": (("--data", "nowhere"), "nowhere: no such folder"),
    "no such split": (("--split", "test"), "test"),
    "no such training data": (("--train-data", "nowhere"), "nowhere: no such folder"),
    "training data evaluated": (("--train-split", "val"), "the training data are the evaluated data"),
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
    "no draws": (("--bootstrap", "-1"), "replicates must be"),
    "no such Inception": (("--inception-weights", "none.pth"), "--inception-weights none.pth: no such file"),
    "no such LPIPS": (("--lpips-weights", "none.pth"), "--lpips-weights none.pth: no such file"),
    "no such segmenter": (("--segmenter", "./nowhere"), "--segmenter ./nowhere: transformers cannot load"),
    "a map for no segmenter": (
        ("--segmenter-map", "map.json"),
        "--segmenter-map: pairs the classes of a seg",
    ),
    "no card": (("--update-card", "none.md"), "--update-card: none.md: no such file"),
    "picture as report": (("--output", "report.png"), "give it a name such as report.json"),
    "device": (("--device", "banana"), "--device banana"),
}


@pytest.mark.parametrize("fault", BAD_OPTIONS)
def test_bad_option(options, refused, fault):
    extra, words = BAD_OPTIONS[fault]
    assert words in refused(*options, *extra)


def test_bad_output_is_found_before_the_work(options, refused, tmp_path):
    assert "give a file name" in refused(*options, "--output", tmp_path)
    (tmp_path / "file").touch()
    said = refused(*options, "--data", "nowhere", "--output", tmp_path / "file" / "report.json")
    assert "cannot write" in said


def test_the_picture_of_a_report_replaces_no_photo_of_the_data(options, refused, pairs):
    photo = next(pairs.rglob("*.png"))
    stored = photo.read_bytes()
    said = refused(*options, "--output", photo.with_suffix(".json"))
    assert f"{photo}, a file of the data, would be replaced" in said
    assert photo.read_bytes() == stored


def test_damaged_photo_writes_no_report(options, pairs, refused, tmp_path):
    folder = tmp_path / "data"
    for path in sorted(pairs.rglob("*.*")):
        (folder / path.relative_to(pairs)).parent.mkdir(parents=True, exist_ok=True)
        (folder / path.relative_to(pairs)).write_bytes(path.read_bytes())
    (folder / "val" / "images" / "3.png").write_text("no photo")
    said = refused(*options, "--data", folder, "--output", tmp_path / "report.json")
    assert "3.png" in said
