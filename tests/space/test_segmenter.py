from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dpsims_hub.labels import ClassSpec, LabelMapError
from dpsims_hub.space.model_registry import ModelInfo
from dpsims_hub.space.segmenter import Segmenter, match_classes, read_photo


def test_classes_are_matched_by_any_of_their_names() -> None:
    names = {0: "wall", 1: "building, edifice", 2: "SKY", 4: "floor; pavement", 6: "cushion"}
    table = match_classes(names, ClassSpec.load("camvid"))
    assert table.tolist() == [1, 1, 0, 255, 4, 255, 255]


def test_a_photo_is_cropped_to_the_shape_and_turned_upright(tmp_path: Path) -> None:
    pixels = np.zeros((40, 60, 3), dtype=np.uint8)
    pixels[:, 10:50] = 200
    image = Image.fromarray(pixels)
    image.save(tmp_path / "a.png")
    assert np.asarray(read_photo(tmp_path / "a.png", "a.png", (20, 20))).min() > 180
    turned = Image.Exif()
    turned[0x0112] = 6  # the camera was held upright
    image.save(tmp_path / "b.jpg", exif=turned)
    upright = np.asarray(read_photo(tmp_path / "b.jpg", "b.jpg", (60, 40)))
    assert upright[:8].max() < 20
    assert upright[15:45].min() > 180


def test_what_is_no_photo_is_refused(tmp_path: Path) -> None:
    (tmp_path / "upload").write_bytes(b"<html>")
    with pytest.raises(LabelMapError, match=r"^me\.jpg: is not an image but a web page; download the file"):
        read_photo(tmp_path / "upload", "me.jpg", (20, 20))


def test_a_tiny_segmenter_of_transformers(camvid: ModelInfo, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    names = {0: "sky", 1: "road, street", 2: "submarine"}
    config = transformers.SegformerConfig(
        num_labels=3,
        id2label=names,
        depths=[1, 1, 1, 1],
        hidden_sizes=[4, 4, 8, 8],
        num_attention_heads=[1, 1, 1, 1],
        decoder_hidden_size=8,
    )
    torch.manual_seed(0)
    network = transformers.SegformerForSemanticSegmentation(config)
    network.save_pretrained(tmp_path / "model")
    transformers.SegformerImageProcessor(size={"height": 64, "width": 64}).save_pretrained(tmp_path / "model")
    photo = np.random.default_rng(0).integers(0, 256, (192, 256, 3), dtype=np.uint8)
    Image.fromarray(photo).save(tmp_path / "photo.jpg")
    label_map, note = Segmenter(str(tmp_path / "model")).read(tmp_path / "photo.jpg", "photo.jpg", camvid)
    assert label_map.shape == (192, 256)
    sky, road = (camvid.spec.class_id(name) for name in ("Sky", "Road"))
    assert set(np.unique(label_map).tolist()) <= {sky, road, 255}
    unknown = (label_map == 255).mean()
    assert note == f"{unknown:.0%} of the photo has no class of {camvid.spec.name}."


def test_without_transformers_the_space_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match="opening photos needs transformers"):
        Segmenter("nvidia/segformer")
