"""Answers of the server with a time of the model that a test states."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.space.browser.studio_page import StudioPage


class StatedTime:
    """Replaces the time of the model in the answers, in milliseconds; `drafts` is for photos of a stroke."""

    def __init__(self, studio: StudioPage, ms: float, drafts: float | None = None) -> None:
        self.ms = ms
        self.drafts = drafts
        studio.page.route(re.compile("component_server"), self._answer)

    def _answer(self, route: Any) -> None:
        reply = route.fetch()
        body = json.loads(reply.text())
        if isinstance(body, dict) and "ms" in body:
            is_draft = '"draft":true' in (route.request.post_data or "")
            body["ms"] = self.ms if self.drafts is None or not is_draft else self.drafts
        route.fulfill(response=reply, json=body)
