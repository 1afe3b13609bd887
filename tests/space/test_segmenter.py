from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dpsims_hub.labels import ClassSpec, LabelMapError
from dpsims_hub.pipelines.pipeline_dpsims import DPSIMSPipeline
from dpsims_hub.space.downloads import png
from dpsims_hub.space.map_string import decode
from dpsims_hub.space.model_registry import ModelInfo, ModelRegistry
from dpsims_hub.space.page_service import PageService
from dpsims_hub.space.photo_worker import PhotoWorker
from dpsims_hub.space.segmentation import PhotoSegmenter
from dpsims_hub.space.segmenter import Segmenters, as_label_map, match_classes, read_photo
from dpsims_hub.space.uploads import open_upload
from tests.space.models import save_segmenter, save_tiny

CAMVID = ClassSpec.load("camvid")


def test_classes_are_matched_by_any_of_their_names() -> None:
    names = {0: "wall", 1: "building, edifice", 2: "SKY", 4: "floor; pavement", 6: "cushion"}
    table = match_classes(names, ClassSpec.load("camvid"))
    assert table.tolist() == [1, 1, 0, 255, 4, 255, 255]


def test_a_photo_is_cropped_to_the_shape_and_turned_upright(tmp_path: Path) -> None:
    pixels = np.zeros((40, 60, 3), dtype=np.uint8)
    pixels[:, 10:50] = 200
    image = Image.fromarray(pixels)
    assert np.asarray(read_photo(image, "a.png", (20, 20))).min() > 180
    turned = Image.Exif()
    turned[0x0112] = 6  # the camera was held upright
    image.save(tmp_path / "b.jpg", exif=turned)
    with Image.open(tmp_path / "b.jpg") as opened:
        upright = np.asarray(read_photo(opened, "b.jpg", (60, 40)))
    assert upright[:8].max() < 20
    assert upright[15:45].min() > 180


def test_a_damaged_photo_is_refused() -> None:
    content = png(Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)))
    with (
        open_upload(content[:3000], "me.png") as image,
        pytest.raises(LabelMapError, match=r"^me\.png: is dam"),
    ):
        read_photo(image, "me.png", (20, 20))


def test_a_tiny_segmenter_of_transformers(camvid: ModelInfo, tmp_path: Path) -> None:
    save_segmenter(tmp_path / "model", {0: "sky", 1: "road, street", 2: "submarine"})
    photo = np.random.default_rng(0).integers(0, 256, (192, 256, 3), dtype=np.uint8)
    found = PhotoSegmenter(str(tmp_path / "model")).segment(Image.fromarray(photo))
    label_map, note = as_label_map(*found, camvid.spec)
    assert label_map.shape == (192, 256)
    sky, road = (camvid.spec.class_id(name) for name in ("Sky", "Road"))
    assert set(np.unique(label_map).tolist()) <= {sky, road, 255}
    unknown = (label_map == 255).mean()
    assert note == f"{unknown:.0%} of the photo has no class of {camvid.spec.name}."


@pytest.fixture(scope="module")
def with_segmenter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model with a segmenter of half precision in its folder, like the bundled ones."""
    folder = save_tiny(tmp_path_factory.mktemp("models") / "seeing", CAMVID, (48, 64))
    save_segmenter(folder / "segmenter", dict(enumerate(CAMVID.names)), half=True)
    return folder


def test_a_model_with_its_own_segmenter_opens_photos(with_segmenter: Path) -> None:
    transformers = pytest.importorskip("transformers")
    registry = ModelRegistry([str(with_segmenter)], device="cpu")
    worker = PhotoWorker(registry)
    service = PageService(registry, worker)
    assert service.describe(registry.find())["no_photos"] == ""
    pixels = np.random.default_rng(1).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    content = png(Image.fromarray(pixels))
    request = {"file": "me.png", "data": base64.b64encode(content).decode()}
    answer = service.read_photo(request, registry.find())
    worker.close()

    network = transformers.SegformerForSemanticSegmentation.from_pretrained(
        with_segmenter / "segmenter", dtype=torch.float32
    )
    processor = transformers.SegformerImageProcessor.from_pretrained(with_segmenter / "segmenter")
    with torch.no_grad():
        logits = network(**processor(images=Image.fromarray(pixels), return_tensors="pt")).logits
    wanted = torch.nn.functional.interpolate(logits, (48, 64), mode="bilinear").argmax(1)[0]
    np.testing.assert_array_equal(decode(answer["map"], CAMVID), wanted)
    with Image.open(io.BytesIO(base64.b64decode(answer["photo"].partition(",")[2]))) as kept:
        assert np.abs(np.asarray(kept).astype(int) - pixels).mean() < 8  # JPEG of noise


def test_the_segmenter_of_the_space_wins_over_a_models_own(with_segmenter: Path) -> None:
    model_info = ModelRegistry([str(with_segmenter)]).find()
    assert Segmenters("owner/name").find(model_info) == "owner/name"
    assert Segmenters().find(model_info) == str(with_segmenter / "segmenter")


def test_a_model_folder_with_a_segmenter_is_still_a_model(with_segmenter: Path) -> None:
    assert DPSIMSPipeline.from_pretrained(with_segmenter).generator.config.num_classes == 11


def test_without_transformers_the_page_is_told_to_install_it(
    with_segmenter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    model_info = ModelRegistry([str(with_segmenter)]).find()
    assert "pip install transformers" in Segmenters().why_none(model_info)


def test_without_transformers_the_space_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match="opening photos needs transformers"):
        Segmenters("nvidia/segformer")
