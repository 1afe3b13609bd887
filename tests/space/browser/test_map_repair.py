"""Inexact maps: a preview first, the map of the page changes on request only."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import numpy as np
from PIL import Image

from dpsims_hub.labels import ClassSpec
from tests.space.browser.slow_painting import write_map
from tests.space.browser.studio_page import StudioPage
from tests.space.browser.test_interruptions import held, wait_for
from tests.space.browser.test_nothing_lost import switch
from tests.space.browser.test_visitors import accessibility_faults

CAMVID = ClassSpec.load("camvid")
ROAD, CAR, UNKNOWN = 3, 8, 255
MADE = "number => Number(document.querySelector('#dps-repair').dataset.made) > number"


def open_file(studio: StudioPage, pixels: np.ndarray, path: Path) -> None:
    Image.fromarray(pixels).save(path)
    made = studio.page.evaluate("Number(document.querySelector('#dps-repair').dataset.made || 0)")
    studio.page.set_input_files("#dps-file", path)
    studio.page.wait_for_function(MADE, arg=made)


def test_near_colours_are_snapped_with_a_preview(studio: StudioPage, tmp_path: Path) -> None:
    before = studio.ids
    ids = np.full((192, 256), ROAD)
    ids[50:90, 60:160] = CAR
    pixels = (CAMVID.palette[ids] + 3).astype(np.uint8)
    pixels[:10] = (250, 250, 250)
    open_file(studio, pixels, tmp_path / "map.png")
    page = studio.page
    note = "map.png has colours that are not exactly those of camvid. Say here what each means."
    assert page.inner_text("#dps-repair-note") == note
    assert page.locator("#dps-repair-rows tr").count() == 3
    np.testing.assert_array_equal(studio.ids, before)  # nothing is taken yet
    assert accessibility_faults(studio) == ""
    made = int(page.get_attribute("#dps-repair", "data-made"))
    page.select_option('#dps-repair-rows [data-value="#fafafa"] select', label="Sky")
    page.wait_for_function(MADE, arg=made)
    page.click("#dps-repair-use")
    ids[:10] = 0
    np.testing.assert_array_equal(studio.ids, ids)
    page.keyboard.press("Control+z")
    np.testing.assert_array_equal(studio.ids, before)


def test_numbers_are_given_classes(studio: StudioPage, tmp_path: Path) -> None:
    before = studio.ids
    pixels = np.full((192, 256), 77, dtype=np.uint8)
    pixels[:60] = 0
    open_file(studio, pixels, tmp_path / "map.png")
    studio.page.click('#dps-repair form button:has-text("Cancel")')
    np.testing.assert_array_equal(studio.ids, before)
    open_file(studio, pixels, tmp_path / "map.png")
    made = int(studio.page.get_attribute("#dps-repair", "data-made"))
    studio.page.select_option('#dps-repair-rows [data-value="77"] select', label="Tree")
    studio.page.wait_for_function(MADE, arg=made)
    studio.page.click("#dps-repair-use")
    np.testing.assert_array_equal(studio.ids, np.where(pixels == 77, 5, 0))


def test_a_map_of_another_shape_is_cropped_or_kept(studio: StudioPage, tmp_path: Path) -> None:
    square = np.full((96, 96), ROAD, dtype=np.uint8)
    open_file(studio, square, tmp_path / "square.png")
    assert "cropped at the centre" in studio.page.inner_text("#dps-repair-note")
    made = int(studio.page.get_attribute("#dps-repair", "data-made"))
    studio.page.check("#dps-repair-whole")
    studio.page.wait_for_function(MADE, arg=made)
    assert accessibility_faults(studio) == ""
    studio.page.click("#dps-repair-use")
    wanted = np.full((192, 256), UNKNOWN)
    wanted[:, 32:224] = ROAD
    np.testing.assert_array_equal(studio.ids, wanted)


def test_an_alert_in_the_dialog_can_be_read_and_closed_there(studio: StudioPage, tmp_path: Path) -> None:
    page = studio.page
    open_file(studio, np.full((192, 256), 77, dtype=np.uint8), tmp_path / "map.png")
    with held(studio, "repair_map") as routes:
        page.select_option('#dps-repair-rows [data-value="77"] select', label="Tree")
        wait_for(studio, routes, 1)
        routes[0].fulfill(json={"error": "map.png: cannot be read now."})
        assert studio.notice("alert") == "map.png: cannot be read now."
    assert accessibility_faults(studio) == ""
    assert not page.evaluate("""() => {
        const box = document.querySelector(".dps-notice").getBoundingClientRect();
        return [...document.querySelectorAll("#dps-repair :is(button, select, input)")]
            .filter((one) => !one.closest(".dps-notice") && one.checkVisibility())
            .map((one) => one.getBoundingClientRect())
            .some(({ top, bottom }) => top < box.bottom && bottom > box.top);
    }""")
    page.click("#dps-repair .dps-notice-close")  # it can be pressed
    assert page.locator(".dps-notice").count() == 0
    with held(studio, "repair_map") as routes:
        page.select_option('#dps-repair-rows [data-value="77"] select', label="Road")
        wait_for(studio, routes, 1)
        routes[0].fulfill(json={"error": "map.png: cannot be read now."})
        assert studio.notice("alert")
    page.click('#dps-repair form button:has-text("Cancel")')
    page.click("#dps-notices .dps-notice-close")  # it is over the photo now
    assert page.locator(".dps-notice").count() == 0


def test_palettes_are_saved_for_painting_programs(studio: StudioPage, tmp_path: Path) -> None:
    for kind, size in (("gpl", 250), ("act", 772)):
        studio.page.click("#dps-download-button")
        with studio.page.expect_download() as saved:
            studio.page.click(f'[data-palette="{kind}"]')
        assert saved.value.suggested_filename == f"camvid_colours.{kind}"
        saved.value.save_as(tmp_path / kind)
        assert len((tmp_path / kind).read_bytes()) >= size


def test_the_last_choice_counts_even_before_its_preview(studio: StudioPage, tmp_path: Path) -> None:
    pixels = np.full((192, 256), 77, dtype=np.uint8)
    pixels[:60] = 0
    open_file(studio, pixels, tmp_path / "map.png")
    studio.page.evaluate("""() => {
        const choice = document.querySelector('#dps-repair-rows [data-value="77"] select');
        choice.value = 5;
        choice.dispatchEvent(new Event("change"));
        document.querySelector("#dps-repair-use").click();
    }""")
    studio.page.wait_for_selector("#dps-repair", state="hidden")
    np.testing.assert_array_equal(studio.ids, np.where(pixels == 77, 5, 0))


def test_a_map_read_for_another_model_is_not_used(studio: StudioPage, tmp_path: Path) -> None:
    open_file(studio, np.full((192, 256), 77, dtype=np.uint8), tmp_path / "map.png")
    linked = write_map(np.zeros((32, 64), int))
    studio.page.evaluate("hash => { location.hash = hash; }", f"model=wide&map={quote(linked, safe='')}")
    studio.page.wait_for_selector('.dps[data-model="wide"]')
    studio.settle()
    before = studio.ids
    studio.page.click("#dps-repair-use")
    assert studio.notice("alert") == "map.png was read for another model; open it again."
    np.testing.assert_array_equal(studio.ids, before)
    switch(studio, "camvid")


def test_values_that_are_told_for_another_model_open_no_dialog(studio: StudioPage, tmp_path: Path) -> None:
    Image.fromarray(np.full((192, 256), 77, dtype=np.uint8)).save(tmp_path / "map.png")
    with held(studio, "inspect_map") as routes:
        studio.page.set_input_files("#dps-file", tmp_path / "map.png")
        wait_for(studio, routes, 1)
        switch(studio, "wide")
        with studio.page.expect_response(lambda response: response.request == routes[0].request):
            routes[0].continue_()
        assert "77" in studio.notice("alert")  # the refusal itself
    assert not studio.page.is_visible("#dps-repair")
    switch(studio, "camvid")


def test_a_preview_for_another_model_is_not_drawn(studio: StudioPage, tmp_path: Path) -> None:
    open_file(studio, np.full((192, 256), 77, dtype=np.uint8), tmp_path / "map.png")
    drawn = studio.page.get_attribute("#dps-repair", "data-made")
    with held(studio, "repair_map") as routes:
        studio.page.select_option('#dps-repair-rows [data-value="77"] select', label="Tree")
        wait_for(studio, routes, 1)
        linked = write_map(np.zeros((32, 64), int))
        studio.page.evaluate("hash => { location.hash = hash; }", f"model=wide&map={quote(linked, safe='')}")
        studio.page.wait_for_selector('.dps[data-model="wide"]')
        with studio.page.expect_response(lambda response: response.request == routes[0].request):
            routes[0].continue_()
    studio.settle()
    assert studio.page.get_attribute("#dps-repair", "data-made") == drawn
    studio.page.click('#dps-repair form button:has-text("Cancel")')
    switch(studio, "camvid")
