"""`dpsims generate --as-dataset`, as people call it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dpsims_hub.commands import main
from dpsims_hub.labels import ClassSpec, FolderDataset
from dpsims_hub.pipelines.pipeline_dpsims import DPSIMSPipeline

ROOT = Path(__file__).parents[2]
SPEC = ClassSpec.load("camvid")
MANY = 60  # photos of each map: enough to be stopped in the middle


def generate(*arguments: object) -> int:
    return main(["generate", *(str(argument) for argument in arguments)])


def photos(folder: Path) -> list[Path]:
    """The photos that are there for good, in order; unfinished files are hidden."""
    return sorted(path for path in (folder / "images").glob("*") if not path.name.startswith("."))


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def ids(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def wait_until(reached: Callable[[], bool], seconds: float = 200) -> bool:
    limit = time.monotonic() + seconds
    while not reached() and time.monotonic() < limit:
        time.sleep(0.005)
    return reached()


@pytest.fixture
def nested(maps) -> Path:
    """The three maps, one of them in a subfolder, and unknown pixels in another."""
    (maps / "town").mkdir()
    (maps / "c.png").rename(maps / "town" / "c.png")
    values = ids(maps / "b.png").copy()
    values[:4] = SPEC.ignore_index
    Image.fromarray(values).save(maps / "b.png")
    return maps


def test_the_result_is_a_data_set_with_equal_ids(model, nested, tmp_path, capsys):
    out = tmp_path / "out"
    assert generate(nested, "--model", model, "--as-dataset", out, "--num-images", 2) == 0
    said = capsys.readouterr().out
    assert said.startswith("photos: 6 (6 made, 0 kept), label maps: 3, processes: 1, ")
    data = FolderDataset(out)
    found = {sample.stem: sample for sample in data}
    assert sorted(found) == ["a_0", "a_1", "b_0", "b_1", "town__c_0", "town__c_1"]
    assert data.spec.names == SPEC.names
    for stem, sample in found.items():
        original = ids(nested / (stem[:-2].replace("__", "/") + ".png"))
        np.testing.assert_array_equal(sample.label_map, original)
        assert sample.image.size == original.shape[::-1]


def test_every_photo_has_a_seed_of_its_own_that_makes_it_again(model, nested, tmp_path):
    out = tmp_path / "out"
    options = ("--num-images", 2, "--seed", 40, "--batch-size", 3)
    generate(nested, "--model", model, "--as-dataset", out, *options)
    lines = [json.loads(line) for line in (out / "metadata.jsonl").read_text().splitlines()]
    assert [line["seed"] for line in lines] == [40, 41, 42, 43, 44, 45]
    assert [line["map"] for line in lines] == ["a.png"] * 2 + ["b.png"] * 2 + ["town/c.png"] * 2
    pipe = DPSIMSPipeline.from_pretrained(model)
    for line in lines:
        rng = torch.Generator().manual_seed(line["seed"])
        again = np.asarray(pipe(nested / line["map"], generator=rng).images[0]).astype(int)
        with Image.open(out / line["image_file_name"]) as image:
            assert image.text["seed"] == str(line["seed"])
            assert image.text["label_map"] == line["map"]
            # at most one of 255 levels: arithmetic in batches of another size may round differently
            assert np.abs(np.asarray(image).astype(int) - again).max() <= 1


def test_stored_values_become_plain_ids(model, nested, tmp_path):
    rule = {"name": "one off", "classes": list(SPEC.names), "stored": {"offset": 1, "ignore_values": [0]}}
    DPSIMSPipeline(DPSIMSPipeline.from_pretrained(model).generator, rule).save_pretrained(tmp_path / "m")
    plain = ids(nested / "b.png")
    (tmp_path / "stored").mkdir()
    Image.fromarray(plain + np.uint8(1)).save(tmp_path / "stored" / "b.png")  # unknown becomes 255 + 1 = 0
    generate(tmp_path / "stored", "--model", tmp_path / "m", "--as-dataset", tmp_path / "out", "--stored")
    np.testing.assert_array_equal(ids(tmp_path / "out" / "labels" / "b_0.png"), plain)
    np.testing.assert_array_equal(FolderDataset(tmp_path / "out")[0].label_map, plain)


def test_a_data_set_is_read_by_its_own_rule(model, nested, tmp_path):
    """The model's classes hold plain ids; this data set stores class c as 10 * c and unknown as 3."""
    data = tmp_path / "data"
    (data / "labels").mkdir(parents=True)
    plain = ids(nested / "b.png")
    table = np.full(256, 3, np.uint8)
    table[: SPEC.num_classes] = np.arange(SPEC.num_classes) * 10
    Image.fromarray(table[plain]).save(data / "labels" / "b.png")
    values = [10 * number for number in range(SPEC.num_classes)]
    rule = {"classes": list(SPEC.names), "stored": {"values": values, "ignore_values": [3]}}
    (data / "classes.json").write_text(json.dumps(rule))
    assert generate(data, "--model", model, "--as-dataset", data / "new", "--stored") == 0
    np.testing.assert_array_equal(ids(data / "new" / "labels" / "b_0.png"), plain)


def test_a_size_resizes_the_labels_by_nearest_neighbour(model, nested, tmp_path):
    out, size = tmp_path / "out", ("--size", "48x32", "--allow-distortion")
    generate(nested, "--model", model, "--as-dataset", out, "--image-format", "jpg", *size)
    expected = ids(nested / "b.png").repeat(2, axis=0).repeat(2, axis=1)
    np.testing.assert_array_equal(ids(out / "labels" / "b_0.png"), expected)
    assert [path.suffix for path in photos(out)] == [".jpg"] * 3
    assert len(FolderDataset(out)) == 3


def test_a_second_run_has_nothing_to_do_and_a_lost_photo_comes_back(model, nested, tmp_path, capsys):
    out = tmp_path / "out"
    command = (nested, "--model", model, "--as-dataset", out, "--num-images", 3, "--batch-size", 4)
    generate(*command)
    before, times = contents(out), {path: path.stat().st_mtime_ns for path in photos(out)}
    capsys.readouterr()
    assert generate(*command) == 0
    assert capsys.readouterr().out == f"nothing to do: {out} holds all 9 photos of 3 label maps\n"
    assert {path: path.stat().st_mtime_ns for path in photos(out)} == times
    (out / "images" / "b_1.png").unlink()
    (out / "labels" / "a_2.png").unlink()
    assert generate(*command) == 0
    assert "photos: 9 (2 made, 7 kept)" in capsys.readouterr().out
    assert contents(out) == before


# stopped in the middle


def environment() -> dict[str, str]:
    launched = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
    kept = {name: value for name, value in os.environ.items() if name not in launched}
    return kept | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


@pytest.mark.minutes
def test_killed_and_continued_by_two_processes_it_is_the_same_data_set(model, nested, tmp_path):
    whole, out = tmp_path / "whole", tmp_path / "out"
    command = ("--model", str(model), "--num-images", str(MANY), "--batch-size", "4")
    assert generate(nested, *command, "--as-dataset", whole) == 0
    module = ("-m", "dpsims_hub.commands", "generate", str(nested), *command, "--as-dataset", str(out))
    process = subprocess.Popen([sys.executable, *module], env=environment())
    assert wait_until(lambda: len(photos(out)) > 5 or process.poll() is not None)
    process.kill()
    process.wait()
    finished = {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in photos(out)}
    assert 5 < len(finished) < 3 * MANY
    for path in finished:  # whole, and with its label
        assert ids(path).ndim == 3
        assert ids(out / "labels" / path.name).ndim == 2
    (out / "images" / ".b_7.png.tmp").write_bytes(b"half")
    torchrun = (sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2")
    done = subprocess.run(
        [*torchrun, *module], env=environment(), capture_output=True, text=True, timeout=250
    )
    assert done.returncode == 0, done.stderr
    assert (
        f"({3 * MANY - len(finished)} made, {len(finished)} kept), label maps: 3, processes: 2" in done.stdout
    )
    assert {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in finished} == finished
    assert contents(out) == contents(whole)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_after_the_photos_under_way(model, nested, tmp_path, capsys, number, code):
    out = tmp_path / "out"

    def interrupt() -> None:
        if wait_until(lambda: len(photos(out)) > 3):
            os.kill(os.getpid(), number)

    watcher = threading.Thread(target=interrupt)
    watcher.start()
    options = ("--num-images", 2_000, "--batch-size", 2)
    assert generate(nested, "--model", model, "--as-dataset", out, *options) == code
    watcher.join()
    assert capsys.readouterr().err == "dpsims: stopped; every file written so far is complete.\n"
    assert 3 < len(photos(out)) < 3 * 2_000
    assert [path.name for path in photos(out)] == sorted(path.name for path in (out / "labels").iterdir())
    assert not list(out.rglob("*.tmp"))


# refusals


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (("--seed", 1), "was begun with seed 0, not seed 1"),
        (("--num-images", 3), "was begun with num_images 2, not num_images 3"),
        (("--size", "48x32"), "was begun with no size, not size 48x32"),
        (("--image-format", "jpg"), "was begun with image_format png"),
        (("--dtype", "bf16"), "was begun with dtype fp32"),
        (("--truncation", 0.5), "was begun with no truncation, not truncation 0.5"),
        (("--stored",), "was begun with stored False"),
    ],
)
def test_other_settings_do_not_continue(model, nested, tmp_path, capsys, refused, changed, words):
    command = (nested, "--model", model, "--as-dataset", tmp_path / "out", "--num-images", 2)
    generate(*command)
    capsys.readouterr()
    assert words in refused("generate", *command, *changed)


def test_truncation_is_in_the_photos_and_their_facts(model, nested, tmp_path):
    whole, half = tmp_path / "whole", tmp_path / "half"
    generate(nested, "--model", model, "--as-dataset", whole)
    for _ in range(2):  # the second run finds the first one's settings
        generate(nested, "--model", model, "--as-dataset", half, "--truncation", 0.3)
    before, after = (Image.open(photos(folder)[0]) for folder in (whole, half))
    assert [image.text["truncation"] for image in (before, after)] == ["1", "0.3"]
    assert (np.asarray(before) != np.asarray(after)).mean() > 0.1
    begun = [json.loads((folder / "generation.json").read_text())["settings"] for folder in (whole, half)]
    assert begun[0]["weights_sha256"] == begun[1]["weights_sha256"]


def test_another_model_does_not_continue(model, nested, tmp_path, capsys, refused):
    generate(nested, "--model", model, "--as-dataset", tmp_path / "out")
    pipe = DPSIMSPipeline.from_pretrained(model)
    with torch.no_grad():
        next(pipe.generator.parameters()).add_(1)
    pipe.save_pretrained(tmp_path / "other")
    capsys.readouterr()
    said = refused("generate", nested, "--model", tmp_path / "other", "--as-dataset", tmp_path / "out")
    assert "was begun with weights_sha256" in said


@pytest.mark.parametrize("change", ["more", "fewer", "renamed", "repainted"])
def test_other_maps_do_not_continue(model, nested, tmp_path, capsys, refused, change):
    command = ("generate", nested, "--model", model, "--as-dataset", tmp_path / "out")
    main([str(word) for word in command])
    if change == "more":
        shutil.copy(nested / "a.png", nested / "d.png")
    elif change == "fewer":
        (nested / "a.png").unlink()
    elif change == "renamed":
        (nested / "a.png").rename(nested / "aa.png")
    else:
        Image.fromarray(ids(nested / "a.png")[::-1]).save(nested / "a.png")
    words = {
        "more": "was begun with maps 3, not maps 4",
        "fewer": "was begun with maps 3, not maps 2",
        "renamed": "was begun with other label maps (a.png where aa.png is now)",
        "repainted": "the label map a.png has changed since it was begun",
    }
    capsys.readouterr()
    assert words[change] in refused(*command)


def test_a_bad_map_in_the_middle_writes_nothing(model, nested, tmp_path, refused):
    Image.fromarray(np.full((16, 24), 12, np.uint8)).save(nested / "town" / "bad.png")
    said = refused("generate", nested, "--model", model, "--as-dataset", tmp_path / "out")
    assert said.startswith(f"dpsims: {nested / 'town' / 'bad.png'}: ")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--sheet",), "--sheet does not work with --as-dataset"),
        (("--output", "x"), "not allowed with argument"),
        (("--image-format", "gif"), "--image-format"),
        (("--seed", str(2**63 - 5), "--num-images", "2"), "take a smaller --seed"),
    ],
)
def test_options_that_do_not_go_together(model, nested, tmp_path, refused, options, words):
    assert words in refused("generate", nested, "--model", model, "--as-dataset", tmp_path / "out", *options)


def test_a_format_needs_a_data_set(model, nested, tmp_path, refused):
    said = refused("generate", nested, "--model", model, "--output", tmp_path / "o", "--image-format", "jpg")
    assert "--image-format works with --as-dataset only" in said


def test_processes_need_a_data_set(model, nested, tmp_path, refused, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    said = refused("generate", nested, "--model", model, "--output", tmp_path / "out")
    assert "more than one process works with --as-dataset only" in said


def test_one_device_is_not_for_two_processes(model, nested, tmp_path, refused, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    options = ("--as-dataset", tmp_path / "out", "--device", "cuda:1")
    said = refused("generate", nested, "--model", model, *options)
    assert "--device cuda:1 is one device for 2 processes" in said


def test_a_folder_of_other_things_stays_as_it_is(model, nested, tmp_path, refused):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").touch()
    said = refused("generate", nested, "--model", model, "--as-dataset", tmp_path / "out")
    assert "holds thesis.txt but no generation.json" in said


def test_the_data_set_does_not_lie_among_the_maps(model, nested, refused):
    said = refused("generate", nested, "--model", model, "--as-dataset", nested / "new")
    assert "where the label maps are" in said


@pytest.mark.parametrize("classes", [["Sky", "Forest"], [*SPEC.names[:-1], "Rider"]])
def test_a_data_set_of_other_classes_is_refused(model, nested, tmp_path, refused, classes):
    data = tmp_path / "data"
    shutil.copytree(nested, data / "labels")
    (data / "classes.json").write_text(json.dumps(classes))
    said = refused("generate", data, "--model", model, "--as-dataset", tmp_path / "out")
    assert "lists other classes than the model (class " in said
