"""Earlier photos, single re-rolls, scenes as photos, the first visit."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np

from tests.space.browser.conftest import OpenPage
from tests.space.browser.slow_painting import read_map
from tests.space.browser.stated_time import StatedTime
from tests.space.browser.studio_page import StudioPage, pixels_of
from tests.space.browser.test_nothing_lost import kept
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
    kept(studio, "localStorage", "camvid", page.evaluate("dpsims.map"))
    page.goto("about:blank")  # leaving stores the draft
    page.goto(f"{studio.address}/config")  # of the same origin, without the page's scripts
    page.evaluate("""for (const storage of [localStorage, sessionStorage]) {
        for (const key of Object.keys(storage)) if (key.startsWith("dpsims-draft:")) storage.removeItem(key);
    }""")
    studio.open()
    np.testing.assert_array_equal(studio.ids, before)  # no draft is left
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


def wait_until_listed(studio: StudioPage) -> None:
    """Wait until the photo shown is the first of the earlier photos."""
    studio.settle()
    studio.page.wait_for_function("""() => {
        const first = document.querySelector("#dps-past-row button img");
        return first && first.src === document.querySelector("#dps-photo").src;
    }""")


def test_earlier_photos_bring_their_scenes_back(studio: StudioPage) -> None:
    page = studio.page
    first = studio.photo
    wait_until_listed(studio)
    page.fill("#dps-seed", "41")
    page.keyboard.press("Tab")
    photo, ids = studio.photo, studio.ids
    wait_until_listed(studio)
    page.click("#dps-fill-all")
    wait_until_listed(studio)
    assert accessibility_faults(studio) == ""
    page.click("#dps-past-row button >> nth=1")
    assert studio.state["seed"] == "41"
    np.testing.assert_array_equal(studio.ids, ids)
    np.testing.assert_array_equal(studio.photo, photo)
    page.keyboard.press("Control+z")
    assert (studio.ids != ids).any()
    assert (first != photo).any()


def test_the_boxes_are_filled_while_the_page_rests_and_not_while_somebody_paints(new_page: OpenPage) -> None:
    studio = new_page()
    StatedTime(studio, 50.0)
    studio.open()
    page, buttons = studio.page, studio.page.locator("#dps-variations button[data-seed]")
    x, y = studio.points([(60.5, 40.5)])[0]
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(12):  # longer than the rest that is waited for
        page.mouse.move(x + 4 * step, y)
        page.wait_for_timeout(150)
    assert "variations" not in studio.calls
    assert len(studio.calls["live"]) > 2
    page.mouse.up()
    buttons.nth(3).wait_for()
    assert page.get_attribute("#dps-variations", "data-stale") == "false"
    assert page.inner_text("#dps-four-note") == "Press one to take it"
    calls = studio.calls["variations"]
    assert {(len(one["seeds"]), one["background"]) for one in calls} == {(1, True)}
    assert {one["map"] for one in calls} == {page.evaluate("dpsims.map")}
    shown = {int(seed) for seed in buttons.evaluate_all("all => all.map(one => one.dataset.seed)")}
    assert len(shown) == 4
    assert shown <= {one["seeds"][0] for one in calls}  # a call that the server refused is repeated
    assert page.locator("#dps-past-row button").count() >= 1
    asked = len(studio.calls["variations"])
    page.wait_for_timeout(1500)
    assert len(studio.calls["variations"]) == asked  # all boxes are full


def test_a_stroke_does_not_wait_for_the_boxes_and_a_slow_model_leaves_them_empty(new_page: OpenPage) -> None:
    studio = new_page()
    slow = StatedTime(studio, 900.0)
    studio.open()
    studio.page.wait_for_timeout(2500)
    assert "variations" not in studio.calls
    slow.ms = 50.0
    held: list[Any] = []
    studio.page.route(re.compile("component_server"), lambda route: hold(route, held))
    studio.page.click("#dps-new-seed")
    studio.settle()
    studio.page.wait_for_function("() => document.querySelector('.dps').dataset.follow === 'stroke'")
    while not held:
        studio.page.wait_for_timeout(50)
    studio.click(40, 40)  # the first of the looks is still under way
    studio.settle()
    assert len(studio.calls["variations"]) == len(held) == 1
    held[0].continue_()


def test_looks_go_on_after_a_lost_reply(new_page: OpenPage) -> None:
    studio = new_page()
    StatedTime(studio, 50.0)
    lost: list[Any] = []

    def lose_first(route: Any) -> None:
        if lost or route.request.post_data_json["fn_name"] != "variations":
            route.fallback()
        else:
            lost.append(route)
            route.abort()

    studio.page.route(re.compile("component_server"), lose_first)
    studio.open()
    while not lost:
        studio.page.wait_for_timeout(50)
    studio.page.click("#dps-new-seed")
    studio.page.locator("#dps-variations button[data-seed]").nth(3).wait_for()
    assert len(studio.troubles) == 2  # the lost reply, by the page and by the browser
    studio.troubles.clear()


def hold(route: Any, held: list[Any]) -> None:
    """Hold the requests for variations; pass the others to the previous handler."""
    if json.loads(route.request.post_data)["fn_name"] == "variations":
        held.append(route)
    else:
        route.fallback()
