"""Inexact maps made exact, maps of other shapes, palettes for painting programs."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.GimpPaletteFile import GimpPaletteFile

from dpsims_hub.labels import ClassSpec
from dpsims_hub.space.fitting import fit
from dpsims_hub.space.map_string import decode
from tests.space.live_space import LiveSpace

CAMVID = ClassSpec.load("camvid")
RNG = np.random.default_rng(0)
IDS = RNG.integers(0, 11, (12, 16)).repeat(16, 0).repeat(16, 1)  # the model's own 192x256
SKY, ROAD, UNKNOWN = 0, 3, 255


def file_of(pixels: np.ndarray) -> dict[str, str]:
    """The pixels as the page sends a file of them."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return {"file": "map.png", "data": base64.b64encode(buffer.getvalue()).decode()}


def nearly(ids: np.ndarray, off: int = 4) -> np.ndarray:
    """The class colours, each channel off by at most `off`."""
    colours = np.array([CAMVID.classes[one].rgb for one in range(11)])[ids]
    return (colours + RNG.integers(-off, off + 1, colours.shape)).clip(0, 255).astype(np.uint8)


def repaired(space: LiveSpace, pixels: np.ndarray, **more: Any) -> np.ndarray:
    answer = space.call("repair_map", **file_of(pixels), **more)
    assert set(answer) == {"map", "note"}, answer
    return decode(answer["map"], CAMVID)


def test_colours_that_miss_by_a_little_become_their_classes(space: LiveSpace) -> None:
    pixels = nearly(IDS)
    assert "error" in space.call("read_map", **file_of(pixels))
    np.testing.assert_array_equal(repaired(space, pixels), IDS)
    told = space.call("inspect_map", **file_of(pixels))
    assert len(told["values"]) == 24
    different = len(np.unique(pixels.reshape(-1, 3), axis=0))
    assert told["more"] == different - 24
    first = told["values"][0]
    colour = [int(first["value"][at : at + 2], 16) for at in (1, 3, 5)]
    assert first["share"] == pytest.approx((pixels == colour).all(axis=2).mean(), abs=1e-5)
    gaps = [sum((a - b) ** 2 for a, b in zip(colour, one.rgb, strict=True)) ** 0.5 for one in CAMVID.classes]
    assert first["class"] == int(np.argmin(gaps))
    assert first["distance"] == pytest.approx(min(gaps), abs=0.05)


def test_a_far_colour_is_unknown_until_its_owner_names_a_class(space: LiveSpace) -> None:
    pixels = nearly(IDS, off=0)
    pixels[:20] = (255, 255, 255)
    wanted = IDS.copy()
    wanted[:20] = UNKNOWN
    np.testing.assert_array_equal(repaired(space, pixels), wanted)
    wanted[:20] = SKY
    np.testing.assert_array_equal(repaired(space, pixels, table={"#ffffff": SKY}), wanted)


def test_numbers_get_classes_in_a_table(space: LiveSpace) -> None:
    pixels = np.where(IDS == ROAD, 40, IDS).astype(np.uint8)
    told = space.call("inspect_map", **file_of(pixels))
    classes = {row["value"]: row["class"] for row in told["values"]}
    assert classes == {str(one): one for one in range(11) if one != ROAD} | {"40": UNKNOWN}
    np.testing.assert_array_equal(repaired(space, pixels, table={"40": ROAD}), IDS)
    swapped = repaired(space, pixels, table={"40": ROAD, "0": 5, "5": 0})
    np.testing.assert_array_equal(swapped, np.select([IDS == 0, IDS == 5], [5, 0], IDS))


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"#000000": 99}, "99 is no class"),
        ({"#000000": "Sky"}, "'Sky' is no class"),
        ([1], "table must be an object"),
        ({str(one): 0 for one in range(25)}, "at most 24 classes"),
    ],
)
def test_tables_that_do_not_fit_are_refused(space: LiveSpace, table: Any, said: str) -> None:
    answer = space.call("repair_map", **file_of(nearly(IDS)), table=table)
    assert said in answer["error"]


def test_a_photo_is_no_map_to_repair(space: LiveSpace) -> None:
    rows, columns = np.mgrid[:192, :256]
    photo = np.stack([rows, 255 - columns, (rows * columns) % 256], axis=2).astype(np.uint8)
    assert (
        "of its pixels are near the colour of a class" in space.call("inspect_map", **file_of(photo))["error"]
    )
    large = np.zeros((8, 2049, 3), dtype=np.uint8)
    assert "above 2048 px" in space.call("inspect_map", **file_of(large))["error"]
    assert "is not an image" in space.call("inspect_map", file="a.png", data="PGh0bWw+")["error"]


@pytest.mark.parametrize(
    ("shape", "inner"), [((96, 96), (192, 192)), ((40, 400), (26, 256)), ((300, 100), (192, 64))]
)
def test_a_map_of_another_shape_is_kept_whole(shape: tuple[int, int], inner: tuple[int, int]) -> None:
    ids = RNG.integers(0, 11, shape).astype(np.uint8)
    whole, note = fit(ids, (192, 256), border=UNKNOWN)
    top, left = (192 - inner[0]) // 2, (256 - inner[1]) // 2
    rows = ((np.arange(inner[0]) + 0.5) * shape[0] / inner[0]).astype(int)
    columns = ((np.arange(inner[1]) + 0.5) * shape[1] / inner[1]).astype(int)
    wanted = np.full((192, 256), UNKNOWN)
    wanted[top : top + inner[0], left : left + inner[1]] = ids[rows][:, columns]
    np.testing.assert_array_equal(whole, wanted)
    assert note == f"All of the map of {shape[1]}x{shape[0]} px is kept; the bands beside it are unknown."


def test_the_page_is_told_when_a_map_was_cropped_and_may_keep_it_whole(space: LiveSpace) -> None:
    square = file_of(np.full((96, 96), ROAD, dtype=np.uint8))
    answer = space.call("read_map", **square)
    assert answer["cropped"] is True
    assert (decode(answer["map"], CAMVID) == ROAD).all()
    whole = space.call("read_map", **square, whole=True)
    assert set(whole) == {"map", "note"}
    assert (decode(whole["map"], CAMVID) == ROAD).mean() == 192 / 256
    assert "cropped" not in space.call("read_map", **file_of(IDS.astype(np.uint8)))


def test_the_palette_of_krita_and_gimp_names_every_class(space: LiveSpace) -> None:
    answer = space.call("palette", kind="gpl")
    assert answer["name"] == "camvid_colours.gpl"
    content = base64.b64decode(answer["data"].partition(",")[2])
    colours = np.frombuffer(GimpPaletteFile(io.BytesIO(content)).getpalette()[0], np.uint8).reshape(-1, 3)
    assert colours[:11].tolist() == [list(one.rgb) for one in CAMVID.classes]
    names = [line.split("\t")[1] for line in content.decode().splitlines()[4:]]
    assert names == [*CAMVID.names, "unknown"]


def test_the_colour_table_of_photoshop_has_the_ids_as_positions(space: LiveSpace) -> None:
    answer = space.call("palette", kind="act")
    content = base64.b64decode(answer["data"].partition(",")[2])
    assert len(content) == 772
    assert list(content[3 * ROAD : 3 * ROAD + 3]) == [128, 64, 128]
    assert list(content[3 * UNKNOWN : 3 * UNKNOWN + 3]) == [0, 0, 0]
    assert content[768:] == bytes([1, 0, 255, 255])  # 256 colours, none transparent
    assert "kind must be one of gpl, act" in space.call("palette", kind="exe")["error"]
