"""What was made, and where to begin: earlier photos, re-rolls one by one, scenes as photos, first visit."""

from __future__ import annotations

import numpy as np

from tests.space.browser.conftest import OpenPage
from tests.space.browser.slow_painting import read_map
from tests.space.browser.studio_page import StudioPage, pixels_of
from tests.space.browser.test_visitors import accessibility_faults
from tests.space.served_space import ServedSpace

BUILDING, ROAD = 1, 3


def test_the_first_visit_shows_one_stroke_and_a_sentence(open_page: OpenPage) -> None:
    studio = open_page()
    page = studio.page
    assert page.inner_text("#dps-first-run-text") == "Pick Tree, drag here"
    assert page.evaluate("document.querySelector('#dps-first-run-path').getTotalLength()") > 50
    assert accessibility_faults(studio) == ""
    before = studio.ids
    studio.click(20, 20)  # the hint does not lie in the way
    assert (studio.ids != before).any()
    assert not page.is_visible("#dps-first-run")
    studio.page.evaluate("localStorage.removeItem('dpsims-drafts')")
    studio.open()
    assert not page.is_visible("#dps-first-run")


def test_scenes_are_shown_as_photos(studio: StudioPage, server: ServedSpace) -> None:
    page = studio.page
    page.click("#dps-scenes-button")
    names = [one["name"] for one in page.evaluate("dpsims.model.examples")]
    shown = page.locator("#dps-scenes [data-scene] img")
    page.wait_for_function(
        "count => document.querySelectorAll('#dps-scenes [data-scene] img').length === count", arg=len(names)
    )
    wanted = server.call("live", map=page.evaluate("dpsims.model.examples[1].map"))["photo"]
    np.testing.assert_array_equal(pixels_of(shown.nth(1).get_attribute("src")), pixels_of(wanted))
    assert accessibility_faults(studio) == ""
    page.keyboard.press("Escape")


def test_a_random_scene_is_one_of_the_scenes_perhaps_mirrored(studio: StudioPage) -> None:
    page, before = studio.page, studio.ids
    scenes = [read_map(one["map"]) for one in page.evaluate("dpsims.model.examples")]
    page.click("#dps-scenes-button")
    page.click("#dps-random")
    ids = studio.ids
    assert any((ids == one).all() or (ids == one[:, ::-1]).all() for one in scenes)
    assert studio.state["seed"] != "0"
    page.click("#dps-undo")
    np.testing.assert_array_equal(studio.ids, before)


def test_re_rolls_are_listed_outlined_and_taken_back_one_by_one(studio: StudioPage) -> None:
    page = studio.page
    for one in (BUILDING, ROAD):
        page.click(f'#dps-legend [data-id="{one}"] .dps-legend-reroll')
    rows = page.locator("#dps-reroll-list button")
    assert rows.all_inner_texts() == ["Building", "Road"]
    assert page.locator("#dps-outline path").count() == 4
    rows.nth(1).hover()
    assert page.get_attribute("#dps-outline", "data-pointed") == "true"
    assert page.locator("#dps-outline path").count() == 2
    road = page.evaluate("dpsims.regions")[1]
    assert accessibility_faults(studio) == ""
    rows.nth(0).click()
    assert page.evaluate("dpsims.regions") == [road]
    page.click("#dps-undo")
    assert rows.count() == 2
    for _ in range(2):
        rows.nth(0).click()
    assert not page.is_visible("#dps-reroll-list")
    assert page.locator("#dps-outline:visible").count() == 0


def test_earlier_photos_bring_their_scenes_back(studio: StudioPage) -> None:
    page = studio.page
    first = studio.photo
    page.wait_for_timeout(1000)
    page.fill("#dps-seed", "41")
    page.keyboard.press("Tab")
    photo, ids = studio.photo, studio.ids
    page.wait_for_timeout(1000)
    page.click("#dps-fill-all")
    studio.settle()
    page.wait_for_function("document.querySelectorAll('#dps-past-row button').length >= 3")
    assert accessibility_faults(studio) == ""
    page.click("#dps-past-row button >> nth=1")
    assert studio.state["seed"] == "41"
    np.testing.assert_array_equal(studio.ids, ids)
    np.testing.assert_array_equal(studio.photo, photo)
    page.keyboard.press("Control+z")
    assert (studio.ids != ids).any()
    assert (first != photo).any()
