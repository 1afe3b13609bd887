"""The page of the Space as a visitor uses it, with a record of its errors and requests."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import numpy as np
from PIL import Image

from tests.space.browser.slow_painting import Place, read_map

READY = "() => document.querySelector('.dps')?.dataset.ready === 'true'"
SETTLED = """() => {
    const { live, photoOf, version } = document.querySelector(".dps").dataset;
    return live === "idle" && photoOf === version;
}"""
ENDED = """async () => {
    for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame);
    const ending = (one) => Number.isFinite(one.effect.getComputedTiming().endTime);
    await Promise.allSettled(document.getAnimations().filter(ending).map((one) => one.finished));
}"""


class StudioPage:
    """Drives one page.

    Args:
        page: of Playwright.
        address: of the Space, without a slash at the end.

    Records: `troubles` (errors on the console, exceptions, failed and foreign requests), `calls` (the
    requests of each server function), `most_in_flight` (most live requests pending at one time).
    """

    def __init__(self, page: Any, address: str) -> None:
        self.page = page
        self.address = address
        self.troubles: list[str] = []
        self.calls: dict[str, list[dict[str, Any]]] = {}
        self.most_in_flight = 0
        self._in_flight: set[Any] = set()
        page.set_default_timeout(30_000)
        page.on("console", lambda said: said.type == "error" and self.troubles.append(said.text))
        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        page.on("request", self._note_request)
        page.on("requestfinished", lambda request: self._in_flight.discard(request))
        page.on("requestfailed", self._note_failure)

    def open(self, fragment: str = "", query: str = "") -> None:
        """Go to the page, and wait for its photo."""
        self.page.goto(f"{self.address}/{query}{fragment}")
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Wait until the painter can be used, and its first photo is there."""
        self.page.wait_for_function(READY, timeout=60_000)
        self.settle()

    def lay(self, ids: str = "", **style: Any) -> None:
        """Show a map (text; empty: the first scene) and a style by a share link, and choose the brush."""
        model = self.page.evaluate("dpsims.model")
        scene = {"model": model["name"], "map": ids or model["examples"][0]["map"], "seed": 0, **style}
        parts = "&".join(f"{key}={quote(str(value), safe='')}" for key, value in scene.items())
        self.page.evaluate("fragment => { location.hash = fragment; }", parts)
        self.page.wait_for_function("() => location.hash === ''")  # read and obeyed
        self.close_all()
        self.follow_strokes()
        if self.page.is_visible("#dps-search"):  # on phones it lies in a sheet
            self.page.fill("#dps-search", "")
        self.choose_tool("brush")
        self.page.fill("#dps-size", "8")
        self.settle()
        np.testing.assert_array_equal(self.ids, read_map(scene["map"]))

    def settle(self) -> None:
        """Wait until the photo shown is that of the map and style shown."""
        self.page.wait_for_function(SETTLED)

    def resize(self, size: dict[str, int]) -> None:
        """Give the window a width and a height, and wait until the page is laid out."""
        self.page.set_viewport_size(size)
        self.end_transitions()

    def end_transitions(self) -> None:
        """Wait until the page is laid out, and its transitions have ended."""
        self.page.evaluate(ENDED)

    def tap(self, selector: str) -> None:
        """Tap an element, and wait for the layout: sheets and menus take their places in a frame."""
        self.page.tap(selector)
        self.end_transitions()

    @property
    def state(self) -> dict[str, str]:
        """The attributes of the page's root."""
        return self.page.evaluate("({ ...document.querySelector('.dps').dataset })")

    @property
    def ids(self) -> np.ndarray:
        """The map (H, W); the page's ids and its map text must agree. A list would take 60 times as long."""
        text, numbers = self.page.evaluate("[dpsims.map, dpsims.ids.join()]")
        ids = read_map(text)
        np.testing.assert_array_equal(ids.reshape(-1), np.array(numbers.split(","), dtype=np.int64))
        return ids

    @property
    def photo(self) -> np.ndarray:
        """The photo shown, (H, W, 3), once it is that of the map."""
        self.settle()
        return pixels_of(self.page.evaluate("dpsims.photo"))

    def points(self, places: Sequence[Place]) -> list[tuple[float, float]]:
        """Return the positions on the page of places of the map."""
        corner, next_one = self.page.evaluate("[dpsims.cell(-0.5, -0.5), dpsims.cell(0.5, 0.5)]")
        across, down = next_one["x"] - corner["x"], next_one["y"] - corner["y"]
        return [(corner["x"] + x * across, corner["y"] + y * down) for x, y in places]

    def stroke(self, places: Sequence[Place]) -> None:
        """Press the mouse at the first place, move it through the others, release it at the last."""
        mouse = self.page.mouse
        first, *others = self.points(places)
        mouse.move(*first)
        mouse.down()
        for point in others:
            mouse.move(*point)
        mouse.up()

    def click(self, x: int, y: int) -> None:
        """Click the centre of a pixel of the map."""
        self.page.mouse.click(*self.points([(x + 0.5, y + 0.5)])[0])

    def choose_tool(self, name: str) -> None:
        """Press a tool's button."""
        self.page.click(f"[data-tool-button={name}]")

    def choose_class(self, number: int) -> None:
        """Press a class's chip."""
        self.page.click(f'#dps-classes [data-id="{number}"]')

    def four_looks(self) -> Any:
        """Request four looks, wait for them, and return their buttons."""
        self.page.click("#dps-four")
        self.page.wait_for_selector('#dps-variations[data-waiting="false"]')
        return self.page.locator("#dps-variations button[data-seed]")

    def close_all(self) -> None:
        """Close every message and dialog on the page."""
        closers = ".dps-notice-close, .dps dialog[open] button"
        self.page.locator(closers).evaluate_all("buttons => buttons.forEach((button) => button.click())")

    def follow_strokes(self) -> None:
        """Request photos while the brush moves, also on a slow machine."""
        if self.state["followBy"] == "auto":
            self.page.click("#dps-follow")
        if self.state["follow"] == "end":
            self.page.click("#dps-follow")

    def notice(self, role: str) -> str:
        """Wait for a message, alert or status, and return its text."""
        shown = self.page.wait_for_selector(f"#dps-notices [role={role}] p")
        return shown.inner_text()

    def visible_image(self, selector: str) -> np.ndarray:
        """Return a screenshot of an element, (H, W, 3)."""
        return np.asarray(Image.open(io.BytesIO(self.page.locator(selector).screenshot())).convert("RGB"))

    def _note_request(self, request: Any) -> None:
        if not request.url.startswith((self.address, "data:", "blob:")):
            self.troubles.append(f"foreign request {request.url}")
        if "/component_server" not in request.url:
            return
        question = json.loads(request.post_data)
        self.calls.setdefault(question["fn_name"], []).append(question["data"])
        if question["fn_name"] == "live":
            self._in_flight.add(request)
            self.most_in_flight = max(self.most_in_flight, len(self._in_flight))

    def _note_failure(self, request: Any) -> None:
        self._in_flight.discard(request)
        if request.failure != "net::ERR_ABORTED":  # what was under way when the page was left
            self.troubles.append(f"{request.url}: {request.failure}")


def pixels_of(data_url: str) -> np.ndarray:
    """Return the pixels (H, W, 3) of an image as a data URL."""
    content = base64.b64decode(data_url.partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def difference(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return by how much two photos differ at each pixel (H, W), as the mean of the channels."""
    return np.abs(one.astype(float) - other).mean(axis=2)
