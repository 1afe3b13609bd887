"""Runs the page's pure scripts outside a page: in Node if installed, else in a headless Chromium."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from dpsims_hub.space.studio import read_page

PURE = (
    "painting/map_codec",
    "painting/painter",
    "painting/history",
    "painting/colours",
    "tools/shapes",
    "stamps/outlines",
    "stamps/stamp_shapes",
    "scene_state",
    "panels/class_groups",
    "panels/number_keys",
    "panels/palette",
    "panels/recents",
    "photo/fast_lane",
    "photo/live_photo",
    "photo/rerolls",
    "photo/reroll_list",
    "photo/past",
    "panels/scenes",
    "panels/scene_file",
    "photo/lanczos",
    "photo/fine_photo",
    "painting/zoom",
    "panels/models",
    "panels/sharing",
    "panels/shortcuts",
)
CHROMIUM_ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")


def program(body: str) -> str:
    """A script that defines the page's functions, then runs `body` with `given` in scope."""
    scripts = "\n".join(read_page(f"{name}.js") for name in PURE)
    return f'async (given) => {{ "use strict";\n{scripts}\n{body}\n}}'


@contextmanager
def script_runner() -> Iterator[Callable[..., Any]]:
    """Gives `run(body, given)`, which returns the body's result by way of JSON."""
    if shutil.which("node"):
        yield run_in_node
        return
    playwright = pytest.importorskip("playwright.sync_api", reason="neither node nor playwright is installed")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("neither node nor chromium is installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=list(CHROMIUM_ARGUMENTS))
        page = browser.new_page()
        yield lambda body, given=None: run_in_page(page, body, given)
        browser.close()


def run_in_page(page: Any, body: str, given: Any = None) -> Any:
    """Runs one body in a page of Playwright; as text, for it takes 60 times as long to bring a list over."""
    main = f"async (text) => JSON.stringify((await ({program(body)})(JSON.parse(text))) ?? null)"
    return json.loads(page.evaluate(main, json.dumps(given)))


def run_in_node(body: str, given: Any = None) -> Any:
    """Runs one body in Node; an exception fails the test with its message."""
    main = (
        f"const main = {program(body)};\nmain({json.dumps(given)})"
        ".then((value) => process.stdout.write(JSON.stringify(value === undefined ? null : value)));"
    )
    done = subprocess.run(["node", "-"], input=main, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
