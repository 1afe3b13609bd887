"""Tags for link previews: those of Gradio's page describe Gradio."""

from __future__ import annotations

import re
from html import escape
from typing import Any

_PREVIEW_TAG = re.compile(rb"""<meta\s[^>]*?(?:property|name)=["'](?:og|twitter):[^>]*>\s*""")


class PageHead:
    """ASGI middleware: replaces the preview tags of the page by this app's title and description."""

    def __init__(self, app: Any, title: str, description: str) -> None:
        self._app = app
        values = {"og:title": title, "og:type": "website", "og:description": description}
        tags = [f'<meta property="{name}" content="{escape(value)}" />' for name, value in values.items()]
        tags.append(f'<meta name="description" content="{escape(description)}" />')
        tags.append('<meta name="twitter:card" content="summary" />')
        self._tags = "".join(tags).encode()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass a request on; the HTML of the page gets the new tags."""
        if scope["type"] != "http" or scope["path"].rstrip("/") != scope.get("root_path", "").rstrip("/"):
            await self._app(scope, receive, send)
            return
        start: dict[str, Any] = {}
        is_head = scope["method"] == "HEAD"  # its headers are those of GET
        parts: list[bytes] = []

        async def held(message: Any) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
                return
            parts.append(message.get("body", b""))
            if not message.get("more_body", False):
                await self._finish(start, b"".join(parts), send, is_head)

        await self._app({**scope, "method": "GET"} if is_head else scope, receive, held)

    async def _finish(self, start: dict[str, Any], body: bytes, send: Any, is_head: bool) -> None:
        headers = [(name.lower(), value) for name, value in start.get("headers", [])]
        if dict(headers).get(b"content-type", b"").startswith(b"text/html"):
            body = with_preview(body, self._tags)
            headers = [(name, value) for name, value in headers if name != b"content-length"]
            headers.append((b"content-length", str(len(body)).encode()))
        await send({**start, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if is_head else body})


def with_preview(page: bytes, tags: bytes) -> bytes:
    """Return a page with `tags` at the start of its head and no other preview tags."""
    head, end, rest = page.partition(b"</head>")
    head = _PREVIEW_TAG.sub(b"", head)
    return head.replace(b"<head>", b"<head>" + tags, 1) + end + rest
