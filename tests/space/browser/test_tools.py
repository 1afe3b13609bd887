"""Stamps and the tools beyond brush and fill, by mouse, keyboard and touch."""

from __future__ import annotations

import numpy as np
import pytest

from dpsims_hub.space.studio import read_page
from tests.space.browser.conftest import PHONE, OpenPage
from tests.space.browser.slow_painting import brushed, rectangle, write_map
from tests.space.browser.studio_page import StudioPage
from tests.space.browser.test_visitors import CAR, TREE, accessibility_faults, touch
from tests.space.outlined import stamped
from tests.space.test_shapes import STAMPS

SKY, ROAD = 0, 3


def outline(studio: StudioPage, name: str) -> dict:
    """The page's own description of a stamp."""
    script = read_page("stamps/outlines.js")
    return studio.page.evaluate(
        f"name => {{ {script}; return STAMPS.find((one) => one.name === name); }}", name
    )


def take(studio: StudioPage, name: str) -> None:
    studio.page.click("#dps-stamps-button")
    studio.page.click(f'[data-stamp="{name}"]')


def assert_stamped(studio: StudioPage, before: np.ndarray, name: str, value: int, place: tuple) -> None:
    """The stamp is placed; pixels that depend on a quarter of a pixel of the mouse are ignored."""
    shape, ids = outline(studio, name), studio.ids
    shifts = [(place[0] + x, place[1] + y) for x in (-0.3, 0, 0.3) for y in (-0.3, 0, 0.3)]
    wanted = [stamped(before, shape, value, at) for at in shifts]
    certain = np.all([one == wanted[0] for one in wanted], axis=0)
    assert certain.mean() > 0.99
    np.testing.assert_array_equal(ids[certain], wanted[0][certain])
    assert (ids != before).sum() > 100


def test_the_tray_shows_the_stamps_of_this_model(studio: StudioPage) -> None:
    studio.page.click("#dps-stamps-button")
    names = studio.page.locator("#dps-stamps button").evaluate_all(
        "all => all.map((one) => one.dataset.stamp)"
    )
    assert {name.replace(" ", "_") for name in names} == STAMPS["camvid"]
    bus = studio.page.locator('[data-stamp="bus"]')
    assert bus.inner_text().split("\n") == ["Bus", "paints Car"]
    assert accessibility_faults(studio) == ""
    studio.page.keyboard.press("Escape")


def test_a_click_places_a_stamp_and_undo_takes_it_back(studio: StudioPage) -> None:
    before, steps = studio.ids, int(studio.state["undo"])
    take(studio, "cyclist")
    assert studio.page.is_visible("#dps-tool-actions")
    assert accessibility_faults(studio) == ""
    studio.page.mouse.move(*studio.points([(90.5, 80.5)])[0])
    np.testing.assert_array_equal(studio.ids, before)  # it is only shown
    studio.click(90, 80)
    assert_stamped(studio, before, "cyclist", 10, (90.5, 80.5))
    assert int(studio.state["undo"]) == steps + 1
    first = studio.ids
    studio.stroke([(150.5, 60.5), (170.5, 70.5), (200.5, 140.5)])  # dragged, placed where it is let go
    assert_stamped(studio, first, "cyclist", 10, (200.5, 140.5))
    for wanted in (first, before):
        studio.page.keyboard.press("Control+z")
        np.testing.assert_array_equal(studio.ids, wanted)
    studio.page.keyboard.press("Escape")
    assert studio.state["tool"] == "brush"
    assert not studio.page.is_visible("#dps-tool-actions")


def test_the_keyboard_alone_places_a_stamp(studio: StudioPage) -> None:
    before = studio.ids
    studio.page.focus("#dps-map")
    studio.page.keyboard.press("t")
    first = "() => document.activeElement.dataset.stamp === 'car'"
    studio.page.wait_for_function(first)  # of the tray
    for key in ("Enter", "x", "]", "]", "[", "ArrowRight", "Shift+ArrowDown", "Enter"):
        studio.page.keyboard.press(key)  # it starts in the middle
    wanted = stamped(before, outline(studio, "car"), CAR, (129, 106), 1.15, flip=True)
    np.testing.assert_array_equal(studio.ids, wanted)
    studio.page.keyboard.press("Escape")
    studio.page.keyboard.press("Enter")  # the brush again: a stamp put away is not placed
    assert studio.state["tool"] == "brush"


def test_buttons_scale_flip_and_place(studio: StudioPage) -> None:
    before = studio.ids
    take(studio, "car")
    for name in ("larger", "larger", "larger", "smaller", "flip", "place"):
        studio.page.click(f'[data-action="{name}"]')
    wanted = stamped(before, outline(studio, "car"), CAR, (128, 96), 1.15**2, flip=True)
    np.testing.assert_array_equal(studio.ids, wanted)
    studio.page.click('[data-action="drop"]')
    assert studio.state["tool"] == "brush"


@pytest.mark.slow
def test_a_finger_drags_a_stamp_and_a_tap_places_it(open_page: OpenPage) -> None:
    studio = open_page(**PHONE)
    studio.page.locator("#dps-stamps-button").tap()
    studio.page.locator('[data-stamp="car"]').tap()
    before = studio.ids
    touch(studio, studio.points([(40.5, 40.5), (70.5, 45.5), (90.5, 60.5)]))
    np.testing.assert_array_equal(studio.ids, before)
    place = (128 + 50, 96 + 20)
    touch(studio, studio.points([place]))
    assert_stamped(studio, before, "car", CAR, place)
    assert studio.state["undo"] == "1"
    box = studio.page.locator('[data-action="place"]').bounding_box()
    assert box["height"] >= 44
    assert accessibility_faults(studio) == ""


def test_an_ellipse_and_a_square(studio: StudioPage) -> None:
    before = studio.ids
    studio.choose_class(TREE)
    studio.page.focus("#dps-map")
    studio.page.keyboard.press("e")
    studio.stroke([(20.5, 30.5), (30.5, 40.5), (60.5, 50.5)])
    y, x = np.mgrid[:192, :256]
    inside = ((x - 40) / 20.5) ** 2 + ((y - 40) / 10.5) ** 2 <= 1
    np.testing.assert_array_equal(studio.ids, np.where(inside, TREE, before))
    studio.page.keyboard.press("Control+z")
    studio.page.keyboard.press("r")
    studio.page.keyboard.down("Shift")
    studio.stroke([(100.5, 30.5), (110.5, 40.5), (140.5, 45.5)])
    studio.page.keyboard.up("Shift")
    np.testing.assert_array_equal(studio.ids, rectangle(before, (100, 30), (140, 70), TREE))


CORNERS = [(20, 20), (80, 20), (80, 50), (50, 50), (50, 90), (20, 90)]  # an L whose sides are sides of pixels


def an_l(ids: np.ndarray, value: int) -> np.ndarray:
    painted = ids.copy()
    painted[20:50, 20:80] = value
    painted[50:90, 20:50] = value
    return painted


def test_a_lasso_fills_what_it_encloses(studio: StudioPage) -> None:
    before, steps = studio.ids, int(studio.state["undo"])
    studio.choose_class(CAR)
    studio.choose_tool("lasso")
    studio.stroke(CORNERS)
    np.testing.assert_array_equal(studio.ids, an_l(before, CAR))
    assert int(studio.state["undo"]) == steps + 1


def test_a_polygon_grows_by_clicks_and_closes_by_enter_or_its_first_corner(studio: StudioPage) -> None:
    before = studio.ids
    studio.choose_class(CAR)
    for close in ("Enter", "corner", "button"):
        studio.choose_tool("polygon")
        for point in studio.points(CORNERS):
            studio.page.mouse.click(*point)
        np.testing.assert_array_equal(studio.ids, before)
        if close == "Enter":
            studio.page.keyboard.press("Enter")
        elif close == "corner":
            studio.page.mouse.click(*studio.points(CORNERS[:1])[0])
        else:
            studio.page.click('[data-action="close"]')
        np.testing.assert_array_equal(studio.ids, an_l(before, CAR))
        studio.page.click("#dps-undo")
        np.testing.assert_array_equal(studio.ids, before)
    for point in studio.points(CORNERS[:4]):
        studio.page.mouse.click(*point)
    studio.page.focus("#dps-map")
    for key in ("Escape", "Enter"):  # nothing is left to close
        studio.page.keyboard.press(key)
    np.testing.assert_array_equal(studio.ids, before)


def test_the_keyboard_draws_a_polygon(studio: StudioPage) -> None:
    before = studio.ids
    studio.choose_class(CAR)
    studio.page.focus("#dps-map")
    corner_keys = ("ArrowLeft", " ", *["Shift+ArrowRight"] * 3, " ", *["Shift+ArrowDown"] * 3, " ")
    for key in ("p", *corner_keys, *["Shift+ArrowLeft"] * 3, " ", "Enter"):
        studio.page.keyboard.press(key)
    wanted = before.copy()
    wanted[96:126, 128:158] = CAR  # from centre to centre of pixels: those on the left and upper sides are in
    np.testing.assert_array_equal(studio.ids, wanted)


def test_shift_draws_a_line_from_where_the_brush_was(studio: StudioPage) -> None:
    before = studio.ids
    studio.choose_class(CAR)
    studio.page.fill("#dps-size", "5")
    places = [(30.5, 30.5), (90.5, 70.5), (150.5, 20.5)]
    studio.stroke(places[:1])
    studio.page.keyboard.down("Shift")
    for place in places[1:]:
        studio.stroke([place])
    studio.page.keyboard.up("Shift")
    np.testing.assert_array_equal(studio.ids, brushed(before, places, 5, CAR))


def test_a_region_moves_by_mouse_and_by_keyboard(studio: StudioPage) -> None:
    ids = np.full((192, 256), ROAD)
    ids[60:80, 40:90] = CAR
    studio.lay(write_map(ids))
    studio.choose_tool("move")
    studio.stroke([(50.5, 70.5), (60.5, 80.5), (75.5, 110.5)])
    moved = np.full((192, 256), ROAD)
    moved[100:120, 65:115] = CAR
    np.testing.assert_array_equal(studio.ids, moved)
    studio.page.keyboard.press("Control+z")
    np.testing.assert_array_equal(studio.ids, ids)
    studio.page.focus("#dps-map")
    to_the_car = (
        "ArrowLeft",
        *["Shift+ArrowLeft"] * 6,
        *["Shift+ArrowUp"] * 3,
    )  # from the middle to (68, 66)
    for key in ("m", *to_the_car, " ", "Shift+ArrowRight", "ArrowDown", " "):
        studio.page.keyboard.press(key)
    moved = np.full((192, 256), ROAD)
    moved[61:81, 50:100] = CAR
    np.testing.assert_array_equal(studio.ids, moved)


def half_and_half() -> np.ndarray:
    """Sky above row 96, road below it, on which a car stands."""
    ids = np.full((192, 256), ROAD)
    ids[:96] = SKY
    ids[110:130, 40:90] = CAR
    return ids


def by_brush(studio: StudioPage, ids: np.ndarray) -> np.ndarray:
    studio.page.fill("#dps-size", "9")
    places = [(20.5, 80.5), (200.5, 104.5)]
    studio.stroke(places)
    return brushed(ids, places, 9, TREE)


def by_box(studio: StudioPage, ids: np.ndarray) -> np.ndarray:
    studio.choose_tool("rect")
    studio.stroke([(100.5, 60.5), (150.5, 140.5)])
    return rectangle(ids, (100, 60), (150, 140), TREE)


def by_lasso(studio: StudioPage, ids: np.ndarray) -> np.ndarray:
    studio.choose_tool("lasso")
    studio.stroke([(x + 100, y + 50) for x, y in CORNERS])
    moved = np.roll(an_l(np.roll(ids, (-50, -100), (0, 1)), TREE), (50, 100), (0, 1))
    return np.where(moved == TREE, TREE, ids)


def by_stamp(studio: StudioPage, ids: np.ndarray) -> np.ndarray:
    take(studio, "tree")
    studio.page.click('[data-action="place"]')
    return stamped(ids, outline(studio, "tree"), TREE, (128, 96))


def by_move(studio: StudioPage, ids: np.ndarray) -> np.ndarray:
    studio.choose_tool("move")
    studio.stroke([(50.5, 120.5), (60.5, 110.5), (50.5, 100.5)])
    moved = np.where(ids == CAR, ROAD, ids)
    moved[90:110, 40:90] = CAR
    return moved


def by_fill_all(studio: StudioPage, ids: np.ndarray) -> np.ndarray:
    studio.page.click("#dps-fill-all")
    return np.full_like(ids, TREE)


def by_fill(studio: StudioPage, ids: np.ndarray) -> np.ndarray:
    studio.choose_tool("fill")
    studio.click(10, 10)
    return np.where(ids == SKY, TREE, ids)


def by_replacement(studio: StudioPage, ids: np.ndarray) -> np.ndarray:
    studio.page.click("#dps-replace-button")
    studio.page.select_option("#dps-replace-from", str(SKY))
    studio.page.select_option("#dps-replace-to", str(TREE))
    studio.page.click("#dps-replace-run")
    return np.where(ids == SKY, TREE, ids)


WAYS = (by_brush, by_box, by_lasso, by_stamp, by_move, by_fill_all, by_fill, by_replacement)


def test_protected_classes_stay_under_every_tool(studio: StudioPage) -> None:
    ids = half_and_half()
    studio.lay(write_map(ids))
    lock = studio.page.locator(f'#dps-legend [data-id="{SKY}"] .dps-legend-lock')
    for way in WAYS:
        results = []
        for protected in (True, False):
            lock.click()
            assert lock.get_attribute("aria-pressed") == str(protected).lower()
            studio.choose_class(TREE)
            wanted = way(studio, ids)
            np.testing.assert_array_equal(
                studio.ids, np.where((ids == SKY) & protected, SKY, wanted), err_msg=way.__name__
            )
            results.append(studio.ids)
            studio.choose_tool("brush")
            if (studio.ids != ids).any():
                studio.page.keyboard.press("Control+z")
            np.testing.assert_array_equal(studio.ids, ids)
        assert (results[0] != results[1]).any(), way.__name__
    lock.click()
    assert accessibility_faults(studio) == ""
    lock.click()


def test_one_class_is_replaced_by_another(studio: StudioPage) -> None:
    before, steps = studio.ids, int(studio.state["undo"])
    building = int(before[10, 10])
    studio.page.click("#dps-replace-button")
    studio.page.select_option("#dps-replace-from", str(building))
    studio.page.select_option("#dps-replace-to", str(TREE))
    assert accessibility_faults(studio) == ""
    studio.page.click("#dps-replace-run")
    np.testing.assert_array_equal(studio.ids, np.where(before == building, TREE, before))
    assert int(studio.state["undo"]) == steps + 1


def test_picking_a_class_with_a_stamp_in_hand_ends_with_the_brush(studio: StudioPage) -> None:
    take(studio, "tree")
    studio.page.keyboard.press("i")
    studio.click(20, 180)
    assert studio.state["tool"] == "brush"
    before = studio.ids
    studio.click(100, 20)
    assert set(studio.ids[studio.ids != before]) == {int(studio.state["class"])}
