"""An opened photo: its map can be painted on, and the photo can be compared."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.space.browser.conftest import OpenPage
from tests.space.browser.slow_painting import brushed, read_map
from tests.space.browser.studio_page import StudioPage, difference
from tests.space.browser.test_nothing_lost import switch
from tests.space.browser.test_results import wait_until_listed
from tests.space.browser.test_visitors import accessibility_faults
from tests.space.served_space import ServedSpace, base64_of

CAR = 8


@pytest.mark.slow
def test_a_photo_becomes_a_map_and_stays_for_compare(
    open_page: OpenPage, server: ServedSpace, tmp_path: Path
) -> None:
    rows, columns = np.mgrid[:48, :64]
    pixels = np.stack([4 * columns, 5 * rows, np.full((48, 64), 90)], axis=2).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "me.png")
    studio = open_page()
    page = studio.page
    page.select_option("#dps-model", "seeing")
    page.wait_for_selector('.dps[data-model="seeing"]')
    before = studio.ids
    assert not page.is_visible("#dps-original")
    page.set_input_files("#dps-photo-file", tmp_path / "me.png")
    page.wait_for_selector("#dps-original", state="visible", timeout=90_000)
    data = base64_of((tmp_path / "me.png").read_bytes())
    wanted = read_map(server.call("read_photo", model="seeing", file="me.png", data=data)["map"])
    np.testing.assert_array_equal(studio.ids, wanted)
    assert (wanted != before).any()

    studio.settle()
    studio.close_all()
    page.click("#dps-original")
    page.fill("#dps-compare-slider", "100")
    assert page.get_attribute("#dps-original", "aria-pressed") == "true"
    assert page.get_attribute("#dps-compare", "aria-pressed") == "false"
    assert difference(shown(studio), pixels).mean() < 12
    assert accessibility_faults(studio) == ""
    studio.choose_class(CAR)
    page.fill("#dps-size", "5")
    places = [(5.5, 5.5), (50.5, 30.5)]
    studio.stroke(places)
    np.testing.assert_array_equal(studio.ids, brushed(wanted, places, 5, CAR))
    assert difference(shown(studio), pixels).mean() < 12  # the original stays while one paints on
    page.click("#dps-compare")  # now the map lies over the photo
    assert difference(shown(studio), pixels).mean() > 20
    page.click("#dps-scenes-button")
    page.click("#dps-scenes button >> nth=0")
    assert not page.is_visible("#dps-original")


def open_photo(studio: StudioPage, path: Path, model: str = "seeing") -> None:
    """Switch to a model with a segmenter, open a photo and wait for its map."""
    if studio.state["model"] != model:
        switch(studio, model)
    studio.page.set_input_files("#dps-photo-file", path)
    studio.page.wait_for_selector("#dps-original", state="visible", timeout=90_000)
    studio.settle()


def halves(size: tuple[int, int]) -> Image.Image:
    """A photo whose left half is red and whose right half is blue."""
    photo = Image.new("RGB", size, (200, 30, 30))
    photo.paste((30, 30, 200), (size[0] // 2, 0, *size))
    return photo


def test_a_large_photo_of_a_phone_is_made_smaller_before_it_is_sent(
    open_page: OpenPage, tmp_path: Path
) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6  # a phone held upright: stored lying, seen after a quarter turn clockwise
    lying = halves((4000, 5000)).transpose(Image.Transpose.ROTATE_90)
    assert lying.size == (5000, 4000)
    lying.save(tmp_path / "phone.jpg", exif=turned)
    studio = open_page()
    open_photo(studio, tmp_path / "phone.jpg")
    (call,) = studio.calls["read_photo"]
    sent = Image.open(io.BytesIO(base64.b64decode(call["data"])))
    assert sent.size == (819, 1024)  # 4000 x 5000 seen upright, the longer side at 1024
    pixels = np.asarray(sent.convert("RGB")).astype(int)
    assert np.abs(pixels[:, :380] - (200, 30, 30)).mean() < 4
    assert np.abs(pixels[:, 440:] - (30, 30, 200)).mean() < 4


def test_a_file_above_the_limit_is_opened_as_a_photo_and_a_small_one_goes_as_it_is(
    open_page: OpenPage, tmp_path: Path
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1600, 1800, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "large.png", compress_level=0)
    halves((80, 60)).save(tmp_path / "small.webp", lossless=True)
    assert (tmp_path / "large.png").stat().st_size > 8e6
    studio = open_page()
    assert "image/webp" in studio.page.get_attribute("#dps-photo-file", "accept").split(",")
    open_photo(studio, tmp_path / "large.png")
    open_photo(studio, tmp_path / "small.webp")
    studio.page.wait_for_function("() => document.querySelector('.dps').dataset.busy === 'false'")
    first, second = (base64.b64decode(call["data"]) for call in studio.calls["read_photo"])
    assert max(Image.open(io.BytesIO(first)).size) == 1024
    assert second == (tmp_path / "small.webp").read_bytes()


def test_the_original_comes_back_with_its_scene(open_page: OpenPage, tmp_path: Path) -> None:
    halves((64, 48)).save(tmp_path / "me.png")
    studio = open_page()
    page = studio.page
    switch(studio, "seeing")
    studio.settle()
    open_photo(studio, tmp_path / "me.png")
    wait_until_listed(studio)
    page.click("#dps-original")
    page.keyboard.press("Control+z")
    assert not page.is_visible("#dps-original")
    assert page.get_attribute("#dps-compare", "aria-pressed") == "true"  # now with the map
    page.keyboard.press("Control+Shift+z")
    assert page.is_visible("#dps-original")
    page.click("#dps-scenes-button")
    page.click("#dps-scenes button[data-scene] >> nth=1")
    wait_until_listed(studio)
    assert not page.is_visible("#dps-original")
    page.click("#dps-past-row button >> nth=1")  # the earlier photo
    page.click("#dps-original")
    page.fill("#dps-compare-slider", "100")
    assert difference(shown(studio), np.asarray(halves((64, 48)))).mean() < 12
    switch(studio, "camvid")
    assert not page.is_visible("#dps-original")
    switch(studio, "seeing")
    assert page.is_visible("#dps-original")
    studio.open()
    assert not page.is_visible("#dps-original")  # it is kept in this page only


def test_a_bundled_model_opens_a_photo_out_of_the_box(open_page: OpenPage, tmp_path: Path) -> None:
    studio = open_page()
    before = studio.ids
    Image.fromarray(studio.photo).save(tmp_path / "street.png")
    studio.page.click("#dps-fill-all")
    open_photo(studio, tmp_path / "street.png", "camvid")
    assert (studio.ids == before).mean() > 0.6  # the model's own photo of that map
    assert (studio.ids == studio.ids[0, 0]).mean() < 0.9


def shown(studio: StudioPage) -> np.ndarray:
    """The photo pane at the map's size, without the slider's line at its end."""
    studio.page.wait_for_timeout(100)
    studio.end_transitions()
    picture = Image.fromarray(studio.visible_image("#dps-over-photo"))
    return np.asarray(picture.resize((64, 48), Image.Resampling.BOX))


def test_without_a_segmenter_the_button_says_what_to_configure(open_page: OpenPage) -> None:
    studio = open_page()
    studio.page.select_option("#dps-model", "ade20k")
    studio.page.wait_for_selector('.dps[data-model="ade20k"]')
    studio.page.click("#dps-open-photo")
    assert "dpsims train-segmenter" in studio.notice("alert")
