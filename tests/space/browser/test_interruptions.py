"""What comes between: other models, late answers, held keys, a palm, dialogs over something begun."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.space.browser.slow_painting import brushed, write_map
from tests.space.browser.studio_page import StudioPage
from tests.space.browser.test_nothing_lost import switch
from tests.space.browser.test_tools import CORNERS, an_l, take

CAR, PEDESTRIAN = 8, 9
SERVER = re.compile("component_server")
PLACES = [(20.5, 30.5), (60.5, 44.5)]


@contextmanager
def held(studio: StudioPage, function: str) -> Iterator[list[Any]]:
    """Hold the requests of a server function; the routes go into the list, to be continued or aborted."""
    routes: list[Any] = []

    def handle(route: Any) -> None:
        if json.loads(route.request.post_data)["fn_name"] == function:
            routes.append(route)
        else:
            route.continue_()

    studio.page.route(SERVER, handle)
    yield routes
    studio.page.unroute(SERVER, handle)


def wait_for(studio: StudioPage, routes: list[Any], count: int) -> None:
    for _ in range(300):
        if len(routes) >= count:
            return
        studio.page.wait_for_timeout(50)
    raise AssertionError(f"{len(routes)} of {count} requests came")


def answer(studio: StudioPage, route: Any) -> None:
    """Let a held request through, and give the page time for its answer."""
    with studio.page.expect_response(lambda response: response.request == route.request):
        route.continue_()
    studio.page.wait_for_timeout(150)


def open_map(studio: StudioPage, name: str, value: int) -> np.ndarray:
    """Open a map file of one class, and return its map."""
    ids, content = np.full((192, 256), value), io.BytesIO()
    Image.fromarray(ids.astype(np.uint8)).save(content, "PNG")
    file = {"name": name, "mimeType": "image/png", "buffer": content.getvalue()}
    studio.page.set_input_files("#dps-file", file)
    return ids


def held_down(studio: StudioPage, key: str, repeats: int = 4) -> None:
    for _ in range(repeats):
        studio.page.keyboard.down(key)
    studio.page.keyboard.up(key)


def steps(studio: StudioPage) -> int:
    return int(studio.state["undo"])


def focused(studio: StudioPage, where: str) -> bool:
    return studio.page.evaluate(f"{where} === document.activeElement")


def test_a_model_of_one_class_comes_while_a_stamp_is_in_hand(studio: StudioPage) -> None:
    studio.choose_class(PEDESTRIAN)
    take(studio, "car")
    before = steps(studio)
    switch(studio, "single")
    assert studio.page.locator("#dps-classes .dps-chip").count() == 2  # its class and Unknown
    assert (steps(studio), studio.state["tool"]) == (before + 1, "brush")
    studio.page.focus("#dps-map")
    studio.page.keyboard.press("t")  # it has no stamps
    assert not studio.page.is_visible("#dps-stamps")
    studio.page.click("#dps-replace-button")
    assert studio.page.input_value("#dps-replace-from") == "0"
    assert studio.page.input_value("#dps-replace-to") == "255"
    studio.page.keyboard.press("Escape")
    switch(studio, "camvid")


def test_a_held_key_makes_one_step_of_history(studio: StudioPage) -> None:
    before, size = steps(studio), int(studio.state["size"])
    studio.page.focus("#dps-map")
    held_down(studio, "s")
    assert steps(studio) == before + 1
    studio.page.focus("#dps-new-seed")
    held_down(studio, "Enter")
    assert steps(studio) == before + 2
    studio.choose_tool("reroll")
    studio.page.mouse.move(1, 1)  # over the map, Space would move the view
    studio.page.focus("#dps-map")
    held_down(studio, "Enter")
    assert steps(studio) == before + 3
    quickly = """field => [41, 42, 43].forEach((seed) => {
        field.value = seed;
        field.dispatchEvent(new Event("change"));
    })"""
    studio.page.locator("#dps-seed").evaluate(quickly)
    assert (steps(studio), studio.state["seed"]) == (before + 4, "43")
    held_down(studio, "]")
    assert int(studio.state["size"]) >= size + 4  # this one goes on


def test_escape_in_a_dialog_leaves_a_begun_polygon(studio: StudioPage) -> None:
    before = studio.ids
    studio.choose_class(CAR)
    studio.choose_tool("polygon")
    for point in studio.points(CORNERS):
        studio.page.mouse.click(*point)
    studio.page.keyboard.press("?")
    studio.page.wait_for_selector("#dps-shortcuts[open]")
    studio.page.keyboard.press("Escape")
    studio.page.wait_for_selector("#dps-shortcuts:not([open])", state="attached")
    studio.page.focus("#dps-map")
    studio.page.keyboard.press("Enter")
    np.testing.assert_array_equal(studio.ids, an_l(before, CAR))


@pytest.mark.parametrize("tool", ["brush", "rect", "move", "stamp"])
def test_a_pointer_goes_on_after_its_stroke_was_cancelled(studio: StudioPage, tool: str) -> None:
    before = studio.ids
    studio.choose_class(CAR)
    first, *others = studio.points([*PLACES, (90.5, 90.5), (30.5, 90.5)])
    for by in ("Escape", "another tool"):
        if tool == "stamp":
            take(studio, "car")
        else:
            studio.choose_tool(tool)
        studio.page.mouse.move(*first)
        studio.page.mouse.down()
        studio.page.mouse.move(*others[0])
        if by == "Escape":
            studio.page.keyboard.press("Escape")
        elif tool != "brush":  # a second finger
            studio.page.locator("[data-tool-button=fill]").evaluate("one => one.click()")
        for point in others[1:]:
            studio.page.mouse.move(*point)
        studio.page.mouse.up()
        if by == "Escape" or tool != "brush":
            np.testing.assert_array_equal(studio.ids, before)
        assert studio.troubles == []


DISPATCH = """events => {
    const map = document.querySelector("#dps-map");
    map.setPointerCapture = () => {}; // there are no such pointers
    for (const [type, pointerType, pointerId, [clientX, clientY]] of events) {
        const options = { pointerType, pointerId, clientX, clientY, bubbles: true, cancelable: true };
        map.dispatchEvent(new PointerEvent(type, options));
    }
    delete map.setPointerCapture;
}"""


def test_a_pen_takes_over_from_the_palm_of_its_hand(studio: StudioPage) -> None:
    before, undo = studio.ids, steps(studio)
    studio.choose_class(CAR)
    palm, other, moved, start, end = studio.points(
        [(200.5, 150.5), (220.5, 160.5), (210.5, 170.5), (20.5, 30.5), (90.5, 60.5)]
    )
    events = [
        ("pointerdown", "touch", 71, palm),
        ("pointermove", "touch", 71, moved),
        ("pointerdown", "pen", 72, start),
        ("pointerdown", "touch", 73, other),
        ("pointerdown", "touch", 74, palm),
        ("pointermove", "touch", 73, palm),
        ("pointermove", "pen", 72, end),
        ("pointercancel", "touch", 71, moved),
        ("pointerup", "touch", 73, palm),
        ("pointerup", "pen", 72, end),
        ("pointerup", "touch", 74, palm),
    ]
    studio.page.evaluate(DISPATCH, events)
    np.testing.assert_array_equal(studio.ids, brushed(before, [(20.5, 30.5), (90.5, 60.5)], 8, CAR))
    assert (steps(studio), studio.state["zoom"]) == (undo + 1, "1.00")


def test_keyboard_focus_stays_where_rows_are_made_anew(studio: StudioPage) -> None:
    studio.choose_class(CAR)
    for number in range(2):
        studio.stroke([(20.5, 30.5 + 40 * number), (60.5, 44.5 + 40 * number)])
        count = f"document.querySelectorAll('#dps-past-row button').length > {number}"
        studio.page.wait_for_function(count)  # photos count that stay for a second
    studio.page.locator("#dps-past-row button").nth(1).evaluate("one => { window.old = one; one.focus(); }")
    studio.page.keyboard.press("Enter")
    studio.page.wait_for_function("!window.old.isConnected")
    assert focused(studio, "document.querySelector('#dps-past-row').children[1]")
    studio.four_looks().nth(2).evaluate("one => { window.old = one; one.focus(); }")
    studio.page.locator("#dps-four").evaluate("one => one.click()")
    studio.page.wait_for_function("!window.old.isConnected")
    assert focused(studio, "document.querySelector('#dps-variations').children[2]")
    take(studio, "car")
    studio.page.focus("[data-action=drop]")
    studio.page.keyboard.press("Enter")
    assert focused(studio, "document.querySelector('#dps-map')")


def test_space_is_let_go_in_a_text_field_too(studio: StudioPage) -> None:
    studio.page.focus("#dps-map")
    studio.page.mouse.move(*studio.points([(50.5, 50.5)])[0])
    studio.page.keyboard.down(" ")
    assert studio.state["pan"] == "true"
    studio.page.focus("#dps-search")
    studio.page.keyboard.up(" ")
    assert studio.state["pan"] == "false"
    before = studio.ids
    studio.choose_class(CAR)
    studio.stroke(PLACES)
    np.testing.assert_array_equal(studio.ids, brushed(before, PLACES, 8, CAR))


def test_undo_works_on_a_cyrillic_keyboard(studio: StudioPage) -> None:
    before, event = studio.ids, {"key": "я", "code": "KeyZ", "ctrlKey": True, "bubbles": True}
    studio.choose_class(CAR)
    studio.stroke(PLACES)
    studio.page.evaluate("(event) => document.body.dispatchEvent(new KeyboardEvent('keydown', event))", event)
    np.testing.assert_array_equal(studio.ids, before)


def test_a_late_answer_about_a_file_changes_nothing(studio: StudioPage) -> None:
    with held(studio, "read_map") as routes:
        open_map(studio, "old.png", 1)
        wait_for(studio, routes, 1)
        newer = open_map(studio, "new.png", 2)
        wait_for(studio, routes, 2)
        answer(studio, routes[1])
        answer(studio, routes[0])
        np.testing.assert_array_equal(studio.ids, newer)

        other = open_map(studio, "stroke.png", 3)
        wait_for(studio, routes, 3)
        first, second, third = studio.points([*PLACES, (90.5, 90.5)])
        studio.page.mouse.move(*first)
        studio.page.mouse.down()
        studio.page.mouse.move(*second)
        answer(studio, routes[2])
        studio.page.mouse.move(*third)
        studio.page.mouse.up()
        np.testing.assert_array_equal(studio.ids, other)
        studio.page.click("#dps-undo")
        np.testing.assert_array_equal(studio.ids, newer)

        open_map(studio, "late.png", 4)
        wait_for(studio, routes, 4)
        switch(studio, "ade20k")
        before = studio.ids
        answer(studio, routes[3])
        assert studio.notice("alert") == "late.png was read for camvid; open it again."
        np.testing.assert_array_equal(studio.ids, before)
    switch(studio, "camvid")


def test_the_last_of_two_chosen_models_counts(studio: StudioPage) -> None:
    with held(studio, "switch_model") as routes:
        studio.page.select_option("#dps-model", "ade20k")
        wait_for(studio, routes, 1)
        studio.page.select_option("#dps-model", "single")
        wait_for(studio, routes, 2)
        answer(studio, routes[1])
        answer(studio, routes[0])
        assert (studio.state["model"], studio.page.input_value("#dps-model")) == ("single", "single")
    switch(studio, "camvid")


def test_a_link_waits_for_its_model(studio: StudioPage) -> None:
    before, wanted = studio.ids, np.zeros((32, 48), int)
    with held(studio, "switch_model") as routes:
        studio.page.evaluate(
            "map => { location.hash = `model=ade20k&map=${encodeURIComponent(map)}`; }", write_map(wanted)
        )
        wait_for(studio, routes, 1)
        routes[0].abort()
        said = "The link cannot be opened. Its model ade20k cannot be reached now; try again."
        studio.page.wait_for_selector(f'#dps-notices [data-text="{said}"]')
        assert studio.page.evaluate("location.hash").startswith("#model=ade20k&map=")
        np.testing.assert_array_equal(studio.ids, before)
    studio.troubles.clear()
    studio.page.reload()
    studio.wait_until_ready()
    np.testing.assert_array_equal(studio.ids, wanted)
    assert (studio.state["model"], studio.page.evaluate("location.hash")) == ("ade20k", "")
    switch(studio, "camvid")
