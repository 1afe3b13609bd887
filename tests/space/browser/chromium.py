"""The Chromium of the tests, and its options for a machine without a network."""

from __future__ import annotations

import importlib.util
import shutil

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chromium-headless-shell")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find_chromium() -> str:
    """Return the path of a Chromium; without one, or without Playwright, the test is skipped."""
    if importlib.util.find_spec("playwright") is None:
        pytest.skip("the browser tests need Playwright: pip install playwright")
    for name in NAMES:
        if path := shutil.which(name):
            return path
    pytest.skip("the browser tests need a Chromium: apt-get install chromium")
