from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from dpsims_hub.bundled import bundled_model
from dpsims_hub.labels import ClassSpec, colorize, read_label_map
from dpsims_hub.pipelines.pipeline_dpsims import DPSIMSPipeline
from dpsims_hub.space.downloads import file_name, jpeg_url, map_image, png
from dpsims_hub.space.map_string import decode
from dpsims_hub.space.model_registry import ModelInfo
from tests.space.live_space import LiveSpace


def opened(answer: dict[str, Any]) -> Image.Image:
    head, data = answer["data"].split(",")
    assert head == "data:image/png;base64"
    image = Image.open(io.BytesIO(base64.b64decode(data)))
    image.load()
    return image


def test_the_photo_is_exact_and_says_its_seed(space: LiveSpace, camvid: ModelInfo) -> None:
    answer = space.call("download", map=space.map, seed=6, kind="photo")
    pipe = DPSIMSPipeline.from_pretrained(bundled_model()).optimize()
    wanted = pipe(decode(space.map), generator=torch.Generator().manual_seed(6)).images[0]
    photo = opened(answer)
    np.testing.assert_array_equal(np.asarray(photo), np.asarray(wanted))
    assert photo.info["seed"] == "6"
    assert photo.info["model"] == "camvid"
    assert answer["name"] == "camvid_photo_seed_6.png"


def test_the_map_comes_back_as_it_went(space: LiveSpace, camvid: ModelInfo) -> None:
    answer = space.call("download", map=space.map, kind="map")
    image = opened(answer)
    assert image.mode == "P"
    ids = decode(space.map)
    np.testing.assert_array_equal(np.asarray(image), ids)
    np.testing.assert_array_equal(read_label_map(image, camvid.spec), ids)
    np.testing.assert_array_equal(np.asarray(image.convert("RGB")), colorize(ids, camvid.spec))
    assert answer["name"] == "camvid_map.png"
    again = space.call("read_map", file=answer["name"], data=answer["data"])
    assert again == {"map": space.map, "note": ""}


def test_both_stand_side_by_side(space: LiveSpace, camvid: ModelInfo) -> None:
    both = np.asarray(opened(space.call("download", map=space.map, seed=6, kind="both")).convert("RGB"))
    colours = colorize(decode(space.map), camvid.spec).repeat(2, axis=0).repeat(2, axis=1)
    corners = (both[:-383, :-511] == colours[0, 0]) & (both[383:, 511:] == colours[-1, -1])
    places = [
        (top, left)
        for top, left in np.argwhere(corners.all(axis=-1))
        if np.array_equal(both[top : top + 384, left : left + 512], colours)
    ]
    assert len(places) == 1
    photo = opened(space.call("download", map=space.map, seed=6, kind="photo"))
    large = np.asarray(photo.resize((512, 384), Image.Resampling.LANCZOS))
    (top, left), gap = places[0], 6
    np.testing.assert_array_equal(both[top : top + 384, left + 512 + gap : left + 1024 + gap], large)
    below = both[top + 384 :]
    for value in np.unique(decode(space.map)):
        swatch = (below == camvid.spec.palette[value]).all(axis=-1)
        assert swatch.sum() > 100, camvid.spec.names[value]


@pytest.mark.parametrize("kind", [None, "", "all", 3, ["photo"]])
def test_unknown_kinds_are_refused(space: LiveSpace, kind: object) -> None:
    assert "kind must be one of" in space.call("download", map=space.map, kind=kind)["error"]


def test_maps_of_many_classes_have_16_bits() -> None:
    names = [f"class {number}" for number in range(300)]
    spec = ClassSpec.from_dict({"name": "many", "classes": names})
    label_map = np.arange(300).reshape(15, 20)
    label_map[0, 0] = 65535
    image = Image.open(io.BytesIO(png(map_image(label_map, spec))))
    np.testing.assert_array_equal(read_label_map(image, spec), label_map)


def test_live_photos_are_close_and_small(space: LiveSpace) -> None:
    photo = opened(space.call("download", map=space.map, seed=6, kind="photo")).convert("RGB")
    live = Image.open(io.BytesIO(base64.b64decode(jpeg_url(photo).split(",")[1])))
    assert live.format == "JPEG"
    assert live.size == photo.size
    assert np.abs(np.asarray(live).astype(int) - np.asarray(photo)).mean() < 3
    assert len(jpeg_url(photo)) < photo.width * photo.height  # a third of the pixels' bytes


def test_file_names_are_safe() -> None:
    assert file_name("my model/ü (2)", "photo", 7) == "my_model_2_photo_seed_7.png"
    assert file_name("///", "map", 7) == "dpsims_map.png"
