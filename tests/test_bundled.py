import importlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dpsims_hub.bundled import FOLDER, bundled_examples, bundled_model
from dpsims_hub.labels import ClassSpec, colorize, read_label_map
from dpsims_hub.pipeline import DPSIMSPipeline

SPEC = ClassSpec.load("camvid")
TOOLS = Path(__file__).parents[1] / "tools"
has_model = pytest.mark.skipif(not (FOLDER / "camvid").is_dir(), reason="the trained model is not there yet")


def test_examples_are_palette_pngs_of_valid_ids_in_camvid_colours():
    paths = bundled_examples("camvid")
    assert len(paths) >= 8
    for path in paths:
        with Image.open(path) as image:
            assert (image.mode, image.size, image.format) == ("P", (128, 96), "PNG")
            ids = np.asarray(image)
            colours = np.asarray(image.convert("RGB"))
        assert path.read_bytes()[24] == 8  # bit depth
        assert ids.max() < SPEC.num_classes
        np.testing.assert_array_equal(read_label_map(path, SPEC), ids)
        np.testing.assert_array_equal(colours, colorize(ids, SPEC))


def test_examples_are_street_scenes_and_differ():
    shares = []
    for path in bundled_examples():
        ids = read_label_map(path, SPEC)
        shares.append(np.bincount(ids.ravel(), minlength=SPEC.num_classes) / ids.size)
        assert (ids[-8:] == SPEC.class_id("Road")).mean() > 0.4, path.name
        assert (ids[:8] == SPEC.class_id("Road")).sum() == 0, path.name
        assert 0.2 < shares[-1][SPEC.class_id("Road")] < 0.5, path.name
        assert 0.02 < shares[-1][SPEC.class_id("Sky")] < 0.5, path.name
    assert (np.array(shares).max(axis=0) > 0.003).all(), "a class occurs in no example"
    distances = [np.abs(a - b).sum() for i, a in enumerate(shares) for b in shares[:i]]
    assert min(distances) > 0.05


def test_examples_are_what_the_script_draws(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(TOOLS)
    importlib.import_module("draw_examples").main(["--output", str(tmp_path)])
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in bundled_examples()}
    for path in bundled_examples():
        drawn = read_label_map(tmp_path / path.name, SPEC)
        # another Pillow may place single pixels of an edge differently
        assert (drawn == read_label_map(path, SPEC)).mean() > 0.99, path.name


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="nothing called 'mars' is bundled; there is camvid"):
        bundled_model("mars")
    with pytest.raises(ValueError, match="'mars'"):
        bundled_examples("mars")


@has_model
def test_bundled_model_is_small_and_makes_two_different_photos_of_every_layout():
    folder = bundled_model("camvid")
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) <= 12e6
    pipe = DPSIMSPipeline.from_pretrained(folder)
    assert pipe.spec.names == SPEC.names
    latents = torch.randn(2, pipe.generator.config.latent_dim, generator=torch.Generator().manual_seed(0))
    for path in bundled_examples():
        photos = pipe(path, 2, latents=latents, output_type="np").images
        assert np.isfinite(photos).all()
        assert photos.std() > 0.1, path.name
        assert np.abs(photos[0] - photos[1]).mean() > 0.02, path.name
