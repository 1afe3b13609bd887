"""A folder to publish: the same photos from fewer parts, everything a stranger needs, written atomically."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import numpy as np
import pytest
import torch
from huggingface_hub import ModelCard
from PIL import Image
from safetensors.torch import load_file

from dpsims_hub import DPSIMSDiscriminator, DPSIMSPipeline, bundled_model
from dpsims_hub.cards.model_card import RunFacts
from dpsims_hub.hub import CardFacts, ExportOptions, Source, export, open_model, open_run
from dpsims_hub.labels import ClassSpec, read_label_map
from tests.hub.run_folder import CLASSES, CONFIG, write_run
from tests.tiny import tiny_generator

SPEC = ClassSpec.from_dict(CLASSES)
IDS = np.random.default_rng(0).integers(0, 3, (16, 24), dtype=np.uint8)
RUN_FILES = {
    "README.md",
    "classes.json",
    "discriminator/config.json",
    "discriminator/diffusion_pytorch_model.safetensors",
    "generator/config.json",
    "generator/diffusion_pytorch_model.fp16.safetensors",
    "generator/diffusion_pytorch_model.safetensors",
    "model_index.json",
    "palette.png",
    "samples.png",
    "training_config.json",
    "validation_sheet.png",
}


def photos(pipe: DPSIMSPipeline) -> np.ndarray:
    return pipe(IDS, 2, torch.Generator().manual_seed(3), output_type="np").images


def silent(line: str) -> None:
    pass


def files_of(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def maps(tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("maps")
    for number in range(2):
        Image.fromarray(np.roll(IDS, number)).save(folder / f"{number}.png")
    return sorted(folder.iterdir())


@pytest.fixture(scope="module")
def exported(tmp_path_factory, maps) -> tuple[Path, list[str], DPSIMSPipeline]:
    """A run's folder after export, the lines that were said, and the run's pipeline."""
    place, lines = tmp_path_factory.mktemp("place"), []
    pipe = write_run(place / "run")
    export(open_run(place / "run"), place / "out", ExportOptions("someone/streets", maps=maps), lines.append)
    return place / "out", lines, pipe


def test_everything_and_nothing_else_is_there(exported):
    folder, lines, _ = exported
    assert files_of(folder) == RUN_FILES
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_file()} == {0o644}
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_dir()} == {0o755}
    said = "\n".join(lines)
    told = RUN_FILES - {"model_index.json", "training_config.json"}
    assert all(name.split("/")[0] in said for name in told)
    assert not (folder.parent / "out.tmp").exists()


def test_photos_stay_the_same(exported):
    folder, _, pipe = exported
    np.testing.assert_array_equal(photos(DPSIMSPipeline.from_pretrained(folder)), photos(pipe))


def test_half_precision_is_a_variant_of_the_same_weights(exported):
    generator = exported[0] / "generator"
    full = load_file(generator / "diffusion_pytorch_model.safetensors")
    half = load_file(generator / "diffusion_pytorch_model.fp16.safetensors")
    assert full.keys() == half.keys()
    for name, value in full.items():
        assert half[name].dtype == (torch.float16 if value.is_floating_point() else value.dtype)
        np.testing.assert_array_equal(half[name].numpy(), value.numpy().astype(half[name].numpy().dtype))
    pipe = DPSIMSPipeline.from_pretrained(exported[0], variant="fp16", dtype=torch.float16)
    assert pipe.generator.dtype == torch.float16


def test_spectral_norm_is_folded_in(tmp_path):
    pipe = DPSIMSPipeline(tiny_generator(spectral_norm=True), class_spec=SPEC.to_dict())
    assert any("parametrizations" in name for name in pipe.generator.state_dict())
    pipe.save_pretrained(tmp_path / "model")
    before = photos(pipe)
    export(open_model(tmp_path / "model"), tmp_path / "out", say=silent)
    after = DPSIMSPipeline.from_pretrained(tmp_path / "out")
    assert not any("parametrizations" in name for name in after.generator.state_dict())
    assert after.generator.config.spectral_norm is False
    np.testing.assert_allclose(photos(after), before, rtol=0, atol=1e-5)


def test_discriminator_comes_back_for_fine_tuning(exported):
    folder = exported[0]
    ours = DPSIMSDiscriminator.from_pretrained(folder / "discriminator")
    theirs = DPSIMSDiscriminator.from_pretrained(folder.parent / "run" / "discriminator")
    inputs = [torch.randn(2, 4, 8, 12), torch.randn(2, 6, 4, 6)]
    torch.testing.assert_close(ours(inputs, (16, 24)), theirs(inputs, (16, 24)), rtol=0, atol=0)
    assert any("parametrizations" in name for name in ours.state_dict())  # as training has it


def test_class_list_and_palette_are_those_of_the_model(exported):
    folder = exported[0]
    assert ClassSpec.load(folder / "classes.json") == SPEC
    picture = np.asarray(Image.open(folder / "palette.png").convert("RGB")).reshape(-1, 3)
    shown = {tuple(pixel) for pixel in picture.tolist()}
    assert {*map(tuple, SPEC.palette.tolist()), SPEC.ignore_rgb} <= shown


def test_sample_sheet_shows_the_maps_and_their_photos(exported, maps):
    folder, _, pipe = exported
    sheet = np.asarray(Image.open(folder / "samples.png").convert("RGB"))
    scale = 12  # 192 / 16
    for number, path in enumerate(maps):
        ids = read_label_map(path, SPEC)
        coloured = SPEC.palette[ids].repeat(scale, 0).repeat(scale, 1)
        assert contains(sheet, coloured)
        photo = pipe(ids, 3, torch.Generator().manual_seed(number)).images[2]
        large = photo.resize((24 * scale, 16 * scale), Image.Resampling.LANCZOS)
        assert contains(sheet, np.asarray(large))


def contains(picture: np.ndarray, part: np.ndarray) -> bool:
    windows = np.lib.stride_tricks.sliding_window_view(picture[..., 0], part.shape[:2])
    corners = np.argwhere((windows[..., 0, 0] == part[0, 0, 0]) & (windows[..., -1, -1] == part[-1, -1, 0]))
    height, width = part.shape[:2]
    return any((picture[y : y + height, x : x + width] == part).all() for y, x in corners)


def test_nothing_tells_of_the_owners_folders(exported):
    folder = exported[0]
    for path in folder.rglob("*"):
        if path.suffix in (".json", ".md"):
            text = path.read_text()
            assert not any(word in text for word in ("alice", "secret", str(folder.parent))), path
    settings = json.loads((folder / "training_config.json").read_text())
    kept = {name for name in CONFIG if not name.startswith(("hub_", "push_", "resume_", "output_"))}
    changed = {"train_data_dir": "streets", "backbone_weights": "net.safetensors"}
    assert settings == {name: CONFIG[name] for name in kept} | changed


def test_bundled_model_keeps_its_licence_and_shows_its_layouts(tmp_path):
    export(open_model(bundled_model("camvid")), tmp_path / "out", say=silent)
    assert ModelCard.load(tmp_path / "out" / "README.md").data.license == "cc-by-nc-4.0"
    assert (tmp_path / "out" / "samples.png").is_file()
    assert (tmp_path / "out" / "discriminator").is_dir()
    export(open_model(tmp_path / "out"), tmp_path / "again", say=silent)
    assert files_of(tmp_path / "again") == files_of(tmp_path / "out")
    assert ModelCard.load(tmp_path / "again" / "README.md").data.license == "cc-by-nc-4.0"


def test_an_existing_folder_is_left_alone(exported, tmp_path):
    source = Source("tiny", exported[2])
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    with pytest.raises(FileExistsError, match="mine is already there; delete it, or choose another"):
        export(source, tmp_path / "mine", say=silent)
    assert files_of(tmp_path) == {"mine/thesis.txt"}


@pytest.mark.parametrize("fault", ["report", "map", "weights"])
def test_a_failed_export_leaves_nothing(exported, tmp_path, fault):
    source, options = Source("tiny", DPSIMSPipeline(tiny_generator(), SPEC.to_dict())), ExportOptions()
    if fault == "report":
        options = ExportOptions(facts=CardFacts(evaluation={"distances": []}))
    if fault == "map":
        options = ExportOptions(maps=[tmp_path / "none.png"])
    if fault == "weights":
        with torch.no_grad():
            source.pipe.generator.to_rgb.weight[0, 0, 0, 0] = float("nan")
    with pytest.raises((ValueError, FileNotFoundError)):
        export(source, tmp_path / "out", options, silent)
    assert list(tmp_path.iterdir()) == []


def test_weights_outside_float16_have_no_half_variant(tmp_path):
    pipe, lines = DPSIMSPipeline(tiny_generator(), SPEC.to_dict()), []
    with torch.no_grad():
        pipe.generator.to_rgb.bias[1] = 1e5
    export(Source("tiny", pipe, RunFacts()), tmp_path / "out", say=lines.append)
    assert not list((tmp_path / "out").rglob("*fp16*"))
    assert "no fp16 variant: to_rgb.bias is outside the range of float16" in lines
    assert "float16" not in (tmp_path / "out" / "README.md").read_text()
