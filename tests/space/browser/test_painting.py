"""The painter: each tool exact to the pixel, by mouse and by keyboard."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tests.space.browser.conftest import OpenPage
from tests.space.browser.slow_painting import brushed, connected, rectangle, write_map
from tests.space.browser.studio_page import StudioPage

SKY, BUILDING, ROAD, TREE, CAR, PEDESTRIAN, UNKNOWN = 0, 1, 3, 5, 8, 9, 255
ZIGZAG = [(20.5, 30.5), (61.5, 44.5), (50.5, 80.5), (50.5, 20.5), (118.5, 20.5), (140.5, 40.5)]


def test_the_first_visit(open_page: OpenPage) -> None:
    studio = open_page()
    page = studio.page
    assert page.title() == "DP-SIMS: paint a scene, get a photo"
    assert studio.state["requests"] == studio.state["replies"] == "1"
    map_box, photo_box = page.locator("#dps-map").bounding_box(), page.locator("#dps-photo").bounding_box()
    assert map_box["width"] == pytest.approx(photo_box["width"], abs=1)
    assert map_box["height"] == pytest.approx(photo_box["height"], abs=1)
    assert map_box["y"] == pytest.approx(photo_box["y"], abs=1)
    assert map_box["width"] / map_box["height"] == pytest.approx(256 / 192, rel=0.01)
    assert map_box["width"] > 400
    assert studio.photo.shape == (192, 256, 3)
    assert studio.photo.std() > 20  # something is to be seen
    assert page.locator("#dps-classes [role=radio]").count() == 12
    assert len(page.evaluate("dpsims.model.examples")) >= 6
    assert re.fullmatch(r"made in \d+ ms", page.inner_text("#dps-times"))


@pytest.mark.parametrize("diameter", [1, 8, 13])
def test_a_stroke_is_exact(studio: StudioPage, diameter: int) -> None:
    before = studio.ids
    steps = int(studio.state["undo"])
    studio.page.fill("#dps-size", str(diameter))
    studio.choose_class(TREE)
    places = [(x + 0.1, y - 0.1) if diameter % 2 == 0 else (x, y) for x, y in ZIGZAG]
    studio.stroke(places)
    np.testing.assert_array_equal(studio.ids, brushed(before, places, diameter, TREE))
    assert int(studio.state["undo"]) == steps + 1
    studio.page.keyboard.press("Control+z")
    np.testing.assert_array_equal(studio.ids, before)


IDLE_WORK = """() => {
    const { getBoundingClientRect } = Element.prototype;
    window.asked = { boxes: 0, slider: 0 };
    Element.prototype.getBoundingClientRect = function () {
        window.asked.boxes++;
        return getBoundingClientRect.call(this);
    };
    const slider = document.querySelector("#dps-compare-slider");
    const note = (changes) => (window.asked.slider += changes.length);
    new MutationObserver(note).observe(slider, { attributes: true });
    return () => 0;
}"""


def test_a_stroke_asks_for_no_layout_and_leaves_alone_what_is_not_shown(open_page: OpenPage) -> None:
    studio = open_page()
    studio.choose_class(CAR)
    points = studio.points([(20.5 + 4 * step, 40.5 + step) for step in range(40)])
    mouse = studio.page.mouse
    mouse.move(*points[0])
    mouse.down()
    mouse.move(*points[1])
    studio.page.wait_for_timeout(300)
    before = studio.ids
    studio.page.evaluate(IDLE_WORK)
    for point in points[2:]:
        mouse.move(*point)
        studio.page.evaluate("new Promise(requestAnimationFrame)")
    asked = studio.page.evaluate("window.asked")
    mouse.up()
    assert (studio.ids != before).any()
    assert asked["slider"] == 0
    assert asked["boxes"] < 10  # of 38 frames


def test_unknown_can_be_painted_and_has_a_photo(studio: StudioPage) -> None:
    before, photo = studio.ids, studio.photo
    studio.choose_class(UNKNOWN)
    places = [(20.1, 30.1), (61.1, 44.1)]
    studio.stroke(places)
    np.testing.assert_array_equal(studio.ids, brushed(before, places, 8, UNKNOWN))
    assert (studio.photo != photo).any()


def test_a_stroke_that_changes_nothing_is_no_step(studio: StudioPage) -> None:
    steps, version = studio.state["undo"], studio.state["version"]
    studio.choose_class(int(studio.ids[90, 64]))
    studio.stroke([(64.5, 90.5), (70.5, 90.5)])
    assert (studio.state["undo"], studio.state["version"]) == (steps, version)


def test_escape_takes_back_a_stroke_under_way(studio: StudioPage) -> None:
    before, steps = studio.ids, studio.state["undo"]
    studio.choose_class(CAR)
    mouse = studio.page.mouse
    start, end = studio.points([(30, 30), (60, 60)])
    mouse.move(*start)
    mouse.down()
    mouse.move(*end)
    assert (studio.ids != before).any()
    studio.page.keyboard.press("Escape")
    mouse.up()
    np.testing.assert_array_equal(studio.ids, before)
    assert studio.state["undo"] == steps


@pytest.mark.slow
def test_fill_undo_and_redo_are_exact(studio: StudioPage) -> None:
    maps = [studio.ids]
    steps = int(studio.state["undo"])
    studio.choose_tool("fill")
    for number, (x, y, value) in enumerate([(20, 20, ROAD), (128, 180, CAR), (128, 10, TREE)], start=1):
        studio.choose_class(value)
        studio.click(x, y)
        maps.append(np.where(connected(maps[-1], x, y), value, maps[-1]))
        np.testing.assert_array_equal(studio.ids, maps[-1])
        assert int(studio.state["undo"]) == steps + number
    for place in (2, 1, 0):
        studio.page.click("#dps-undo")
        np.testing.assert_array_equal(studio.ids, maps[place])
    for place in (1, 2):
        studio.page.keyboard.press("Control+Shift+z")
        np.testing.assert_array_equal(studio.ids, maps[place])
    studio.page.click("#dps-redo")
    np.testing.assert_array_equal(studio.ids, maps[3])
    assert (maps[3] != maps[0]).mean() > 0.3
    assert studio.state["redo"] == "0"


def test_the_name_under_a_resting_pointer_follows_the_map(studio: StudioPage) -> None:
    told = "text => document.querySelector('#dps-hover').textContent === text"
    studio.choose_tool("fill")
    studio.choose_class(CAR)
    studio.page.mouse.move(*studio.points([(10.5, 10.5)])[0])
    studio.page.wait_for_function(told, arg="Building · 10, 10")
    studio.click(10, 10)
    studio.page.wait_for_function(told, arg="Car · 10, 10")
    studio.page.keyboard.press("Control+z")
    studio.page.wait_for_function(told, arg="Building · 10, 10")


def test_a_rectangle_is_exact_in_every_direction(studio: StudioPage) -> None:
    wanted = studio.ids
    studio.choose_tool("rect")
    studio.choose_class(TREE)
    corners = [((20, 30), (45, 50)), ((100, 80), (70, 60)), ((10, 90), (10, 90)), ((240, 10), (280, -5))]
    for one, other in corners:
        studio.stroke([(one[0] + 0.5, one[1] + 0.5), (other[0] + 0.5, other[1] + 0.5)])
        inside = (min(other[0], 255), max(other[1], 0))
        wanted = rectangle(wanted, one, inside, TREE)
        np.testing.assert_array_equal(studio.ids, wanted)


def test_pick_takes_the_class_and_gives_the_tool_back(studio: StudioPage) -> None:
    before = studio.ids
    studio.choose_class(TREE)
    studio.choose_tool("pick")
    studio.click(128, 180)
    assert (studio.state["class"], studio.state["tool"]) == (str(before[180, 128]), "brush")
    studio.page.keyboard.down("Alt")
    studio.click(128, 6)
    studio.page.keyboard.up("Alt")
    assert (studio.state["class"], studio.state["tool"]) == (str(before[6, 128]), "brush")
    assert studio.page.inner_text("#dps-class-name") == "Sky"
    np.testing.assert_array_equal(studio.ids, before)


def test_fill_all_is_one_step(studio: StudioPage) -> None:
    before = studio.ids
    studio.choose_class(ROAD)
    studio.page.click("#dps-fill-all")
    assert (studio.ids == ROAD).all()
    studio.page.click("#dps-undo")
    np.testing.assert_array_equal(studio.ids, before)


def test_the_canvas_shows_each_class_in_a_colour_of_its_own(studio: StudioPage) -> None:
    columns = np.arange(256) * 11 // 256
    ids = np.broadcast_to(columns, (192, 256)).copy()
    studio.lay(write_map(ids))
    shown = studio.visible_image("#dps-map")
    height, width = shown.shape[:2]
    colours = [
        tuple(shown[height // 2, round((np.flatnonzero(columns == one).mean() + 0.5) / 256 * width)])
        for one in range(11)
    ]
    assert len(set(colours)) == 11
    chips = "chip => getComputedStyle(chip.querySelector('i')).backgroundColor"
    for one, colour in enumerate(colours):
        told = studio.page.locator(f'#dps-classes [data-id="{one}"]').evaluate(chips)
        assert told == f"rgb({colour[0]}, {colour[1]}, {colour[2]})"


def legend_of(studio: StudioPage) -> list[list[str]]:
    """The expected legend: name and share of each class, the largest first."""
    shares = {one: (studio.ids == one).mean() for one in np.unique(studio.ids)}
    names = {one["id"]: one["name"] for one in studio.page.evaluate("dpsims.model.classes")}
    return [
        [names[one], "<1 %" if shares[one] < 0.01 else f"{np.floor(100 * shares[one] + 0.5):.0f} %"]
        for one in sorted(shares, key=shares.get, reverse=True)
    ]


@pytest.mark.slow
def test_the_legend_tells_the_shares_while_painting_too(studio: StudioPage) -> None:
    picks = "[...document.querySelectorAll('#dps-legend .dps-legend-pick')]"
    rows = f"{picks}.map(row => ['span', 'b'].map(part => row.querySelector(part).innerText))"
    told = f"wanted => JSON.stringify({rows}) === JSON.stringify(wanted)"
    studio.page.wait_for_function(told, arg=legend_of(studio))
    before = studio.ids
    absent = next(one for one in range(11) if one not in before)
    points = studio.points([(20, 20), (60, 60), (100, 30), (100, 80)])
    for class_id in (SKY, absent):  # the same rows with other shares; then one more row
        studio.choose_class(class_id)
        studio.page.mouse.move(*points[0])
        studio.page.mouse.down()
        for point in points[1:]:
            studio.page.mouse.move(*point)
            studio.page.wait_for_function(told, arg=legend_of(studio))
        assert (studio.ids != before).any()
        studio.page.mouse.up()
        before = studio.ids


@pytest.mark.parametrize(
    ("typed", "found", "first"),  # "tree" is also in "street", which nobody means by it
    [("tree", 1, TREE), ("human", 1, PEDESTRIAN), ("vehicle", 1, CAR), ("  ROA", 1, ROAD), ("lane", 1, ROAD)],
)
def test_search_finds_names_and_aliases_by_keyboard(
    studio: StudioPage, typed: str, found: int, first: int
) -> None:
    studio.choose_class(SKY)
    studio.page.focus("#dps-map")
    studio.page.keyboard.press("/")
    studio.page.keyboard.type(typed)
    assert studio.page.locator("#dps-classes [role=radio]:not([hidden])").count() == found
    assert studio.page.inner_text("#dps-search-count") == f"{found} found"
    studio.page.keyboard.press("Enter")
    assert studio.state["class"] == str(first)
    studio.page.keyboard.press("Escape")
    assert studio.page.locator("#dps-classes [role=radio]:not([hidden])").count() == 12


def test_keys_choose_tools_classes_and_sizes(studio: StudioPage) -> None:
    studio.page.focus("#dps-map")
    for key, tool in (("f", "fill"), ("r", "rect"), ("i", "pick"), ("v", "reroll"), ("b", "brush")):
        studio.page.keyboard.press(key)
        assert studio.state["tool"] == tool
    in_map = [int(one) for one in np.unique(studio.ids)]
    marks = studio.page.locator("#dps-legend .dps-legend-pick[aria-keyshortcuts]").evaluate_all(
        "all => all.map((one) => [one.getAttribute('aria-keyshortcuts'), Number(one.parentNode.dataset.id)])"
    )
    assert {number for _, number in marks} >= set(in_map[:9])
    for key, number in marks:
        studio.page.keyboard.press(key)
        assert studio.state["class"] == str(number)
    studio.choose_class(9)
    studio.page.keyboard.press("]")
    assert int(studio.state["size"]) > 8
    studio.page.keyboard.press("[")
    assert int(studio.state["size"]) == 8
    studio.page.keyboard.press("a")
    assert (studio.ids == 9).all()
    seed = studio.state["seed"]
    studio.page.keyboard.press("s")
    assert studio.state["seed"] != seed
    studio.page.keyboard.press("?")
    assert studio.page.is_visible("#dps-shortcuts")
    studio.page.keyboard.press("Escape")
    assert not studio.page.is_visible("#dps-shortcuts")


def key_of(studio: StudioPage, class_id: int) -> str:
    """The number key of a class in this map, from its button."""
    key = studio.page.get_attribute(f'#dps-classes [data-id="{class_id}"]', "aria-keyshortcuts")
    assert key, f"class {class_id} has no key"
    return key


def test_the_keyboard_alone_paints(studio: StudioPage) -> None:
    before = studio.ids
    car, building = (key_of(studio, one) for one in (CAR, BUILDING))
    studio.page.focus("#dps-map")
    for key in (car, "[", "ArrowLeft", "Shift+ArrowLeft", "Shift+ArrowLeft", "Shift+ArrowDown", "ArrowRight"):
        studio.page.keyboard.press(key)  # the first arrow shows the cursor, in the middle
    size = int(studio.state["size"])
    studio.page.keyboard.press(" ")
    np.testing.assert_array_equal(studio.ids, brushed(before, [(109.5, 106.5)], size, CAR))
    studio.page.keyboard.press("f")
    studio.page.keyboard.press(building)
    after = studio.ids
    studio.page.keyboard.press("Enter")
    np.testing.assert_array_equal(studio.ids, np.where(connected(after, 109, 106), BUILDING, after))


def test_a_painting_outlives_a_reload(open_page: OpenPage) -> None:
    studio = open_page()
    studio.choose_class(CAR)
    studio.stroke(ZIGZAG[:3])
    painted = studio.ids
    studio.page.fill("#dps-seed", "77")
    studio.page.keyboard.press("Tab")
    studio.page.wait_for_function(
        "() => sessionStorage.getItem('dpsims-draft:camvid')?.includes('\"seed\":77')"
    )
    studio.open()
    np.testing.assert_array_equal(studio.ids, painted)
    assert studio.state["seed"] == "77"
