"""Nothing is lost: drafts of each model, and undo of everything that changes the picture."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

import numpy as np
import pytest

from tests.space.browser.conftest import OpenPage
from tests.space.browser.slow_painting import write_map
from tests.space.browser.studio_page import StudioPage

CAR, PERSON = 8, 9


def switch(studio: StudioPage, model: str) -> None:
    studio.page.select_option("#dps-model", model)
    studio.page.wait_for_selector(f'.dps[data-model="{model}"]')


def paint_car(studio: StudioPage) -> str:
    """Paint a stroke and return the map's text."""
    studio.choose_class(CAR)
    studio.stroke([(20.5, 30.5), (61.5, 44.5)])
    return studio.page.evaluate("dpsims.map")


def kept(studio: StudioPage, storage: str, model: str, text: str) -> None:
    """Wait until a storage's draft of a model holds a text."""
    told = "([storage, key, text]) => window[storage].getItem(key)?.includes(text)"
    studio.page.wait_for_function(told, arg=[storage, f"dpsims-draft:{model}", text])


def test_paintings_of_two_models_outlive_switching_and_reloads(open_page: OpenPage) -> None:
    studio = open_page()
    paint_car(studio)
    studio.page.fill("#dps-seed", "77")
    studio.page.keyboard.press("Tab")
    street = studio.ids
    switch(studio, "ade20k")
    studio.choose_class(PERSON)
    studio.stroke([(5.5, 5.5), (40.5, 25.5)])
    studio.page.fill("#dps-seed", "78")
    studio.page.keyboard.press("Tab")
    room = studio.ids
    switch(studio, "camvid")
    np.testing.assert_array_equal(studio.ids, street)
    assert studio.state["seed"] == "77"
    assert studio.notice("status") == "Your painting for camvid is back."
    switch(studio, "ade20k")
    np.testing.assert_array_equal(studio.ids, room)
    kept(studio, "localStorage", "ade20k", '"seed":78')
    studio.close_all()
    studio.open()
    assert (studio.state["model"], studio.state["seed"]) == ("ade20k", "78")
    np.testing.assert_array_equal(studio.ids, room)
    assert studio.notice("status") == "Your painting is back as you left it."
    switch(studio, "camvid")
    np.testing.assert_array_equal(studio.ids, street)


def test_a_new_tab_opens_the_painting_and_each_tab_keeps_its_own(open_page: OpenPage) -> None:
    studio = open_page()
    context = studio.page.context
    kept(studio, "localStorage", "camvid", paint_car(studio))
    first, second = studio.ids, StudioPage(context.new_page(), studio.address)
    second.open()
    np.testing.assert_array_equal(second.ids, first)
    second.choose_class(PERSON)
    second.stroke([(30.5, 30.5), (90.5, 74.5)])
    kept(second, "localStorage", "camvid", second.page.evaluate("dpsims.map"))
    studio.open()
    np.testing.assert_array_equal(studio.ids, first)
    second.open()
    assert (second.ids != first).any()
    assert second.troubles == []


def test_a_link_does_not_take_the_place_of_ones_own_painting(open_page: OpenPage) -> None:
    studio = open_page()
    own = paint_car(studio)
    kept(studio, "localStorage", "camvid", own)
    studio.lay(write_map(np.zeros((192, 256), int)))
    kept(studio, "sessionStorage", "camvid", studio.page.evaluate("dpsims.map"))
    kept(studio, "localStorage", "camvid", own)
    studio.page.click("#dps-undo")
    assert studio.page.evaluate("dpsims.map") == own


def stored(studio: StudioPage, key: str) -> str:
    return studio.page.evaluate("key => localStorage.getItem(key)", key)


def test_a_draft_that_was_only_looked_at_does_not_take_the_place_of_ones_own(open_page: OpenPage) -> None:
    studio = open_page()
    switch(studio, "wide")
    studio.choose_class(CAR)
    studio.stroke([(5.5, 5.5), (20.5, 20.5)])
    own = studio.page.evaluate("dpsims.map")
    switch(studio, "camvid")
    kept(studio, "localStorage", "camvid", paint_car(studio))
    linked = write_map(np.zeros((32, 64), int))
    second = StudioPage(studio.page.context.new_page(), studio.address)
    second.open(f"#model=wide&map={quote(linked, safe='')}")
    second.page.wait_for_timeout(600)
    assert stored(second, "dpsims-model") == "camvid"
    switch(second, "camvid")
    switch(second, "wide")
    np.testing.assert_array_equal(second.ids, 0)
    second.page.wait_for_timeout(600)
    assert own in stored(second, "dpsims-draft:wide")
    assert second.troubles == []


def test_a_link_opened_in_the_page_does_not_choose_the_model_of_later_visits(open_page: OpenPage) -> None:
    studio = open_page()
    switch(studio, "ade20k")
    assert stored(studio, "dpsims-model") == "ade20k"
    linked = write_map(np.zeros((32, 64), int))
    studio.page.evaluate("hash => { location.hash = hash; }", f"model=wide&map={quote(linked, safe='')}")
    studio.page.wait_for_selector('.dps[data-model="wide"]')
    studio.page.wait_for_timeout(600)
    assert stored(studio, "dpsims-model") == "ade20k"
    paint_car(studio)
    kept(studio, "localStorage", "wide", studio.page.evaluate("dpsims.map"))
    assert stored(studio, "dpsims-model") == "wide"


def test_quick_undo_over_a_change_of_the_model_is_stored(open_page: OpenPage) -> None:
    studio = open_page()
    draft = paint_car(studio)
    kept(studio, "localStorage", "camvid", draft)
    studio.open()
    studio.stroke([(90.5, 30.5), (120.5, 44.5)])
    switch(studio, "wide")
    studio.page.evaluate("for (const _ of 'ab') document.querySelector('#dps-undo').click()")
    assert studio.page.evaluate("dpsims.map") == draft
    studio.page.wait_for_timeout(600)
    assert draft in stored(studio, "dpsims-draft:camvid")
    assert stored(studio, "dpsims-draft:wide") is None  # its example was only shown


def test_a_re_roll_of_an_unknown_class_is_left_out_for_good(open_page: OpenPage) -> None:
    flat, regions = write_map(np.zeros((192, 256), int)), '[{"class":999,"seed":1},{"class":0,"seed":2}]'
    studio = open_page(f"#model=camvid&map={quote(flat, safe='')}&regions={quote(regions, safe='')}")
    assert studio.page.evaluate("dpsims.regions") == [{"class": 0, "seed": 2}]
    paint_car(studio)
    painted = studio.ids
    kept(studio, "sessionStorage", "camvid", studio.page.evaluate("dpsims.map"))
    damaged = """for (const storage of [sessionStorage, localStorage]) {
        const draft = JSON.parse(storage.getItem("dpsims-draft:camvid"));
        draft.regions = [{ class: 999, seed: 1 }];
        storage.setItem("dpsims-draft:camvid", JSON.stringify(draft));
    }"""
    studio.page.evaluate(damaged)
    studio.open()
    np.testing.assert_array_equal(studio.ids, painted)
    assert studio.page.evaluate("dpsims.regions") == []


def test_an_untouched_example_of_another_model_is_no_draft(open_page: OpenPage) -> None:
    studio = open_page()
    paint_car(studio)
    switch(studio, "ade20k")
    studio.page.wait_for_timeout(600)
    switch(studio, "camvid")
    assert studio.page.evaluate("Object.keys(localStorage).filter(key => key.includes('draft'))") == [
        "dpsims-draft:camvid"
    ]
    switch(studio, "ade20k")
    assert studio.notice("status") != "Your painting for ade20k is back."
    studio.page.wait_for_timeout(600)
    studio.open()
    assert studio.state["model"] == "ade20k"  # the last choice


def test_a_first_visit_leaves_no_draft(open_page: OpenPage) -> None:
    studio = open_page()
    studio.page.wait_for_timeout(600)
    assert studio.page.evaluate("localStorage.length + sessionStorage.length") == 0
    studio.open()
    assert not studio.page.query_selector("#dps-notices p")


@pytest.mark.parametrize("works", [True, False])
def test_the_page_warns_before_leaving_only_where_nothing_is_stored(new_page: OpenPage, works: bool) -> None:
    studio = new_page()
    if not works:
        studio.page.add_init_script("Storage.prototype.setItem = () => { throw new Error('full'); };")
    asked = []
    studio.page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    studio.open()
    paint_car(studio)
    studio.page.goto("about:blank")
    assert asked == ([] if works else ["beforeunload"])


def test_the_page_warns_before_leaving_when_only_the_tab_keeps_a_painting(new_page: OpenPage) -> None:
    studio = new_page()
    studio.page.add_init_script("""
        const { setItem } = Storage.prototype;
        Storage.prototype.setItem = function (key, value) {
            if (this === localStorage) throw new Error("full");
            setItem.call(this, key, value);
        };""")
    asked = []
    studio.page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    studio.open()
    studio.lay(write_map(np.zeros((192, 256), int)))
    kept(studio, "sessionStorage", "camvid", studio.page.evaluate("dpsims.map"))
    studio.open()  # the scene of a link belongs into the tab only
    assert asked == []
    paint_car(studio)
    studio.page.goto("about:blank")
    assert asked == ["beforeunload"]


def another_seed(studio: StudioPage) -> None:
    studio.page.focus("#dps-map")
    studio.page.keyboard.press("s")


def mix(studio: StudioPage) -> None:
    studio.page.fill("#dps-mix", "40")


def second_seed(studio: StudioPage) -> None:
    studio.page.click("#dps-new-seed-b")


def reroll(studio: StudioPage) -> None:
    studio.page.click('#dps-legend [data-id="1"] .dps-legend-reroll')


def reset_rerolls(studio: StudioPage) -> None:
    studio.page.click("#dps-regions-reset")


def scene(studio: StudioPage) -> None:
    studio.page.click("#dps-scenes-button")
    studio.page.click('#dps-scenes button[data-scene="tree avenue"]')


def variation(studio: StudioPage) -> None:
    studio.four_looks().nth(2).click()


def other_model(studio: StudioPage) -> None:
    switch(studio, "ade20k")


def shown(studio: StudioPage) -> list[object]:
    """All that determines the photo."""
    names = ("model", "seed", "seedB", "mix")
    return [*(studio.state[name] for name in names), *studio.page.evaluate("[dpsims.regions, dpsims.map]")]


CHANGES = (another_seed, mix, second_seed, reroll, reset_rerolls, reroll, scene, variation, other_model)


def test_undo_and_redo_cover_everything_that_changes_the_picture(studio: StudioPage) -> None:
    steps = int(studio.state["undo"])
    states = [shown(studio)]
    for number, change in enumerate(CHANGES, start=1):
        change(studio)
        states.append(shown(studio))
        assert states[-1] != states[-2], change.__name__
        assert int(studio.state["undo"]) == steps + number, change.__name__
    for before in reversed(states[:-1]):
        studio.page.click("#dps-undo")
        assert shown(studio) == before
    first = studio.photo
    for after in states[1:]:
        studio.page.click("#dps-redo")
        assert shown(studio) == after
    for _ in CHANGES:
        studio.page.click("#dps-undo")
    assert (studio.photo == first).all()


def drag(studio: StudioPage) -> None:
    """Drag the mix slider over a good part of its length."""
    box = studio.page.locator("#dps-mix").bounding_box()
    middle = box["y"] + box["height"] / 2
    studio.page.mouse.move(box["x"] + 9, middle)
    studio.page.mouse.down()
    for share in (0.2, 0.4, 0.6):
        studio.page.mouse.move(box["x"] + share * box["width"], middle)
    studio.page.mouse.up()


def arrows(studio: StudioPage) -> None:
    studio.page.focus("#dps-mix")
    for _ in range(5):
        studio.page.keyboard.press("ArrowRight")


@pytest.mark.parametrize("move", [drag, arrows])
def test_one_movement_of_the_mix_is_one_step(studio: StudioPage, move: Callable[[StudioPage], None]) -> None:
    steps = int(studio.state["undo"])
    move(studio)
    assert float(studio.state["mix"]) > 0
    assert int(studio.state["undo"]) == steps + 1
    studio.page.click("#dps-undo")
    assert studio.state["mix"] == "0"
