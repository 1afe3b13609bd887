import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dpsims_hub.bundled import FOLDER, bundled_examples
from dpsims_hub.commands import main
from dpsims_hub.commands.demo import has_screen
from dpsims_hub.labels import ClassSpec, colorize, read_label_map
from dpsims_hub.pipelines.pipeline_dpsims import DPSIMSPipeline

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_demo_shows_every_layout_with_two_photos(model, tmp_path, capsys):
    target = tmp_path / "new" / "demo.png"
    assert main(["demo", "--headless", "--model", str(model), "--output", str(target)]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == str(target)
    said = r".*: time per photo: \d+ ms \(median of 20 calls .* 256x192, one at a time, optimized, fp32; cpu "
    assert re.match(said, printed[1])
    with Image.open(target) as image:
        sheet = np.asarray(image.convert("RGB"))
    spec, pipe = ClassSpec.load("camvid"), DPSIMSPipeline.from_pretrained(model).optimize()
    for path in bundled_examples("camvid"):
        label_map = read_label_map(path, spec)
        top, left = place_of(colorize(label_map, spec), sheet)
        for number in (0, 1):
            photo = pipe(label_map, generator=torch.Generator().manual_seed(number)).images[0]
            shift = left + (256 + 6) * (number + 1)
            np.testing.assert_array_equal(sheet[top : top + 192, shift : shift + 256], np.asarray(photo))


def place_of(picture: np.ndarray, sheet: np.ndarray) -> tuple[int, int]:
    """Where a picture stands in a sheet: compared at every place that has two of its corners."""
    height, width = picture.shape[:2]
    first, last = picture[0, 0], picture[-1, -1]
    near = (sheet[: 1 - height, : 1 - width] == first) & (sheet[height - 1 :, width - 1 :] == last)
    for top, left in np.argwhere(near.all(axis=-1)):
        if np.array_equal(sheet[top : top + height, left : left + width], picture):
            return top, left
    raise AssertionError("the picture is not on the sheet")


def test_demo_needs_the_classes_of_the_layouts(model, tmp_path, refused):
    pipe = DPSIMSPipeline.from_pretrained(model)
    other = DPSIMSPipeline(pipe.generator)
    other.save_pretrained(tmp_path / "other")
    said = refused("demo", "--headless", "--model", tmp_path / "other", "--output", tmp_path / "demo.png")
    assert "there are example layouts for the classes of outdoor and camvid only" in said


def test_demo_output_below_a_file(model, tmp_path, refused):
    (tmp_path / "file").touch()
    said = refused("demo", "--headless", "--model", model, "--output", tmp_path / "file" / "demo.png")
    assert "cannot write" in said


@pytest.mark.slow
@pytest.mark.skipif(not (FOLDER / "camvid").is_dir(), reason="the trained model is not there yet")
def test_demo_of_the_bundled_models_shows_the_layouts_of_both(tmp_path, capsys):
    assert main(["demo", "--headless", "--output", str(tmp_path / "demo.png")]) == 0
    assert re.findall(r"^(\w+): time per photo", capsys.readouterr().out, re.M) == ["outdoor", "camvid"]
    with Image.open(tmp_path / "demo.png") as image:
        sheet = np.asarray(image.convert("RGB"))
    for name in ("outdoor", "camvid"):
        spec = ClassSpec.load(name)
        place_of(colorize(read_label_map(bundled_examples(name)[-1], spec), spec), sheet)


@pytest.mark.slow
def test_demo_serves_the_space_and_prints_its_address(model, tmp_path):
    pytest.importorskip("gradio")
    opened = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > "{opened}"\n')
    browser.chmod(0o755)
    environment = os.environ | {"DISPLAY": ":9", "BROWSER": f"{browser} %s", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "dpsims_hub.commands", "demo", "--model", str(model)]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            line = process.stdout.readline()
            address = re.fullmatch(
                r"The Space is at (http://127\.0\.0\.1:\d+/) \(Ctrl-C stops it\)\.\n", line
            )
            assert address, line or process.stderr.read()
            with urllib.request.urlopen(address[1], timeout=30) as page:
                assert b"<html" in page.read()
            assert written(opened).strip() == address[1]
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=30)


def written(path: Path) -> str:
    """The content of a file that another process is about to write."""
    for _ in range(100):
        if path.is_file() and path.read_text():
            return path.read_text()
        time.sleep(0.1)
    raise AssertionError(f"{path} was not written")


def test_demo_names_a_missing_model(refused, tmp_path):
    pytest.importorskip("gradio")
    assert "there is no such model folder" in refused("demo", "--model", tmp_path / "nothing")


@pytest.mark.parametrize(("display", "has"), [("", False), (":0", True)])
def test_a_text_browser_is_never_opened(monkeypatch, display, has):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", display)
    assert has_screen() is has
