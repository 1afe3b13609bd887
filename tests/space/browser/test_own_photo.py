"""An opened photo: its map can be painted on, and the photo can be compared."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.space.browser.conftest import OpenPage
from tests.space.browser.slow_painting import brushed, read_map
from tests.space.browser.studio_page import StudioPage, difference
from tests.space.browser.test_visitors import accessibility_faults
from tests.space.served_space import ServedSpace, base64_of

CAR = 8


@pytest.mark.slow
def test_a_photo_becomes_a_map_and_stays_for_compare(
    open_page: OpenPage, server: ServedSpace, tmp_path: Path
) -> None:
    rows, columns = np.mgrid[:48, :64]
    pixels = np.stack([4 * columns, 5 * rows, np.full((48, 64), 90)], axis=2).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "me.png")
    studio = open_page()
    page = studio.page
    page.select_option("#dps-model", "seeing")
    page.wait_for_selector('.dps[data-model="seeing"]')
    before = studio.ids
    assert not page.is_visible("#dps-original")
    page.set_input_files("#dps-photo-file", tmp_path / "me.png")
    page.wait_for_selector("#dps-original", state="visible", timeout=90_000)
    data = base64_of((tmp_path / "me.png").read_bytes())
    wanted = read_map(server.call("read_photo", model="seeing", file="me.png", data=data)["map"])
    np.testing.assert_array_equal(studio.ids, wanted)
    assert (wanted != before).any()

    studio.settle()
    studio.close_all()
    page.click("#dps-original")
    page.fill("#dps-compare-slider", "100")
    assert page.get_attribute("#dps-original", "aria-pressed") == "true"
    assert page.get_attribute("#dps-compare", "aria-pressed") == "false"
    assert difference(shown(studio), pixels).mean() < 6
    assert accessibility_faults(studio) == ""
    studio.choose_class(CAR)
    page.fill("#dps-size", "5")
    places = [(5.5, 5.5), (50.5, 30.5)]
    studio.stroke(places)
    np.testing.assert_array_equal(studio.ids, brushed(wanted, places, 5, CAR))
    assert difference(shown(studio), pixels).mean() < 6  # the original stays while one paints on
    page.click("#dps-compare")  # now the map lies over the photo
    assert difference(shown(studio), pixels).mean() > 20
    page.click("#dps-scenes-button")
    page.click("#dps-scenes button >> nth=0")
    assert not page.is_visible("#dps-original")


def shown(studio: StudioPage) -> np.ndarray:
    """The photo pane at the map's size, without the slider's line at its end."""
    studio.page.wait_for_timeout(100)
    picture = Image.fromarray(studio.visible_image("#dps-over-photo"))
    return np.asarray(picture.resize((64, 48), Image.Resampling.BOX))


def test_without_a_segmenter_the_button_says_what_to_configure(open_page: OpenPage) -> None:
    studio = open_page()
    studio.page.select_option("#dps-model", "ade20k")
    studio.page.wait_for_selector('.dps[data-model="ade20k"]')
    studio.page.click("#dps-open-photo")
    assert "dpsims train-segmenter" in studio.notice("alert")
