import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dpsims_hub import __version__
from dpsims_hub.commands import main
from dpsims_hub.commands.generate import add_arguments
from dpsims_hub.generation.jobs import Job, plan_batches
from dpsims_hub.labels import ClassSpec
from dpsims_hub.pipelines.pipeline_dpsims import DPSIMSPipeline

SPEC = ClassSpec.load("camvid")


def generate(*arguments: object) -> int:
    return main(["generate", *(str(argument) for argument in arguments)])


def picture(path: Path) -> Image.Image:
    with Image.open(path) as image:
        image.load()
    return image


def pixels(path: Path) -> np.ndarray:
    return np.asarray(picture(path)).astype(int)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_every_map_of_a_folder_gets_its_photos(model, maps, tmp_path, capsys):
    out = tmp_path / "new" / "photos"
    assert generate(maps, "--model", model, "--output", out, "--num-images", 2) == 0
    assert names(out) == ["a_0.png", "a_1.png", "b_0.png", "b_1.png", "c_0.png", "c_1.png"]
    assert [picture(out / f"{stem}_0.png").size for stem in "abc"] == [(24, 16), (24, 16), (16, 12)]
    assert capsys.readouterr().out == f"photos: 6, label maps: 3, folder: {out}\n"


def test_photo_k_is_the_photo_of_seed_plus_k_in_python(model, maps, tmp_path):
    out = tmp_path / "out"
    assert generate(maps, "--model", model, "--output", out, "--seed", 40, "--num-images", 3) == 0
    pipe = DPSIMSPipeline.from_pretrained(model)
    for stem in "ac":
        photo = pipe(maps / f"{stem}.png", generator=torch.Generator().manual_seed(42)).images[0]
        assert np.abs(pixels(out / f"{stem}_2.png") - np.asarray(photo).astype(int)).max() <= 1
    assert np.abs(pixels(out / "a_0.png") - pixels(out / "a_2.png")).mean() > 0.5


@pytest.mark.parametrize("batch_size", [1, 2, 4, 64])
def test_batches_and_other_maps_do_not_change_a_photo(model, maps, tmp_path, batch_size):
    whole, alone = tmp_path / "whole", tmp_path / "alone"
    generate(maps, "--model", model, "--output", whole, "--num-images", 3, "--batch-size", batch_size)
    generate(maps / "b.png", "--model", model, "--output", alone, "--seed", 1)
    assert len(names(whole)) == 9
    # at most one of 255 levels: arithmetic in batches of another size may round differently
    assert np.abs(pixels(whole / "b_1.png") - pixels(alone / "b_0.png")).max() <= 1


def test_facts_travel_in_the_png(model, maps, tmp_path):
    generate(maps / "a.png", "--model", model, "--output", tmp_path / "out", "--seed", 7, "--num-images", 2)
    facts = picture(tmp_path / "out" / "a_1.png").text
    assert facts == {
        "seed": "8",
        "label_map": "a.png",
        "model": str(model),
        "truncation": "1",
        "software": f"dpsims_hub {__version__}",
    }


def test_truncation_is_that_of_the_pipeline(model, maps, tmp_path):
    generate(maps / "a.png", "--model", model, "--output", tmp_path / "out", "--truncation", 0.3)
    pipe = DPSIMSPipeline.from_pretrained(model).truncate(0.3)
    photo = pipe(maps / "a.png", generator=torch.Generator().manual_seed(0)).images[0]
    assert np.abs(pixels(tmp_path / "out" / "a_0.png") - np.asarray(photo).astype(int)).max() <= 1
    whole = DPSIMSPipeline.from_pretrained(model)(
        maps / "a.png", generator=torch.Generator().manual_seed(0)
    ).images[0]
    assert np.abs(np.asarray(whole).astype(int) - np.asarray(photo).astype(int)).mean() > 0.5
    assert picture(tmp_path / "out" / "a_0.png").text["truncation"] == "0.3"


def test_size_resizes_by_nearest_neighbour(model, maps, tmp_path):
    large = tmp_path / "large.png"
    picture(maps / "a.png").resize((96, 64), Image.Resampling.NEAREST).save(large)
    generate(large, "--model", model, "--output", tmp_path / "out", "--size", "24x16")
    generate(maps / "a.png", "--model", model, "--output", tmp_path / "out")
    np.testing.assert_array_equal(pixels(tmp_path / "out/large_0.png"), pixels(tmp_path / "out/a_0.png"))


def test_stored_values_are_read_by_the_rule_of_the_data_set(model, maps, tmp_path):
    one_off = {"name": "one off", "classes": list(SPEC.names), "stored": {"offset": 1, "ignore_values": [0]}}
    DPSIMSPipeline(DPSIMSPipeline.from_pretrained(model).generator, one_off).save_pretrained(
        tmp_path / "model"
    )
    ids = pixels(maps / "a.png").astype(np.uint8)
    ids[:4] = 255
    Image.fromarray(ids).save(tmp_path / "plain.png")
    Image.fromarray(ids + np.uint8(1)).save(tmp_path / "stored.png")  # unknown becomes 255 + 1 = 0
    options = ("--model", tmp_path / "model", "--output", tmp_path / "out")
    assert generate(tmp_path / "stored.png", *options, "--stored") == 0
    assert generate(tmp_path / "plain.png", *options) == 0
    np.testing.assert_array_equal(pixels(tmp_path / "out/stored_0.png"), pixels(tmp_path / "out/plain_0.png"))


def test_sheet_shows_every_map_beside_its_photos(model, maps, tmp_path):
    out = tmp_path / "out"
    generate(maps, "--model", model, "--output", out, "--num-images", 2, "--sheet")
    sheet = pixels(out / "sheet.png")
    photo = picture(out / "b_1.png")
    scale = 256 // photo.width
    large = np.asarray(photo.resize((photo.width * scale, photo.height * scale), Image.Resampling.LANCZOS))
    assert contains(sheet, large.astype(int))


def contains(sheet: np.ndarray, picture: np.ndarray) -> bool:
    height, width = picture.shape[:2]
    starts = np.argwhere((sheet[: 1 - height, : 1 - width] == picture[0, 0]).all(axis=-1))
    return any(np.array_equal(sheet[y : y + height, x : x + width], picture) for y, x in starts)


def test_plan_covers_every_photo_once_in_calls_of_one_size():
    small, large = (8, 8), (16, 16)
    jobs = [Job(Path(f"{number}.png"), "", "", size=small if number % 3 else large) for number in range(7)]
    for num_images in (1, 2, 5):
        for batch_size in (1, 2, 3, 100):
            calls = list(plan_batches(jobs, num_images, batch_size))
            photos = [(job, number) for batch, numbers in calls for job in batch for number in numbers]
            assert sorted((job.path, k) for job, k in photos) == [
                (j.path, k) for j in jobs for k in range(num_images)
            ]
            assert all(len(batch) * len(numbers) <= batch_size for batch, numbers in calls)
            assert all(len({job.size for job in batch}) == 1 for batch, _ in calls)


def test_second_run_replaces_photos_by_equal_ones(model, maps, tmp_path):
    out = tmp_path / "out"
    generate(maps / "a.png", "--model", model, "--output", out)
    first = (out / "a_0.png").read_bytes()
    generate(maps / "a.png", "--model", model, "--output", out)
    assert (out / "a_0.png").read_bytes() == first
    assert names(out) == ["a_0.png"]


# bad input


def write(path: Path, array: np.ndarray) -> Path:
    Image.fromarray(array).save(path)
    return path


def huge_png(path: Path) -> Path:
    """A PNG of 20000x20000 pixels in some kilobytes."""
    Image.new("1", (20_000, 20_000)).save(path)
    return path


BAD_MAPS = {
    "missing": (lambda folder: folder / "none.png", "none.png: no such file"),
    "no image": (
        lambda folder: (folder / "n.png").write_text("hello") and folder / "n.png",
        "is not an image",
    ),
    "cut off": (
        lambda folder: (
            (folder / "n.png").write_bytes((folder / "maps/a.png").read_bytes()[:60]) and folder / "n.png"
        ),
        "n.png",
    ),
    "photo": (
        lambda folder: write(
            folder / "n.png", np.random.default_rng(0).integers(0, 256, (16, 24, 3), np.uint8)
        ),
        "n.png",
    ),
    "id out of range": (lambda folder: write(folder / "n.png", np.full((16, 24), 12, np.uint8)), "12"),
    "unknown colours": (lambda folder: write(folder / "n.png", np.full((16, 24, 3), 77, np.uint8)), "colour"),
    "empty file": (lambda folder: (folder / "n.png").touch() or folder / "n.png", "is not an image"),
    "1x1": (lambda folder: write(folder / "n.png", np.zeros((1, 1), np.uint8)), "1x1"),
    "20000x20000": (lambda folder: huge_png(folder / "n.png"), "4096"),
    "no multiple of the stride": (
        lambda folder: write(folder / "n.png", np.zeros((18, 27), np.uint8)),
        "24x16",
    ),
    "wrong channel count": (
        lambda folder: Image.new("LA", (24, 16), (3, 99)).save(folder / "n.png") or folder / "n.png",
        "transparency",
    ),
    "float": (lambda folder: write(folder / "n.tif", np.ones((16, 24), np.float32)), "mode F"),
    "empty folder": (lambda folder: (folder / "n").mkdir() or folder / "n", "holds no label maps"),
    "list of files that do not exist": (lambda folder: folder / "*.png", "no such file"),
}


@pytest.mark.parametrize("fault", BAD_MAPS)
def test_bad_map_writes_nothing_even_beside_good_ones(model, maps, tmp_path, refused, fault):
    make, words = BAD_MAPS[fault]
    bad = make(tmp_path)
    said = refused("generate", maps / "a.png", bad, "--model", model, "--output", tmp_path / "out")
    assert words in said
    assert str(bad) in said


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--num-images", "0"), "argument --num-images: '0' is not a whole number from 1"),
        (("--num-images", "two"), "'two'"),
        (("--batch-size", "0"), "--batch-size"),
        (("--seed", "-1"), "--seed"),
        (("--seed", "abc"), "argument --seed: 'abc' is not a whole number"),
        (("--seed", "1e3"), "'1e3'"),
        (("--seed", str(2**63)), str(2**63)),
        (("--seed", str(2**63 - 1), "--num-images", "2"), "take a smaller --seed"),
        (("--size", "24"), "argument --size: '24' is not a size"),
        (("--size", "0x0"), "0x0"),
        (("--size", "16x16"), "would distort the scene by 50%"),
        (("--size", "99999x66666"), "99999x66666"),
        (("--device", "banana"), "--device banana cannot be used here"),
        (("--device", "meta"), "--device meta"),
        (("--dtype", "int8"), "--dtype"),
        (("--colour", "red"), "unrecognized arguments"),
    ],
)
def test_bad_option(model, maps, tmp_path, refused, options, words):
    said = refused("generate", maps / "a.png", "--model", model, "--output", tmp_path / "out", *options)
    assert words in said


def test_distortion_is_possible_when_asked_for(model, maps, tmp_path):
    options = ("--size", "16x16", "--allow-distortion")
    assert generate(maps / "a.png", "--model", model, "--output", tmp_path / "out", *options) == 0
    assert picture(tmp_path / "out" / "a_0.png").size == (16, 16)


def test_unknown_model(maps, tmp_path, refused):
    said = refused("generate", maps / "a.png", "--model", tmp_path / "none", "--output", tmp_path / "out")
    assert f"{tmp_path / 'none'}: there is no such model folder" in said
    assert "no such model folder" in refused("generate", maps / "a.png", "--model", "nothing")


@pytest.mark.parametrize("fault", ["no weights", "damaged weights", "not a model", "damaged config"])
def test_broken_model(model, maps, tmp_path, refused, fault):
    broken = tmp_path / "broken"
    (broken / "generator").mkdir(parents=True)
    for name in (
        "model_index.json",
        "generator/config.json",
        "generator/diffusion_pytorch_model.safetensors",
    ):
        (broken / name).write_bytes((model / name).read_bytes())
    weights = broken / "generator" / "diffusion_pytorch_model.safetensors"
    if fault == "no weights":
        weights.unlink()
    elif fault == "damaged weights":
        weights.write_bytes(weights.read_bytes()[:1000])
    elif fault == "not a model":
        (broken / "model_index.json").unlink()
    else:
        (broken / "generator" / "config.json").write_text("{")
    words = {
        "no weights": "has no weights",
        "damaged weights": "is damaged",
        "not a model": "is not a model folder",
        "damaged config": "config.json",
    }[fault]
    said = refused("generate", maps / "a.png", "--model", broken, "--output", tmp_path / "out")
    assert words in said
    assert str(broken) in said


def test_output_below_a_file(model, maps, tmp_path, refused):
    (tmp_path / "file").touch()
    said = refused("generate", maps / "a.png", "--model", model, "--output", tmp_path / "file" / "out")
    assert f"{tmp_path / 'file'} is a file, not a folder" in said


def test_photos_never_share_a_place(model, maps, tmp_path, refused):
    (tmp_path / "other").mkdir()
    twin = write(tmp_path / "other" / "a.png", np.zeros((16, 24), np.uint8))
    said = refused("generate", maps / "a.png", twin, "--model", model, "--output", tmp_path / "out")
    assert "have one name" in said


def test_photos_never_replace_a_label_map(model, maps, refused):
    write(maps / "a_1.png", np.zeros((16, 24), np.uint8))
    said = refused("generate", maps, "--model", model, "--output", maps, "--num-images", 2)
    assert "would replace a label map" in said


def test_the_sheet_never_replaces_a_label_map(model, maps, refused):
    stored = write(maps / "sheet.png", np.zeros((16, 24), np.uint8)).read_bytes()
    said = refused("generate", maps, "--model", model, "--output", maps, "--sheet")
    assert f"the sheet {maps / 'sheet.png'} would replace a label map" in said
    assert (maps / "sheet.png").read_bytes() == stored


def test_folder_of_a_data_set_names_its_labels(model, tmp_path, refused):
    (tmp_path / "data" / "labels").mkdir(parents=True)
    said = refused("generate", tmp_path / "data", "--model", model, "--output", tmp_path / "out")
    assert f"did you mean {tmp_path / 'data' / 'labels'}?" in said


# as a process


def start(*arguments: object) -> subprocess.Popen:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "dpsims_hub.commands", *(str(argument) for argument in arguments)]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_interrupt_leaves_whole_photos_only(model, maps, tmp_path):
    out = tmp_path / "out"
    options = ("--model", model, "--output", out, "--num-images", 100_000, "--batch-size", 2)
    process = start("generate", maps / "a.png", *options)
    limit = time.monotonic() + 200
    while len(list(out.glob("*.png"))) < 5:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < limit
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.splitlines()[-1] == "dpsims: stopped; every file written so far is complete."
    assert "Traceback" not in said
    photos = list(out.iterdir())
    assert all(path.suffix == ".png" for path in photos)
    for path in photos:
        assert picture(path).size == (24, 16)


def test_process_reports_a_fault_in_one_line(model, tmp_path):
    process = start("generate", tmp_path / "none.png", "--model", model, "--output", tmp_path / "out")
    printed, said = process.communicate(timeout=200)
    assert (process.returncode, printed) == (2, "")
    assert said == f"dpsims: {tmp_path / 'none.png'}: no such file or folder.\n"
    assert not (tmp_path / "out").exists()


def test_options_are_described(capsys):
    with pytest.raises(SystemExit) as end:
        main(["generate", "--help"])
    assert end.value.code == 0
    described = capsys.readouterr().out
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    for action in parser._actions:
        assert action.help, action.dest
        if action.help != argparse.SUPPRESS:  # the trainer's spelling, with underscores
            assert all(option in described for option in action.option_strings)
