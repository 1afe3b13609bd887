"""Results of a painting: live photos, seeds, variations, mixes, re-rolls, links and files."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dpsims_hub import DPSIMSPipeline, bundled_model
from tests.space.browser.conftest import OpenPage
from tests.space.browser.slow_painting import connected
from tests.space.browser.studio_page import StudioPage, difference, pixels_of

TREE, CAR = 5, 8


@pytest.fixture(scope="module")
def pipe() -> DPSIMSPipeline:
    return DPSIMSPipeline.from_pretrained(bundled_model())


def photo_of(pipe: DPSIMSPipeline, ids: np.ndarray, seed: int) -> Image.Image:
    generator = torch.Generator().manual_seed(seed)
    return pipe(torch.from_numpy(ids.astype(np.int64)), generator=generator).images[0]


def as_jpeg(photo: Image.Image) -> np.ndarray:
    """The photo after the loss that live photos have."""
    buffer = io.BytesIO()
    photo.save(buffer, format="JPEG", quality=92, subsampling=0)
    return np.asarray(Image.open(buffer).convert("RGB"))


def test_the_photo_is_that_of_the_pipeline(studio: StudioPage, pipe: DPSIMSPipeline) -> None:
    for name, seed in (("park side", 0), ("market street", 123456789)):
        studio.page.click("#dps-scenes-button")
        studio.page.click(f'#dps-scenes button[data-scene="{name}"]')
        studio.page.fill("#dps-seed", str(seed))
        studio.page.keyboard.press("Tab")
        photo = studio.photo
        assert difference(photo, as_jpeg(photo_of(pipe, studio.ids, seed))).mean() < 0.5
        assert difference(photo, as_jpeg(photo_of(pipe, studio.ids, seed + 1))).mean() > 3


def test_scene_and_seed_change_the_photo_and_come_back(studio: StudioPage) -> None:
    first = studio.photo
    studio.page.click("#dps-new-seed")
    other_seed = studio.photo
    assert difference(other_seed, first).mean() > 3
    studio.page.fill("#dps-seed", "0")
    studio.page.keyboard.press("Enter")
    assert (studio.photo == first).all()
    studio.page.click("#dps-scenes-button")
    studio.page.click('#dps-scenes button[data-scene="tree avenue"]')
    assert difference(studio.photo, first).mean() > 10
    studio.page.keyboard.press("Control+z")
    assert (studio.photo == first).all()


def test_a_seed_that_is_none_is_refused_in_a_sentence(studio: StudioPage) -> None:
    studio.page.fill("#dps-seed", "-3")
    studio.page.keyboard.press("Tab")
    assert studio.notice("alert") == "The number of a look is a whole one from 0 to 2147483647."
    assert studio.state["seed"] == "0"


def test_painting_never_floods_the_server(studio: StudioPage) -> None:
    sent, shown = (int(studio.state[name]) for name in ("requests", "replies"))
    studio.choose_class(TREE)
    rng = np.random.default_rng(0)
    studio.stroke([tuple(place) for place in rng.uniform((2, 2), (126, 94), (120, 2))])
    studio.settle()
    sent, shown = int(studio.state["requests"]) - sent, int(studio.state["replies"]) - shown
    assert sent == shown
    assert 3 <= sent <= 120  # photos came while the brush moved, and no more than there were moves
    assert studio.most_in_flight == 1
    assert studio.state["inFlightMax"] == "1"
    assert studio.calls["live"][-1]["map"] == studio.page.evaluate("dpsims.map")  # the newest wins
    assert studio.page.evaluate("dpsims.timings.at(-1).model") > 0


def test_variations_differ_and_a_click_adopts_one(studio: StudioPage, pipe: DPSIMSPipeline) -> None:
    before = studio.photo
    studio.page.fill("#dps-mix", "40")
    buttons = studio.four_looks()
    assert buttons.count() == 4
    photos = [pixels_of(image.get_attribute("src")) for image in buttons.locator("img").all()]
    for number, photo in enumerate(photos):
        for other in (*photos[:number], before):
            assert difference(photo, other).mean() > 3
    seed = buttons.nth(2).get_attribute("data-seed")
    buttons.nth(2).click()
    assert (studio.photo == photos[2]).all()
    assert studio.state["seed"] == seed == studio.page.input_value("#dps-seed")
    assert studio.state["mix"] == "0"
    assert difference(photos[2], as_jpeg(photo_of(pipe, studio.ids, int(seed)))).mean() < 0.5


def test_the_mix_leads_from_one_seed_to_the_other(studio: StudioPage) -> None:
    start = studio.photo
    studio.page.fill("#dps-seed", "1")
    studio.page.keyboard.press("Tab")
    end = studio.photo
    studio.page.fill("#dps-seed", "0")
    studio.page.fill("#dps-seed-b", "1")
    studio.page.focus("#dps-mix")
    photos = []
    for share in (0, 25, 75, 100):
        studio.page.fill("#dps-mix", str(share))
        photos.append(studio.photo)
    assert (photos[0] == start).all()
    assert (photos[3] == end).all()
    steps = [difference(photo, start).mean() for photo in photos]
    assert steps == sorted(steps)
    assert steps[1] > 0.5
    studio.page.press("#dps-mix", "Home")
    assert (studio.photo == start).all()


@pytest.fixture
def fixed_dice(studio: StudioPage) -> Iterator[None]:
    """Every new seed is the same: how much of a change crosses an edge depends on it."""
    studio.page.evaluate("() => { window.dice = Math.random; Math.random = () => 0.4; }")
    yield
    studio.page.evaluate("() => { Math.random = window.dice; }")


def test_a_class_rolled_again_changes_there_only(studio: StudioPage, fixed_dice: None) -> None:
    before = studio.photo
    building = 1
    studio.page.click(f'#dps-legend [data-id="{building}"] .dps-legend-reroll')
    assert_changed_in(studio, before, studio.ids == building)
    assert studio.page.evaluate("dpsims.regions").pop()["class"] == building
    studio.page.click("#dps-regions-reset")
    assert (studio.photo == before).all()
    assert studio.state["regions"] == "0"


def test_a_region_rolled_again_changes_there_only(studio: StudioPage, fixed_dice: None) -> None:
    before = studio.photo
    studio.choose_tool("reroll")
    studio.click(10, 10)
    assert_changed_in(studio, before, connected(studio.ids, 10, 10))
    assert len(studio.page.evaluate("dpsims.regions")) == 1


def assert_changed_in(studio: StudioPage, before: np.ndarray, region: np.ndarray) -> None:
    """Most of the change is in the region; convolutions spread a little over its edge."""
    change = difference(studio.photo, before)
    assert 0.05 < region.mean() < 0.95
    assert change[region].mean() > 3
    assert change[region].mean() > 4 * change[~region].mean()


def test_a_link_holds_the_whole_scene(studio: StudioPage, open_page: OpenPage) -> None:
    studio.choose_class(CAR)
    studio.stroke([(20.5, 60.5), (100.5, 70.5)])
    studio.page.fill("#dps-seed", "2147483647")
    studio.page.fill("#dps-seed-b", "5")
    studio.page.fill("#dps-mix", "35")
    studio.page.click('#dps-legend [data-id="1"] .dps-legend-reroll')
    photo = studio.photo
    studio.page.click("#dps-share")
    link = studio.page.input_value("#dps-link-text")
    studio.page.click("#dps-link form button")
    assert link.startswith(studio.address + "/#")
    assert len(link) < 8000
    friend = open_page(link.removeprefix(studio.address + "/"))
    assert (friend.ids == studio.ids).all()
    assert (friend.photo == photo).all()
    for name in ("seed", "seedB", "mix", "regions", "model"):
        assert friend.state[name] == studio.state[name]
    assert friend.state["seed"] == "2147483647"
    assert friend.page.url == studio.address + "/"


@pytest.mark.parametrize("fragment", ["map=r1:2x2:AAAA", "map=%E0%A4%A", "map=r1:1x1:AAABAA==&seed=1"])
def test_a_damaged_link_leaves_the_painting_alone(studio: StudioPage, fragment: str) -> None:
    before = studio.ids
    studio.page.evaluate("fragment => { location.hash = fragment; }", fragment)
    assert studio.notice("alert").startswith("The link does not fit this model. ")
    np.testing.assert_array_equal(studio.ids, before)


def palette_png(path: Path, ids: np.ndarray) -> Path:
    image = Image.fromarray(ids.astype(np.uint8))
    image.putpalette([(7 * number) % 256 for number in range(768)])  # colours that say nothing: indices count
    image.save(path)
    return path


def test_an_opened_map_is_exact(studio: StudioPage, tmp_path: Path) -> None:
    ids = np.random.default_rng(0).integers(0, 11, (192, 256))
    ids[:5] = 255
    studio.page.set_input_files("#dps-file", palette_png(tmp_path / "noise.png", ids))
    assert studio.notice("status") == "Opened noise.png."
    np.testing.assert_array_equal(studio.ids, ids)
    assert studio.photo.shape == (192, 256, 3)
    studio.page.keyboard.press("Control+z")
    assert (studio.ids != ids).any()


def test_a_map_in_known_colours_can_be_dropped(studio: StudioPage) -> None:
    classes = studio.page.evaluate("dpsims.model.classes")
    palette = np.array([one["rgb"] for one in classes], dtype=np.uint8)
    ids = np.random.default_rng(1).integers(0, 11, (192, 256))
    buffer = io.BytesIO()
    Image.fromarray(palette[ids]).save(buffer, format="PNG")
    drop = """([bytes, name]) => {
        const transfer = new DataTransfer();
        transfer.items.add(new File([new Uint8Array(bytes)], name, { type: "image/png" }));
        for (const kind of ["dragenter", "dragover", "drop"]) {
            const event = new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true });
            document.querySelector("#dps-map").dispatchEvent(event);
        }
    }"""
    studio.page.evaluate(drop, [list(buffer.getvalue()), "colours.png"])
    assert studio.notice("status") == "Opened colours.png."
    np.testing.assert_array_equal(studio.ids, ids)


def noise_png() -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(2).integers(0, 256, (192, 256, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("text.png", b"<html><script>alert(1)</script></html>"),
        ("<img src=x onerror=alert(1)>.png", b"no image"),
        ("cut.png", noise_png()[:2000]),
        ("large.png", bytes(9 * 2**20)),
        ("empty.png", b""),
    ],
)
def test_what_is_no_label_map_is_refused_in_a_sentence(studio: StudioPage, name: str, content: bytes) -> None:
    before = studio.ids
    studio.page.set_input_files("#dps-file", {"name": name, "mimeType": "image/png", "buffer": content})
    said = studio.notice("alert")
    assert said.endswith(".")
    assert "\n" not in said
    for secret in ("Traceback", "Error", "tmp", "/", ".py"):
        assert secret not in said.replace(name, "")
    np.testing.assert_array_equal(studio.ids, before)


def save(studio: StudioPage, kind: str, folder: Path) -> Image.Image:
    studio.page.click("#dps-download-button")
    with studio.page.expect_download() as download:
        studio.page.click(f'#dps-download button[data-kind="{kind}"]')
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    assert path.name == f"camvid_{kind}_seed_9_natural.png"
    with Image.open(path) as image:
        image.load()
    return image


def test_downloads_are_exact(studio: StudioPage, pipe: DPSIMSPipeline, tmp_path: Path) -> None:
    studio.choose_class(255)
    studio.stroke([(20.5, 60.5), (100.5, 70.5)])
    studio.page.fill("#dps-seed", "9")
    studio.page.keyboard.press("Tab")
    studio.settle()
    label_map = save(studio, "map", tmp_path)
    assert label_map.mode == "P"
    np.testing.assert_array_equal(np.asarray(label_map), studio.ids)
    photo = save(studio, "photo", tmp_path)
    wanted = np.asarray(photo_of(pipe, studio.ids, 9)).astype(int)
    assert np.abs(np.asarray(photo) - wanted).max() <= 1  # rounding of channels_last
    both = save(studio, "both", tmp_path)
    assert both.format == "PNG"
    assert both.width > 2 * 256 * 2


def test_compare_slides_the_map_over_the_photo(studio: StudioPage) -> None:
    studio.page.mouse.move(5, 5)
    map_shown, photo_shown = (studio.visible_image(one) for one in ("#dps-map", "#dps-photo"))
    studio.page.click("#dps-compare")
    studio.page.mouse.move(5, 5)
    height, width = photo_shown.shape[:2]
    inner = slice(height // 8, -height // 8)  # away from the handle at the edge and the corners
    studio.page.fill("#dps-compare-slider", "50")
    half = studio.visible_image("#dps-photo-frame")[:height, :width]
    left, right = slice(width // 16, 7 * width // 16), slice(9 * width // 16, 15 * width // 16)
    assert np.median(difference(half, map_shown)[inner, left]) < 3
    assert np.median(difference(half, photo_shown)[inner, right]) < 3
    assert difference(map_shown, photo_shown)[inner].mean() > 20
    studio.page.press("#dps-compare-slider", "End")
    whole = studio.visible_image("#dps-photo-frame")[:height, :width]
    assert np.median(difference(whole, map_shown)[inner, right]) < 3
    studio.page.click("#dps-compare")
    assert not studio.page.is_visible("#dps-compare-slider")


def test_requests_carry_only_what_the_server_needs(studio: StudioPage) -> None:
    studio.page.click("#dps-new-seed")
    studio.settle()
    request = studio.calls["live"][-1]
    assert set(request) == {"model", "map", "seed", "seed_b", "mix", "regions"}
    assert len(json.dumps(request)) < 10_000
