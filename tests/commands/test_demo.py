import re

import numpy as np
import pytest
import torch
from PIL import Image

from dpsims_hub.bundled import FOLDER, bundled_examples
from dpsims_hub.commands import main
from dpsims_hub.labels import ClassSpec, colorize, read_label_map
from dpsims_hub.pipeline import DPSIMSPipeline


def test_demo_shows_every_layout_with_two_photos(model, tmp_path, capsys):
    target = tmp_path / "new" / "demo.png"
    assert main(["demo", "--model", str(model), "--output", str(target)]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == str(target)
    assert re.match(
        r"time per photo: \d+ ms \(median of 20 calls .* 128x96, one at a time, fp32; cpu ", printed[1]
    )
    with Image.open(target) as image:
        sheet = np.asarray(image.convert("RGB"))
    spec, pipe = ClassSpec.load("camvid"), DPSIMSPipeline.from_pretrained(model)
    for path in bundled_examples():
        label_map = read_label_map(path, spec)
        colours = colorize(label_map, spec).repeat(2, axis=0).repeat(2, axis=1)
        top, left = place_of(colours, sheet)
        for number in (0, 1):
            photo = pipe(label_map, generator=torch.Generator().manual_seed(number)).images[0]
            large = np.asarray(photo.resize((256, 192), Image.Resampling.LANCZOS))
            shift = left + (256 + 6) * (number + 1)
            np.testing.assert_array_equal(sheet[top : top + 192, shift : shift + 256], large)


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
    said = refused("demo", "--model", tmp_path / "other", "--output", tmp_path / "demo.png")
    assert "the example layouts need a model of the CamVid classes" in said


def test_demo_output_below_a_file(model, tmp_path, refused):
    (tmp_path / "file").touch()
    said = refused("demo", "--model", model, "--output", tmp_path / "file" / "demo.png")
    assert "cannot write" in said


@pytest.mark.skipif(not (FOLDER / "camvid").is_dir(), reason="the trained model is not there yet")
def test_demo_of_the_bundled_model(tmp_path):
    assert main(["demo", "--output", str(tmp_path / "demo.png")]) == 0
    assert (tmp_path / "demo.png").stat().st_size > 100_000
