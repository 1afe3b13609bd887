"""One Space in its own process, and a headless Chromium for each test file.

Playwright's loop blocks its thread until the end of a test file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dpsims_hub.labels import ClassSpec
from tests.space.browser.chromium import ARGUMENTS, find_chromium
from tests.space.browser.studio_page import StudioPage
from tests.space.models import save_segmenter, save_tiny
from tests.space.served_space import ServedSpace

LARGE = (1024, 1024)
DESKTOP = {"viewport": {"width": 1366, "height": 820}}
PHONE = {
    "viewport": {"width": 390, "height": 844},
    "has_touch": True,
    "is_mobile": True,
    "device_scale_factor": 2,
}
SIDEWAYS = {"width": 844, "height": 390}  # of the same phone
OpenPage = Callable[..., StudioPage]


@pytest.fixture(scope="session")
def server(ade20k_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedSpace]:
    """Models: bundled, random ADE20K, of large maps, Cityscapes 2:1, with a segmenter, of one class."""
    find_chromium()
    folder, spec = tmp_path_factory.mktemp("models"), ClassSpec.load("camvid")
    large = save_tiny(folder / "large", spec, LARGE)
    wide = save_tiny(folder / "wide", ClassSpec.load("cityscapes"), (32, 64))
    seeing = save_tiny(folder / "seeing", spec, (48, 64))
    save_segmenter(seeing / "segmenter", dict(enumerate(spec.names)), half=True)
    single = save_tiny(folder / "single", replace(spec, classes=spec.classes[:1], stored_values=(0,)))
    models = ["camvid", str(ade20k_folder), str(large), str(wide), str(seeing), str(single)]
    server = ServedSpace(models, tmp_path_factory.mktemp("painted"))
    yield server
    server.stop()
    assert "Traceback" not in server.log.read_text()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    executable = find_chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=executable, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def phone(browser: Any, server: ServedSpace) -> Iterator[StudioPage]:
    """The page on a phone, for all tests of a file."""
    studio = StudioPage(browser.new_context(**PHONE).new_page(), f"http://127.0.0.1:{server.port}")
    studio.open()
    yield studio
    assert studio.troubles == []
    studio.page.context.close()


@pytest.fixture(scope="module")
def shared_studio(browser: Any, server: ServedSpace) -> Iterator[StudioPage]:
    """One page for all tests of a file; tests use `studio`, the same page with a fresh scene."""
    studio = StudioPage(browser.new_context(**DESKTOP).new_page(), f"http://127.0.0.1:{server.port}")
    studio.open()
    yield studio
    studio.page.context.close()


@pytest.fixture
def studio(shared_studio: StudioPage, tmp_path: Path) -> Iterator[StudioPage]:
    """The desktop page at the first scene, seed 0, a brush of 8, no re-rolls; it must show no errors."""
    shared_studio.lay()
    yield shared_studio
    shared_studio.page.screenshot(path=tmp_path / "page.png")
    assert shared_studio.troubles == []


@pytest.fixture
def new_page(browser: Any, server: ServedSpace, tmp_path: Path) -> Iterator[OpenPage]:
    """Makes further pages for separate visitors, not opened yet: `new_page(**context)`."""
    made: list[StudioPage] = []

    def new_page(**context: Any) -> StudioPage:
        page = browser.new_context(**{**DESKTOP, **context}).new_page()
        made.append(StudioPage(page, f"http://127.0.0.1:{server.port}"))
        return made[-1]

    yield new_page
    for number, studio in enumerate(made):
        studio.page.screenshot(path=tmp_path / f"page_{number}.png")
        studio.page.context.close()
    for studio in made:
        assert studio.troubles == []


@pytest.fixture
def open_page(new_page: OpenPage) -> OpenPage:
    """Opens further pages: `open_page(fragment="", **context)`."""

    def open_page(fragment: str = "", **context: Any) -> StudioPage:
        studio = new_page(**context)
        studio.open(fragment)
        return studio

    return open_page
