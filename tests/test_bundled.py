import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from dpsims_hub.bundled import FOLDER, NAMES, bundled_examples, bundled_model
from dpsims_hub.labels import ClassSpec, colorize, read_label_map
from dpsims_hub.models import DPSIMSDiscriminator
from dpsims_hub.pipelines.pipeline_dpsims import DPSIMSPipeline
from tests.tiny import tiny_generator

SPEC = ClassSpec.load("camvid")
CARDS = Path(__file__).parents[1] / "model_cards"
TOOLS = Path(__file__).parents[1] / "tools"
has_model = pytest.mark.skipif(not (FOLDER / "camvid").is_dir(), reason="the trained model is not there yet")


@pytest.mark.parametrize(("name", "size"), [("camvid", (256, 192)), ("outdoor", (256, 256))])
def test_examples_are_palette_pngs_of_valid_ids_in_the_colours_of_their_classes(name, size):
    paths, spec = bundled_examples(name), ClassSpec.load(name)
    assert len(paths) >= 8
    for path in paths:
        with Image.open(path) as image:
            assert (image.mode, image.size, image.format) == ("P", size, "PNG")
            ids = np.asarray(image)
            colours = np.asarray(image.convert("RGB"))
        assert path.read_bytes()[24] == 8  # bit depth
        assert ids.max() < spec.num_classes
        np.testing.assert_array_equal(read_label_map(path, spec), ids)
        np.testing.assert_array_equal(colours, colorize(ids, spec))


def test_the_painter_begins_with_the_riverside_and_the_others_follow_by_name():
    first, *others = [path.stem for path in bundled_examples("outdoor")]
    assert first == "riverside"
    assert others == sorted(others)
    assert len(others) >= 8


def test_outdoor_examples_show_every_class_and_differ():
    spec = ClassSpec.load("outdoor")
    maps = [read_label_map(path, spec) for path in bundled_examples("outdoor")]
    shares = np.array([np.bincount(ids.ravel(), minlength=8) / ids.size for ids in maps])
    assert (shares.max(axis=0) > 0.05).all()
    assert (shares[:, spec.class_id("Sky")] > 0.1).all()
    assert all((ids[0] == 0).any() for ids in maps)
    distances = [np.abs(a - b).sum() for i, a in enumerate(shares) for b in shares[:i]]
    assert min(distances) > 0.05


def test_examples_are_street_scenes_and_differ():
    shares = []
    for path in bundled_examples("camvid"):
        ids = read_label_map(path, SPEC)
        shares.append(np.bincount(ids.ravel(), minlength=SPEC.num_classes) / ids.size)
        assert (ids[-16:] == SPEC.class_id("Road")).mean() > 0.4, path.name
        assert (ids[:16] == SPEC.class_id("Road")).sum() == 0, path.name
        assert 0.2 < shares[-1][SPEC.class_id("Road")] < 0.5, path.name
        assert 0.02 < shares[-1][SPEC.class_id("Sky")] < 0.5, path.name
    assert (np.array(shares).max(axis=0) > 0.003).all(), "a class occurs in no example"
    distances = [np.abs(a - b).sum() for i, a in enumerate(shares) for b in shares[:i]]
    assert min(distances) > 0.05


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "script"), [("camvid", "draw_examples"), ("outdoor", "draw_outdoor_examples")]
)
def test_examples_are_what_the_script_draws(name, script, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(TOOLS)
    monkeypatch.setattr(sys, "argv", [script, "--output", str(tmp_path)])
    runpy.run_module(script, run_name="__main__")
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in bundled_examples(name)}
    spec = ClassSpec.load(name)
    for path in bundled_examples(name):
        drawn = read_label_map(tmp_path / path.name, spec)
        # another Pillow may place single pixels of an edge differently
        assert (drawn == read_label_map(path, spec)).mean() > 0.99, path.name


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="nothing called 'mars' is bundled; there is outdoor, camvid"):
        bundled_model("mars")
    with pytest.raises(ValueError, match="'mars'"):
        bundled_examples("mars")


@pytest.mark.slow
@has_model
@pytest.mark.parametrize("name", NAMES)
def test_bundled_model_is_small_and_makes_two_different_photos_of_every_layout(name):
    folder = bundled_model(name)
    assert sum(path.stat().st_size for path in (folder / "generator").iterdir()) <= 12e6
    pipe = DPSIMSPipeline.from_pretrained(folder)
    assert pipe.spec.names == ClassSpec.load(name).names
    with Image.open(bundled_examples(name)[0]) as layout:
        assert tuple(pipe.generator.config.sample_size) == layout.size[::-1]
    latents = torch.randn(2, pipe.generator.config.latent_dim, generator=torch.Generator().manual_seed(0))
    for path in bundled_examples(name):
        photos = pipe(path, 2, latents=latents, output_type="np").images
        assert np.isfinite(photos).all()
        assert photos.std() > 0.1, path.name
        assert np.abs(photos[0] - photos[1]).mean() > 0.01, path.name


@has_model
@pytest.mark.parametrize("name", NAMES)
def test_optimized_photos_are_those_of_the_plain_form(name):
    pipe = DPSIMSPipeline.from_pretrained(bundled_model(name))
    for seed, path in enumerate(bundled_examples(name)[:3]):
        photos = [
            form()(path, generator=torch.Generator().manual_seed(seed), output_type="np").images
            for form in (pipe.restore, pipe.optimize)
        ]
        assert 0 < np.abs(photos[0] - photos[1]).max() * 255 < 0.5


@has_model
@pytest.mark.parametrize("name", NAMES)
def test_photos_are_equal_to_the_bit_after_saving_and_loading(name, tmp_path):
    pipe = DPSIMSPipeline.from_pretrained(bundled_model(name))
    pipe.save_pretrained(tmp_path)
    pipe.save_pretrained(tmp_path, variant="fp16")  # the weights of the package are float16: nothing is lost
    for variant in (None, "fp16"):
        loaded = DPSIMSPipeline.from_pretrained(tmp_path, variant=variant)
        tensors = [*loaded.generator.parameters(), *loaded.generator.buffers()]
        assert [t for t in tensors if t.data_ptr() % 64] == []
        photos = [
            p(bundled_examples(name)[0], generator=torch.Generator().manual_seed(0), output_type="np").images
            for p in (pipe, loaded)
        ]
        np.testing.assert_array_equal(*photos)


@pytest.mark.parametrize("name", NAMES)
def test_segmenters_are_small_of_float16_and_their_card_tells_their_scores(name):
    folder = bundled_model(name) / "segmenter"
    weights = folder / "model.safetensors"
    assert weights.stat().st_size <= 6e6
    kinds = {tensor.dtype for tensor in load_file(weights).values() if tensor.is_floating_point()}
    assert kinds == {torch.float16}
    facts = json.loads((folder / "training.json").read_text())
    overlap, accuracy = facts["scores"]["mean_iou"], facts["scores"]["pixel_accuracy"]
    told = (
        f"{overlap:.1%} mIoU and {accuracy:.1%} of the pixels of the {facts['scored_on']['pairs']} validation"
    )
    card = " ".join((CARDS / f"{name}.md").read_text().split())
    assert told.replace("%", " %") in card


@pytest.mark.parametrize("name", NAMES)
def test_segmenters_find_the_map_in_the_model_s_own_photos(name):
    pytest.importorskip("transformers")
    from dpsims_hub.space.segmentation import PhotoSegmenter
    from dpsims_hub.space.segmenter import as_label_map

    pipe = DPSIMSPipeline.from_pretrained(bundled_model(name)).optimize()
    segmenter, found = PhotoSegmenter(str(FOLDER / name / "segmenter")), []
    for path in bundled_examples(name)[:4]:
        label_map = read_label_map(path, pipe.spec)
        photo = pipe(label_map, generator=torch.Generator().manual_seed(0)).images[0]
        ids, _ = as_label_map(*segmenter.segment(photo), pipe.spec)
        found.append((ids == label_map).mean())
    assert np.mean(found) > 0.7, found


@pytest.mark.parametrize("name", NAMES)
def test_a_bundled_model_knows_the_aliases_of_its_classes(name):
    own, known = DPSIMSPipeline.from_pretrained(bundled_model(name)).spec, ClassSpec.load(name)
    assert own.name == name
    assert any(one.aliases for one in known.classes)
    assert [(one.aliases, one.kind) for one in own.classes] == [
        (one.aliases, one.kind) for one in known.classes
    ]


def test_bundling_again_keeps_the_card_and_the_segmenter(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(TOOLS)
    bundle = runpy.run_path(str(TOOLS / "bundle_model.py"))["bundle"]
    source, target = tmp_path / "source", tmp_path / "target"
    DPSIMSPipeline(tiny_generator(3, spectral_norm=False)).save_pretrained(source)
    (target / "segmenter").mkdir(parents=True)
    (target / "segmenter" / "config.json").write_text("{}")
    (target / "README.md").write_text("by hand")
    (target / "old.bin").write_text("old")
    size = bundle(source, target)
    assert (target / "README.md").read_text() == "by hand"
    assert (target / "segmenter" / "config.json").read_text() == "{}"
    assert not (target / "old.bin").exists()
    written = ("model_index.json", "generator/config.json", "generator/diffusion_pytorch_model.safetensors")
    assert size == sum((target / name).stat().st_size for name in written)
    assert DPSIMSPipeline.from_pretrained(target).network.config.num_classes == 3
    names = [{"name": name} for name in ClassSpec.load("outdoor").names]  # as the data have them
    bare = ClassSpec.from_dict({"name": "mine", "classes": names})
    DPSIMSPipeline(tiny_generator(8, spectral_norm=False), bare.to_dict()).save_pretrained(source)
    bundle(source, target)
    assert DPSIMSPipeline.from_pretrained(target).spec.name == "target"
    known = [(one.aliases, one.kind) for one in ClassSpec.load("outdoor").classes]
    assert [(one.aliases, one.kind) for one in DPSIMSPipeline.from_pretrained(target).spec.classes] == known


def test_bundling_takes_the_discriminator_of_the_run(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(TOOLS)
    bundle = runpy.run_path(str(TOOLS / "bundle_model.py"))["bundle"]
    run, target = tmp_path / "run", tmp_path / "target"
    DPSIMSPipeline(tiny_generator(3, spectral_norm=False)).save_pretrained(run / "pipeline")
    alone = bundle(run / "pipeline", target)
    assert not (target / "discriminator").exists()
    trained = DPSIMSDiscriminator(3, feature_channels=(4, 6), feature_strides=(2, 4), decoder_widths=(8,))
    trained.save_pretrained(run / "discriminator")
    assert bundle(run / "pipeline", target) == alone  # without the discriminator
    bundled = DPSIMSDiscriminator.from_pretrained(target / "discriminator", dtype=torch.float32)
    for (name, mine), theirs in zip(trained.state_dict().items(), bundled.state_dict().values(), strict=True):
        torch.testing.assert_close(theirs, mine, rtol=1e-3, atol=1e-6, msg=name)
    weights = target / "discriminator" / "diffusion_pytorch_model.safetensors"
    assert {tensor.dtype for tensor in load_file(weights).values()} == {torch.float16}
    assert weights.stat().st_mode & 0o777 == 0o644
