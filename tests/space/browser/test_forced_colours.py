"""Forced colours (high contrast): the choice stays visible and readable, classes keep their colours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.space.browser.conftest import DESKTOP
from tests.space.browser.studio_page import StudioPage
from tests.space.served_space import ServedSpace


def contrast(one: np.ndarray, other: np.ndarray) -> float:
    """The contrast of two colours as WCAG 2 defines it."""

    def light(colour: np.ndarray) -> float:
        part = colour / 255
        linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
        return float(linear @ (0.2126, 0.7152, 0.0722)) + 0.05

    dark, bright = sorted((light(one), light(other)))
    return bright / dark


@pytest.fixture(scope="module")
def forced(browser: Any, server: ServedSpace) -> Iterator[StudioPage]:
    """The page in forced colours, dark ones."""
    page = browser.new_context(**DESKTOP, forced_colors="active", color_scheme="dark").new_page()
    studio = StudioPage(page, f"http://127.0.0.1:{server.port}")
    studio.open()
    yield studio
    page.context.close()


def test_forced_colours_keep_what_is_chosen_and_the_swatches(forced: StudioPage) -> None:
    studio = forced
    backs = {
        name: studio.visible_image(f"[data-tool-button={name}]")[6, 6].astype(float)
        for name in ("brush", "fill")
    }
    assert contrast(backs["brush"], backs["fill"]) > 3
    studio.page.mouse.move(5, 5)
    on = studio.visible_image("#dps-follow i").reshape(-1, 3)
    studio.page.click("#dps-follow")
    studio.page.mouse.move(5, 5)
    off = studio.visible_image("#dps-follow i").reshape(-1, 3)
    assert contrast(np.median(on, axis=0), np.median(off, axis=0)) > 3
    swatches = [studio.visible_image(f'#dps-classes [data-id="{one}"] i')[9, 9] for one in range(11)]
    assert len({tuple(one) for one in swatches}) == 11
    slider = studio.visible_image("#dps-size").astype(float)
    line = slider[slider.shape[0] // 2]
    assert contrast(line[-3], slider[1, -3]) > 3  # the track
    assert contrast(line[3], line[-3]) > 1.2  # how far it is


CHOSEN_WORDS = """selector => {
    const back = document.querySelector(selector);
    const words = [...back.children].filter((one) => one.textContent);
    return [back, ...words].map((one, at) => getComputedStyle(one)[at ? "color" : "backgroundColor"]);
}"""


@pytest.mark.parametrize("chosen", ["#dps-legend [aria-pressed=true]", "#dps-classes [aria-checked=true]"])
def test_forced_colours_leave_the_chosen_class_readable(forced: StudioPage, chosen: str) -> None:
    colours = forced.page.evaluate(CHOSEN_WORDS, chosen)
    back, *words = [np.array(re.findall(r"\d+", one)[:3], float) for one in colours]
    assert len(words) >= 2
    for word in words:
        assert contrast(word, back) > 4.5
