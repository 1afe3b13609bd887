"""Answers of the server with a time of the model that a test states."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.space.browser.studio_page import StudioPage


class StatedTime:
    """Replaces the time of the model in the server's answers, in milliseconds."""

    def __init__(self, studio: StudioPage, ms: float) -> None:
        self.ms = ms
        studio.page.route(re.compile("component_server"), self._answer)

    def _answer(self, route: Any) -> None:
        reply = route.fetch()
        body = json.loads(reply.text())
        if isinstance(body, dict) and "ms" in body:
            body["ms"] = self.ms
        route.fulfill(response=reply, json=body)
