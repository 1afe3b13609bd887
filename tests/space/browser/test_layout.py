"""The layouts of the page: large pictures on desktops, all tools within reach on phones."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.space.browser.conftest import DESKTOP, PHONE, SIDEWAYS, OpenPage
from tests.space.browser.studio_page import StudioPage
from tests.space.browser.test_nothing_lost import switch
from tests.space.browser.test_visitors import accessibility_faults

CAR = 8
Box = dict[str, float]
# Controls that reach beyond the border of their panel.
OUTSIDE = """root => [...root.querySelectorAll("button, select, input")]
    .filter((one) => one.checkVisibility({ visibilityProperty: true }))
    .filter((one) => {
        const panel = one.closest(".dps-bar, .dps-toolbar, .dps-side-part, .dps-style");
        const [inner, outer] = [one, panel || one].map((each) => each.getBoundingClientRect());
        return inner.left < outer.left - 5 || inner.right > outer.right + 5;
    })
    .map((one) => one.id || one.outerHTML.slice(0, 120))"""
# What a control shows, and how much of its words does not fit; a slider is as large as its row.
CONTROLS = """root => [...root.querySelectorAll("button, select, input")]
    .filter((one) => one.checkVisibility({ visibilityProperty: true }) && !one.closest(".dps-unseen"))
    .filter((one) => !one.matches(".dps-unseen"))
    .map((one) => {
        const { width, height } = one.getBoundingClientRect();
        const fits = one.scrollWidth <= one.clientWidth + 1;
        const labelled = one.matches(".dps-actions button, .dps-group button, #dps-four");
        return { name: one.id || one.outerHTML.slice(0, 120), width, height, collides: labelled && !fits };
    })"""


def box(studio: StudioPage, selector: str) -> Box:
    return studio.page.locator(selector).bounding_box()


def is_inside(inner: Box, width: float, height: float) -> bool:
    right, bottom = inner["x"] + inner["width"], inner["y"] + inner["height"]
    return inner["x"] >= 0 and inner["y"] >= 0 and right <= width and bottom <= height


def overlap(one: Box, other: Box) -> bool:
    across = min(one["x"] + one["width"], other["x"] + other["width"]) - max(one["x"], other["x"])
    down = min(one["y"] + one["height"], other["y"] + other["height"]) - max(one["y"], other["y"])
    return across > 1 and down > 1


@pytest.mark.parametrize(
    ("window", "model", "ratio", "share"),
    [
        ((1440, 900), "camvid", 4 / 3, 0.55),
        ((1440, 900), "large", 1, 0.55),
        ((1440, 900), "wide", 2, 0.55),
        ((2560, 1440), "camvid", 4 / 3, 0.60),
        ((2560, 1440), "large", 1, 0.60),
        ((2560, 1440), "wide", 2, 0.53),  # two pictures of 2:1 cover at most 56.25 % of a window of 16:9
    ],
)
def test_map_and_photo_get_the_window(
    studio: StudioPage, window: tuple[int, int], model: str, ratio: float, share: float
) -> None:
    width, height = window
    studio.resize({"width": width, "height": height})
    if model != "camvid":
        switch(studio, model)
    panes = [box(studio, "#dps-map-frame"), box(studio, "#dps-photo-frame")]
    panels = [box(studio, one) for one in (".dps-bar", ".dps-toolbar", ".dps-side", ".dps-style")]
    assert sum(one["width"] * one["height"] for one in panes) >= share * width * height
    for one in panes:
        assert one["width"] / one["height"] == pytest.approx(ratio, rel=0.01)
    for number, one in enumerate([*panes, *panels]):
        assert is_inside(one, width, height)
        assert not [other for other in [*panes, *panels][:number] if overlap(one, other)]
    assert studio.page.locator(".dps").evaluate(OUTSIDE) == []
    content = [box(studio, one) for one in (".dps-seeds", ".dps-four", ".dps-past")]
    top = min(one["y"] for one in content)
    bottom = max(one["y"] + one["height"] for one in content)
    assert panels[3]["height"] - (bottom - top) <= 20  # the style panel is as high as its content
    switch(studio, "camvid")
    studio.resize(DESKTOP["viewport"])
    studio.close_all()


def test_a_low_stack_is_not_chosen_because_it_leaves_the_classes_no_room(studio: StudioPage) -> None:
    switch(studio, "wide")
    studio.resize({"width": 1024, "height": 768})
    panels = [box(studio, one) for one in (".dps-toolbar", ".dps-side", ".dps-style")]
    classes, frame = box(studio, "#dps-classes"), box(studio, "#dps-map-frame")
    for number, one in enumerate([frame, *panels]):
        assert not [other for other in [frame, *panels][:number] if overlap(one, other)]
    assert classes["height"] >= 100
    assert frame["width"] > 0.45 * 1024
    studio.resize(DESKTOP["viewport"])
    switch(studio, "camvid")


def targets_of(phone: StudioPage) -> list[dict[str, Any]]:
    """The controls of a phone in every state: compared, menus, sheet, dialogs, stamp, message."""
    page, rows = phone.page, []

    def look(shown: str) -> None:
        page.locator(shown).first.wait_for()
        found = page.locator(".dps").evaluate(CONTROLS)
        rows.extend({**one, "state": shown} for one in found)

    page.keyboard.press("+")
    page.keyboard.press("c")
    look("#dps-compare-slider")
    page.keyboard.press("c")
    page.tap("#dps-class-button")
    look("#dps-classes")
    page.tap("#dps-replace-button")
    look("#dps-replace-run")
    page.keyboard.press("Escape")
    page.tap("#dps-sheet-close")
    for name in ("scenes", "download"):
        page.tap(f"#dps-{name}-button")
        look(f"#dps-{name} button")
        page.keyboard.press("Escape")
    for button, dialog in (("help", "shortcuts"), ("share", "link")):
        page.tap(f"#dps-{button}")
        look(f"#dps-{dialog} button")
        page.tap(f"#dps-{dialog} button")
    page.tap("#dps-stamps-button")
    look("#dps-stamps button")
    page.tap('#dps-stamps [data-stamp="car"]')
    look("#dps-tool-actions button")
    page.keyboard.press("Escape")
    page.keyboard.press("z")
    page.fill("#dps-seed", "-1")
    page.keyboard.press("Tab")
    look(".dps-notice-close")
    page.tap(".dps-notice-close")
    page.fill("#dps-seed", "0")
    page.keyboard.press("Tab")
    page.evaluate("window.scrollTo(0, 0)")
    return rows


@pytest.mark.parametrize("size", [(390, 844), (320, 640), (844, 390)])
def test_every_target_of_a_phone_is_large_and_its_words_fit(phone: StudioPage, size: tuple[int, int]) -> None:
    phone.resize({"width": size[0], "height": size[1]})
    assert phone.state["layout"] == "phone"
    assert phone.page.is_visible("#dps-open-photo")  # the sixth button
    rows = targets_of(phone)
    assert len(rows) > 400
    small = [one for one in rows if one["width"] < 43.99 or one["height"] < 43.99]
    assert small == []
    assert [one["name"] for one in rows if one["collides"]] == []
    assert phone.page.evaluate("document.documentElement.scrollWidth") <= size[0]


def test_a_phone_held_sideways_shows_photo_map_and_tools_together(phone: StudioPage) -> None:
    phone.resize(PHONE["viewport"])
    phone.page.fill("#dps-seed", "-1")
    phone.page.keyboard.press("Tab")
    phone.page.evaluate("window.scrollTo(0, 0)")
    phone.resize(SIDEWAYS)
    notices, frame = box(phone, "#dps-notices"), box(phone, "#dps-photo-frame")
    assert frame["x"] < notices["x"] < notices["x"] + notices["width"] < frame["x"] + frame["width"]
    phone.tap(".dps-notice-close")
    phone.page.fill("#dps-seed", "0")
    phone.page.keyboard.press("Tab")
    phone.page.evaluate("window.scrollTo(0, 0)")
    parts = ("#dps-photo-frame", "#dps-map-frame", "#dps-variations", ".dps-tools", ".dps-bar")
    boxes = [box(phone, one) for one in parts]
    for number, one in enumerate(boxes):
        assert is_inside(one, 844, 390)
        assert not [other for other in boxes[:number] if overlap(one, other)]
    assert boxes[1]["width"] > 300
    phone.tap("#dps-class-button")
    frame, sheet = box(phone, "#dps-map-frame"), box(phone, "#dps-side")
    assert is_inside(frame, 844, 390)
    assert is_inside(sheet, 844, 390)
    assert not overlap(frame, sheet)
    phone.tap("#dps-sheet-close")
    phone.tap("#dps-stamps-button")
    phone.tap('#dps-stamps [data-stamp="car"]')
    frame, actions = box(phone, "#dps-map-frame"), box(phone, "#dps-tool-actions")
    assert is_inside(actions, 844, 390)
    assert not overlap(actions, frame)
    assert not overlap(actions, box(phone, "#dps-variations"))
    phone.page.keyboard.press("Escape")
    phone.resize(PHONE["viewport"])


def test_a_low_window_with_a_mouse_keeps_the_layout_of_desktops(studio: StudioPage) -> None:
    studio.resize(SIDEWAYS)
    assert studio.state["layout"] != "phone"
    studio.resize(DESKTOP["viewport"])


@pytest.mark.parametrize("size", [(390, 844), (390, 700), (320, 640)])
def test_the_strip_of_a_phone_stays_in_sight_beside_the_map(phone: StudioPage, size: tuple[int, int]) -> None:
    phone.resize({"width": size[0], "height": size[1]})
    for scrolled in (0, 120):
        phone.page.evaluate("y => window.scrollTo(0, y)", scrolled)
        for one in ("#dps-class-button", "#dps-quick", "#dps-undo", "#dps-size", "[data-tool-button=fill]"):
            assert is_inside(box(phone, one), *size)
    phone.page.evaluate("window.scrollTo(0, 0)")
    photo, four = box(phone, "#dps-photo-frame"), box(phone, "#dps-variations")
    assert four["x"] >= photo["x"] + photo["width"]  # the variations lie beside the photo
    assert abs(four["y"] - photo["y"]) < 10
    assert is_inside(four, *size)
    looks = phone.page.locator("#dps-variations > *").evaluate_all(
        "all => all.map((one) => one.getBoundingClientRect()).map(({ top, bottom }) => [top, bottom])"
    )
    gaps = [below[0] - above[1] for above, below in pairwise(looks)]
    assert max(gaps) - min(gaps) < 1  # evenly spaced, from the top of the photo to its bottom
    assert looks[0][0] == pytest.approx(photo["y"], abs=1.5)
    assert looks[3][1] == pytest.approx(max(photo["y"] + photo["height"], looks[0][0] + 188), abs=1.5)
    assert box(phone, "#dps-past")["y"] > box(phone, "#dps-map-frame")["y"]  # no photo moves the map
    seen = min(box(phone, ".dps-tools")["y"], size[1]) - box(phone, "#dps-map-frame")["y"]
    assert seen >= (box(phone, "#dps-map-frame")["height"] - 1 if size[1] > 800 else 140)


def test_a_tool_of_several_steps_leaves_the_map_where_it_is_and_the_tray_is_seen(phone: StudioPage) -> None:
    phone.resize(PHONE["viewport"])
    phone.lay()
    frame = box(phone, "#dps-map-frame")
    phone.tap("#dps-stamps-button")
    tray = box(phone, "#dps-stamps")
    assert is_inside(tray, 390, 844)
    assert tray["height"] >= 250
    phone.tap('#dps-stamps [data-stamp="car"]')
    assert phone.page.is_visible("#dps-tool-actions")
    assert box(phone, "#dps-map-frame") == frame
    assert phone.page.evaluate("scrollY") == 0
    assert not overlap(box(phone, "#dps-tool-actions"), frame)
    phone.page.keyboard.press("Escape")


def test_classes_and_map_of_a_phone_are_seen_together(phone: StudioPage) -> None:
    phone.resize(PHONE["viewport"])
    phone.lay()
    assert not phone.page.is_visible("#dps-classes")
    phone.tap("#dps-class-button")
    frame, sheet = box(phone, "#dps-map-frame"), box(phone, "#dps-side")
    assert is_inside(frame, 390, 844)
    assert is_inside(sheet, 390, 844)
    assert not overlap(frame, sheet)
    assert sheet["y"] + sheet["height"] == 844
    assert accessibility_faults(phone) == ""
    phone.tap(f'#dps-classes [data-id="{CAR}"]')
    assert not phone.page.is_visible("#dps-classes")
    assert phone.page.evaluate("scrollY") == 0
    assert phone.page.inner_text("#dps-class-button-name") == "Car"


def test_the_last_classes_are_one_tap_away_and_keep_their_places(phone: StudioPage) -> None:
    phone.resize(PHONE["viewport"])
    phone.lay()
    names = "[...document.querySelectorAll('#dps-quick button')].map((one) => one.textContent)"
    hand = "#dps-class-button-name"
    first, row = phone.page.inner_text(hand), phone.page.evaluate(names)
    assert len({first, *row}) == 4
    phone.tap("#dps-quick button >> nth=1")
    assert phone.page.inner_text(hand) == row[1]
    assert phone.page.evaluate(names) == [row[0], first, row[2]]
    phone.tap("#dps-quick button >> nth=1")
    assert phone.page.inner_text(hand) == first
    assert phone.page.evaluate(names) == row


def test_a_good_filter_enlarges_the_photo_when_the_brush_rests(studio: StudioPage) -> None:
    photo = Image.fromarray(studio.photo)
    studio.page.mouse.move(5, 5)
    studio.page.wait_for_selector('#dps-photo-frame[data-fine="true"]')
    shown = studio.visible_image("#dps-photo-frame").astype(int)
    size = shown.shape[1::-1]
    errors = {
        name: np.abs(np.asarray(photo.resize(size, getattr(Image.Resampling, name))) - shown)[
            8:-8, 8:-8
        ].mean()
        for name in ("LANCZOS", "BILINEAR", "NEAREST")
    }
    assert errors["LANCZOS"] < 1
    assert errors["LANCZOS"] < 0.5 * min(errors["BILINEAR"], errors["NEAREST"])
    times = size[0] / 256
    assert studio.page.inner_text("#dps-native") == f"256 x 192 px, shown {times:.1f}x"
    seen = studio.page.evaluate("""() => new Promise((done) => {
        const frame = document.querySelector("#dps-photo-frame");
        const watcher = new MutationObserver(() => frame.dataset.fine === "false" && done(
            document.querySelector("#dps-fine").checkVisibility()));
        watcher.observe(frame, { attributeFilter: ["data-fine"] });
        document.querySelector("#dps-new-seed").click();
    })""")
    assert not seen  # until the brush rests again the browser enlarges the new photo
    studio.page.wait_for_selector('#dps-photo-frame[data-fine="true"]')
    assert studio.page.is_visible("#dps-fine")


@pytest.mark.parametrize("size", [(390, 700), (320, 640), (844, 390)])
def test_dialogs_of_a_phone_begin_at_their_top(
    phone: StudioPage, size: tuple[int, int], tmp_path: Path
) -> None:
    phone.resize({"width": size[0], "height": size[1]})
    pixels = np.arange(192 * 256).reshape(192, 256) // 4096
    Image.fromarray((200 + pixels).astype(np.uint8)).save(tmp_path / "map.png")
    for dialog in ("shortcuts", "repair"):
        if dialog == "shortcuts":
            phone.tap("#dps-help")
        else:
            phone.page.set_input_files("#dps-file", tmp_path / "map.png")
        phone.page.wait_for_selector(f"#dps-{dialog}[open]")
        length = phone.page.evaluate("name => document.querySelector(name).scrollHeight", f"#dps-{dialog}")
        assert length > box(phone, f"#dps-{dialog}")["height"]  # it scrolls
        assert is_inside(box(phone, f"#dps-{dialog}-title"), *size)
        choice = phone.page.locator("#dps-repair-whole").bounding_box()
        assert choice is None or choice["width"] == choice["height"]
        phone.page.keyboard.press("Escape")


def test_a_long_message_of_a_small_phone_has_space_around_it(phone: StudioPage, tmp_path: Path) -> None:
    phone.resize({"width": 320, "height": 640})
    (tmp_path / "notes.png").write_text("no picture")
    phone.page.set_input_files("#dps-file", tmp_path / "notes.png")
    phone.notice("alert")
    text, message = phone.page.evaluate("""() => {
        const range = document.createRange();
        range.selectNodeContents(document.querySelector(".dps-notice p"));
        const boxes = [range, document.querySelector(".dps-notice")];
        return boxes.map((one) => one.getBoundingClientRect().toJSON());
    }""")
    assert text["height"] > 50  # three lines
    assert text["top"] - message["top"] >= 4
    assert message["bottom"] - text["bottom"] >= 4
    phone.tap(".dps-notice-close")


def test_the_first_sentence_is_above_the_tools_of_a_small_phone(open_page: OpenPage) -> None:
    context = {**PHONE, "viewport": {"width": 320, "height": 640}}
    studio = open_page(**context)
    sentence = box(studio, "#dps-first-run-text")
    assert is_inside(sentence, 320, 640)
    for other in (".dps-tools", "#dps-first-run-path"):
        assert not overlap(sentence, box(studio, other))


def test_nothing_lies_under_the_painter_on_a_phone(phone: StudioPage) -> None:
    end = "name => document.querySelector(name).getBoundingClientRect().bottom"
    painter, page = (phone.page.evaluate(end, name) for name in (".dps", "html"))
    assert page - painter < 16  # Gradio's footer would show the dot between two links
