from __future__ import annotations

import base64
import io
import json
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from dpsims_hub.bundled import bundled_model
from dpsims_hub.labels import ClassSpec, colorize, read_label_map
from dpsims_hub.pipelines.pipeline_dpsims import DPSIMSPipeline
from dpsims_hub.space import downloads, page_service
from dpsims_hub.space.downloads import jpeg_url, map_image, png
from dpsims_hub.space.map_string import decode
from dpsims_hub.space.model_registry import ModelInfo
from dpsims_hub.space.photo_request import PhotoRequest
from dpsims_hub.space.scene_facts import file_name, reroll_names, sentence
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
    assert answer["name"] == "camvid_photo_seed_6_data_set.png"


def test_the_map_comes_back_as_it_went(space: LiveSpace, camvid: ModelInfo) -> None:
    answer = space.call("download", map=space.map, kind="map")
    image = opened(answer)
    assert image.mode == "P"
    ids = decode(space.map)
    np.testing.assert_array_equal(np.asarray(image), ids)
    np.testing.assert_array_equal(read_label_map(image, camvid.spec), ids)
    np.testing.assert_array_equal(np.asarray(image.convert("RGB")), colorize(ids, camvid.spec))
    assert answer["name"] == "camvid_map_seed_0_data_set.png"
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


REGIONS = [{"class": 1, "seed": 5}, {"class": 3, "seed": 6}]
BLANK = np.zeros((2, 2), dtype=np.uint16)


def test_a_download_holds_its_whole_scene(space: LiveSpace) -> None:
    style = {"seed": 6, "seed_b": 7, "mix": 0.35, "regions": REGIONS}
    for kind in ("photo", "map", "both"):
        answer = space.call("download", map=space.map, kind=kind, palette="natural", **style)
        told = opened(answer).info
        assert answer["name"] == f"camvid_{kind}_seed_6_to_7_mix_35_rerolls_2_natural.png"
        facts = ("seed", "seed_b", "mix", "rerolls", "palette", "model")
        assert [told[key] for key in facts] == ["6", "7", "0.35", "2", "natural", "camvid"]
        scene = json.loads(told["dpsims-scene"])
        assert scene == {
            "version": 1,
            "kind": kind,
            "model": "camvid",
            "map": space.map,
            "palette": "natural",
            **style,
        }


def test_maps_and_sheets_have_the_colours_of_the_page(space: LiveSpace, camvid: ModelInfo) -> None:
    colours = [[10 * number, 255 - number, 7] for number in range(camvid.spec.num_classes)]
    ids = decode(space.map)
    shown = np.array(colours)[ids]
    label_map = opened(space.call("download", map=space.map, kind="map", colours=colours))
    np.testing.assert_array_equal(np.asarray(label_map), ids)
    np.testing.assert_array_equal(np.asarray(label_map.convert("RGB")), shown)
    sheet = np.asarray(
        opened(space.call("download", map=space.map, kind="both", colours=colours)).convert("RGB")
    )
    for number in np.unique(ids):
        assert (sheet == colours[number]).all(axis=-1).sum() >= 4 * (ids == number).sum()


def test_downloads_are_enlarged_four_times(space: LiveSpace) -> None:
    photos = [opened(space.call("download", map=space.map, kind="photo", scale=scale)) for scale in (1, 4)]
    wanted = photos[0].resize((1024, 768), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(np.asarray(photos[1]), np.asarray(wanted))
    answer = space.call("download", map=space.map, kind="map", scale=4)
    label_map = opened(answer)
    assert (label_map.mode, answer["name"]) == ("P", "camvid_map_4x_seed_0_data_set.png")
    np.testing.assert_array_equal(np.asarray(label_map), decode(space.map).repeat(4, 0).repeat(4, 1))
    assert opened(space.call("download", map=space.map, kind="both", scale=4)).width > 2 * 1024


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"scale": 2}, "scale must be 1 or 4, not 2."),
        ({"scale": True}, "scale must be 1 or 4, not True."),
        ({"palette": "neon"}, "palette must be one of natural, data set, not 'neon'."),
        ({"colours": [[0, 0, 0]]}, "colours must be 11 lists of three numbers from 0 to 255."),
        ({"colours": [[0, 0, 256]] * 11}, "colours must be 11 lists of three numbers from 0 to 255."),
        ({"colours": 3}, "colours must be 11 lists of three numbers from 0 to 255."),
    ],
)
def test_wrong_wishes_are_refused_in_a_sentence(space: LiveSpace, wrong: dict[str, Any], said: str) -> None:
    assert space.call("download", map=space.map, kind="map", **wrong) == {"error": said}


def test_file_names_are_safe() -> None:
    wanted = "my_model_2_photo_seed_7_natural.png"
    assert file_name("my model/ü (2)", "photo", PhotoRequest(BLANK, 7), "natural") == wanted
    wanted = "dpsims_map_4x_seed_7_data_set.png"
    assert file_name("///", "map", PhotoRequest(BLANK, 7), "data set", 4) == wanted


def test_the_line_under_a_sheet_tells_all_looks(camvid: ModelInfo) -> None:
    regions = [{"class": 1, "seed": 3}, {"region": "", "seed": 4}, {"class": 255, "seed": 5}]
    names = reroll_names({"regions": regions}, camvid.spec)
    mixed = PhotoRequest(BLANK, 7, 8, 0.25, tuple((BLANK > 0, one["seed"]) for one in regions))
    told = "model m, look 7, mixed to 25% with look 8, Building look 3, region look 4, Unknown look 5"
    assert sentence("m", mixed, names, "natural") == f"{told}, natural colours"
    assert sentence("m", PhotoRequest(BLANK, 7), [], "data set") == "model m, look 7, data set colours"
    many = PhotoRequest(BLANK, 7, regions=tuple((BLANK > 0, seed) for seed in range(8)))
    told = sentence("m", many, ["Sky"] * 8, "natural")
    assert told == f"model m, look 7, {', '.join(f'Sky look {n}' for n in range(6))}, ..., natural colours"


def test_the_sheet_has_that_line_and_says_map(
    space: LiveSpace, camvid: ModelInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = []
    monkeypatch.setattr(downloads, "comparison_sheet", lambda *given, **more: drawn.append((given, more)))
    monkeypatch.setattr(page_service, "png_url", lambda image, facts: "")
    space.call("download", map=space.map, kind="both", seed=6, regions=REGIONS, palette="natural")
    ((_, titles), more) = drawn[0]
    assert titles == ["map", "photo"]
    assert more["footer"] == "model camvid, look 6, Building look 5, Road look 6, natural colours"
