"""Files that restore their scene, alerts that end with their cause, stale variations."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.space.browser.conftest import OpenPage
from tests.space.browser.slow_painting import brushed
from tests.space.browser.studio_page import StudioPage
from tests.space.browser.test_nothing_lost import shown, switch

CAR, BUILDING = 8, 1


def paint_scene(studio: StudioPage) -> None:
    """A scene that differs from the page's first one in everything."""
    studio.choose_class(CAR)
    studio.stroke([(20.5, 60.5), (100.5, 70.5)])
    studio.page.fill("#dps-seed", "9")
    studio.page.fill("#dps-seed-b", "5")
    studio.page.fill("#dps-mix", "35")
    studio.page.click(f'#dps-legend [data-id="{BUILDING}"] .dps-legend-reroll')
    studio.choose_tool("reroll")
    studio.click(128, 180)
    studio.choose_tool("brush")
    studio.page.select_option("#dps-colours", "dataset")


def save(studio: StudioPage, kind: str, folder: Path, scale: int = 1) -> Path:
    studio.page.click("#dps-download-button")
    studio.page.click(f'#dps-download [data-scale="{scale}"]')
    with studio.page.expect_download() as download:
        studio.page.click(f'#dps-download button[data-kind="{kind}"]')
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


@pytest.mark.parametrize(("kind", "scale"), [("photo", 1), ("map", 4), ("both", 1)])
def test_a_download_opened_again_brings_back_everything(
    studio: StudioPage, tmp_path: Path, kind: str, scale: int
) -> None:
    paint_scene(studio)
    wanted, photo = shown(studio), studio.photo
    colours = studio.visible_image("#dps-map")[5, 5]
    path = save(studio, kind, tmp_path, scale)
    large = "_4x" if scale == 4 else ""
    assert path.name == f"camvid_{kind}{large}_seed_9_to_5_mix_35_rerolls_2_data_set.png"
    with Image.open(path) as image:
        assert image.info["palette"] == "data set"
        if kind == "map":
            np.testing.assert_array_equal(np.asarray(image), studio.ids.repeat(4, 0).repeat(4, 1))
            np.testing.assert_array_equal(np.asarray(image.convert("RGB"))[8, 8], colours)
    studio.page.select_option("#dps-colours", "natural")
    switch(studio, "ade20k")
    steps = int(studio.state["undo"])
    studio.close_all()
    studio.page.set_input_files("#dps-file", path)
    assert studio.notice("status").endswith(f"Opened the scene of {path.name}.")
    assert shown(studio) == wanted
    assert (studio.photo == photo).all()
    assert studio.page.input_value("#dps-colours") == "dataset"
    assert int(studio.state["undo"]) > steps
    studio.page.select_option("#dps-colours", "natural")


def test_a_file_of_another_models_photo_is_refused_in_a_sentence(studio: StudioPage) -> None:
    before, buffer = shown(studio), io.BytesIO()
    scene = '{"model": "elsewhere", "kind": "photo", "map": "r1:1x1:AAABAA=="}'
    image = Image.new("RGB", (8, 8))
    text = PngInfo()
    text.add_text("dpsims-scene", scene)
    image.save(buffer, "PNG", pnginfo=text)
    file = {"name": "photo.png", "mimeType": "image/png", "buffer": buffer.getvalue()}
    studio.page.set_input_files("#dps-file", file)
    said = "photo.png cannot be opened. It was made with elsewhere, which is not here."
    assert studio.notice("alert") == said
    assert shown(studio) == before


DROP = """([bytes, name, type]) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([new Uint8Array(bytes)], name, { type }));
    const options = { dataTransfer: transfer, bubbles: true, cancelable: true };
    for (const kind of ["dragenter", "dragover", "drop"]) {
        document.querySelector("#dps-map").dispatchEvent(new DragEvent(kind, options));
    }
}"""


@pytest.mark.parametrize(("model", "segmenter"), [("ade20k", False), ("seeing", True)])
@pytest.mark.parametrize("kind", ["jpeg", "png"])
def test_a_dropped_photo_leads_to_the_segmenter_where_there_is_one(
    open_page: OpenPage, model: str, segmenter: bool, kind: str
) -> None:
    studio = open_page()
    switch(studio, model)
    assert bool(studio.page.evaluate("dpsims.model.no_photos")) != segmenter
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(buffer, kind)
    studio.page.evaluate(DROP, [list(buffer.getvalue()), f"me.{kind}", f"image/{kind}"])
    assert studio.notice("status" if segmenter else "alert")
    tried_as_map = kind == "png" or not segmenter
    assert ("read_photo" in studio.calls, "read_map" in studio.calls) == (segmenter, tried_as_map)
    assert bool(alerts(studio)) != segmenter


def alerts(studio: StudioPage) -> list[str]:
    return studio.page.locator("#dps-notices [role=alert] p").all_inner_texts()


def test_an_alert_ends_with_its_cause(studio: StudioPage) -> None:
    studio.page.fill("#dps-seed", "-1")
    studio.page.keyboard.press("Tab")
    assert studio.notice("alert").startswith("The number of a look")
    studio.page.fill("#dps-seed", "4")
    studio.page.keyboard.press("Tab")
    assert alerts(studio) == []
    studio.page.set_input_files("#dps-file", {"name": "a.png", "mimeType": "image/png", "buffer": b"none"})
    assert "a.png" in studio.notice("alert")
    studio.choose_class(CAR)
    studio.stroke([(20.5, 60.5), (60.5, 70.5)])
    assert alerts(studio) == []


def test_an_alert_about_the_connection_ends_when_it_is_back(studio: StudioPage) -> None:
    studio.page.route(re.compile("component_server"), lambda route: route.abort())
    studio.page.click("#dps-four")
    assert studio.notice("alert").startswith("The server cannot be reached.")
    studio.page.unroute(re.compile("component_server"))
    studio.page.click("#dps-new-seed")
    studio.settle()
    assert alerts(studio) == []
    studio.troubles.clear()


COVERED = """() => [...document.querySelectorAll(".dps :is(button, input, select, canvas#dps-map)")]
    .filter((one) => one.checkVisibility() && !one.closest("#dps-notices, .dps-unseen"))
    .filter((one) => !one.matches(".dps-unseen"))
    .filter((one) => {
        const box = one.getBoundingClientRect();
        return [...document.querySelectorAll(".dps-notice")].some((notice) => {
            const other = notice.getBoundingClientRect();
            const across = Math.min(box.right, other.right) - Math.max(box.left, other.left);
            const down = Math.min(box.bottom, other.bottom) - Math.max(box.top, other.top);
            return across > 0 && down > 0;
        });
    })
    .map((one) => one.id || one.outerHTML.slice(0, 80))"""


@pytest.mark.parametrize("size", [(1366, 820), (1024, 700), (390, 844), (320, 640)])
def test_messages_cover_no_control(studio: StudioPage, size: tuple[int, int]) -> None:
    studio.resize({"width": size[0], "height": size[1]})
    studio.page.evaluate("window.scrollTo(0, 0)")
    studio.page.fill("#dps-seed", "-1")
    studio.page.keyboard.press("Tab")
    studio.page.evaluate("window.scrollTo(0, 0)")
    assert studio.notice("alert")
    covered = studio.page.evaluate(COVERED)
    studio.page.click("#dps-compare")
    assert studio.page.is_visible("#dps-compare-slider")
    compared = studio.page.evaluate(COVERED)
    studio.page.click("#dps-compare")
    studio.page.fill("#dps-seed", "0")
    studio.page.keyboard.press("Tab")
    studio.resize({"width": 1366, "height": 820})
    assert (covered, compared) == ([], [])


@pytest.mark.parametrize(("size", "model"), [((1130, 800), "wide"), ((1100, 1400), "camvid")])
def test_messages_cover_no_caption_that_lies_on_a_photo(
    studio: StudioPage, size: tuple[int, int], model: str
) -> None:
    if model != "camvid":
        switch(studio, model)
    studio.resize({"width": size[0], "height": size[1]})
    assert studio.state["layout"] == "stacked"
    studio.page.fill("#dps-seed", "-1")
    studio.page.keyboard.press("Tab")
    assert studio.notice("alert")
    covered = studio.page.evaluate(COVERED)
    studio.page.click("#dps-compare")
    compared = studio.page.evaluate(COVERED)
    studio.page.click("#dps-compare")
    studio.page.fill("#dps-seed", "0")
    studio.page.keyboard.press("Tab")
    studio.page.click("#dps-compare")
    slider, frame = (
        studio.page.locator(one).bounding_box() for one in ("#dps-compare-slider", "#dps-photo-frame")
    )
    studio.page.click("#dps-compare")
    studio.resize({"width": 1366, "height": 820})
    switch(studio, "camvid")
    assert (covered, compared) == ([], [])
    assert slider == pytest.approx(frame)  # all of the photo again, without a message


def test_variations_of_an_earlier_scene_say_so(studio: StudioPage) -> None:
    note, list_ = "#dps-four-note", "#dps-variations"
    studio.four_looks()
    assert studio.page.get_attribute(list_, "data-stale") == "false"
    studio.page.click("#dps-new-seed")  # the seed is no part of what they share
    assert studio.page.get_attribute(list_, "data-stale") == "false"
    studio.choose_class(CAR)
    studio.stroke([(20.5, 60.5), (60.5, 70.5)])
    assert studio.page.get_attribute(list_, "data-stale") == "true"
    assert studio.page.inner_text(note) == "Of an earlier scene: make new ones"
    label = studio.page.get_attribute(f"{list_} button >> nth=0", "aria-label")
    assert label.endswith(", of an earlier scene")
    studio.page.click("#dps-undo")
    assert studio.page.get_attribute(list_, "data-stale") == "false"
    studio.page.click(f'#dps-legend [data-id="{BUILDING}"] .dps-legend-reroll')
    assert studio.page.get_attribute(list_, "data-stale") == "true"
    studio.page.click("#dps-four")
    studio.page.wait_for_selector(f'{list_}[data-stale="false"][data-waiting="false"]')


def test_the_mix_is_seen_and_spoken(studio: StudioPage) -> None:
    studio.page.fill("#dps-mix", "35")
    assert studio.page.inner_text("#dps-mix-text") == "35 %"
    assert studio.page.get_attribute("#dps-mix", "aria-valuetext") == "35 percent of look B"


def test_the_keyboard_returns_to_the_map_after_a_search(studio: StudioPage) -> None:
    studio.choose_class(0)
    studio.page.focus("#dps-map")
    studio.page.keyboard.press("/")
    studio.page.keyboard.type("car")
    studio.page.keyboard.press("Enter")
    assert studio.page.evaluate("document.activeElement.id") == "dps-map"
    assert studio.page.input_value("#dps-search") == ""
    before, size = studio.ids, int(studio.state["size"])
    studio.page.mouse.move(5, 5)
    studio.page.keyboard.press("ArrowLeft")
    studio.page.keyboard.press(" ")
    np.testing.assert_array_equal(studio.ids, brushed(before, [(128.5, 96.5)], size, CAR))


def test_the_line_of_the_comparison_is_seen_on_white(studio: StudioPage) -> None:
    studio.page.evaluate("document.querySelector('#dps-photo').style.visibility = 'hidden'")
    studio.page.evaluate("document.querySelector('#dps-fine').style.visibility = 'hidden'")
    studio.page.evaluate("document.querySelector('#dps-photo-frame').style.background = 'white'")
    studio.page.evaluate("document.querySelector('#dps-over-photo').style.visibility = 'hidden'")
    studio.page.click("#dps-compare")
    studio.page.mouse.move(5, 5)
    row = studio.visible_image("#dps-photo-frame")[30].mean(axis=1)
    for name in ("photo", "fine", "over-photo"):
        studio.page.evaluate("id => { document.querySelector(id).style.visibility = ''; }", f"#dps-{name}")
    studio.page.evaluate("document.querySelector('#dps-photo-frame').style.background = ''")
    studio.page.click("#dps-compare")
    middle = row[len(row) // 2 - 8 : len(row) // 2 + 8]
    assert middle.min() < 110
    assert row[40:80].min() > 250


def test_the_choice_of_colours_survives_a_reload(open_page: OpenPage) -> None:
    studio = open_page()
    natural = studio.visible_image("#dps-map")[5, 5].tolist()
    studio.page.select_option("#dps-colours", "dataset")
    studio.page.wait_for_timeout(100)
    chosen = studio.visible_image("#dps-map")[5, 5].tolist()
    assert chosen != natural
    studio.open()
    assert studio.page.input_value("#dps-colours") == "dataset"
    assert studio.visible_image("#dps-map")[5, 5].tolist() == chosen


def test_painting_on_the_photo_is_painting_on_the_map(studio: StudioPage) -> None:
    before = studio.ids
    studio.choose_class(CAR)
    box = studio.page.locator("#dps-photo").bounding_box()
    places = [(60.5, 90.5), (100.5, 120.5)]
    points = [(box["x"] + x / 256 * box["width"], box["y"] + y / 192 * box["height"]) for x, y in places]
    studio.page.mouse.move(*points[0])
    studio.page.mouse.down()
    studio.page.mouse.move(*points[1])
    studio.page.mouse.up()
    np.testing.assert_array_equal(studio.ids, brushed(before, places, 8, CAR))
    studio.settle()
    studio.page.mouse.move(5, 5)
    plain, map_shown = studio.visible_image("#dps-photo-frame"), studio.visible_image("#dps-map")
    studio.page.fill("#dps-opacity", "100")
    veiled = studio.visible_image("#dps-photo-frame")
    size = (min(veiled.shape[1], map_shown.shape[1]), min(veiled.shape[0], map_shown.shape[0]))
    assert np.median(np.abs(veiled[: size[1], : size[0]].astype(int) - map_shown[: size[1], : size[0]])) < 3
    studio.page.fill("#dps-opacity", "0")
    bare = studio.visible_image("#dps-photo-frame")
    # A little, because the photo is drawn anew with a finer filter once the brush rests.
    assert np.abs(bare.astype(int) - plain).mean() < 0.1 * np.abs(veiled.astype(int) - plain).mean()
    studio.page.fill("#dps-opacity", "100")
    studio.page.click("#dps-paint-photo")
    assert not studio.page.is_visible("#dps-opacity")
    studio.page.mouse.move(5, 5)
    alone = studio.visible_image("#dps-photo-frame")  # no map over it without its slider
    assert np.abs(alone.astype(int) - plain).mean() < 0.1 * np.abs(veiled.astype(int) - plain).mean()
    after = studio.ids
    studio.page.mouse.click(box["x"] + 30, box["y"] + 30)
    np.testing.assert_array_equal(studio.ids, after)
    studio.page.click("#dps-paint-photo")
    studio.page.fill("#dps-opacity", "0")


def test_wheel_and_space_enlarge_and_move_map_and_photo_together(studio: StudioPage) -> None:
    place = studio.points([(64.5, 48.5)])[0]
    photo = studio.page.locator("#dps-photo").bounding_box()
    studio.page.mouse.move(*place)
    studio.page.mouse.wheel(0, -500)
    studio.page.wait_for_function("() => Number(document.querySelector('.dps').dataset.zoom) > 1.5")
    zoom = float(studio.state["zoom"])
    assert zoom == pytest.approx(1.0015**500, abs=0.02)
    assert studio.points([(64.5, 48.5)])[0] == pytest.approx(place, abs=1)
    larger = studio.page.locator("#dps-photo").bounding_box()
    assert larger["width"] == pytest.approx(zoom * photo["width"], rel=0.01)
    before = studio.ids
    studio.page.keyboard.down(" ")
    studio.page.mouse.down()
    studio.page.mouse.move(place[0] - 40, place[1] - 25)
    studio.page.mouse.up()
    studio.page.keyboard.up(" ")
    moved = studio.points([(64.5, 48.5)])[0]
    assert moved == pytest.approx((place[0] - 40, place[1] - 25), abs=1)
    np.testing.assert_array_equal(studio.ids, before)
    studio.choose_class(CAR)
    places = [(70.1, 60.1), (80.1, 66.1)]
    studio.stroke(places)
    np.testing.assert_array_equal(studio.ids, brushed(before, places, 8, CAR))
    studio.page.keyboard.press("z")
    assert studio.state["zoom"] == "1.00"


def test_a_large_file_is_refused_with_a_size_above_the_limit(studio: StudioPage) -> None:
    file = {"name": "map.png", "mimeType": "image/png", "buffer": bytes(8_000_001)}
    sent = len(studio.calls.get("read_map", []))
    studio.page.set_input_files("#dps-file", file)
    assert studio.notice("alert") == "map.png has 8.1 MB; the limit is 8 MB."
    assert len(studio.calls.get("read_map", [])) == sent
