"""Tags for link previews, because those in Gradio's page describe Gradio.

There is no og:image, because it needs an address, and the Space serves pictures only as data in its answers.
"""

from __future__ import annotations

import re
from html import escape
from typing import Any

_HOST = re.compile(r"[\w.-]+(:\d+)?")
_PREVIEW_TAG = re.compile(rb"""<meta\s[^>]*?(?:property|name)=["'](?:og|twitter):[^>]*>\s*""")


class PageHead:
    """ASGI middleware: replaces the page's preview tags by tags with this app's title and description."""

    def __init__(self, app: Any, title: str, description: str) -> None:
        self._app = app
        values = {"og:title": title, "og:type": "website", "og:description": description}
        tags = [_property(name, value) for name, value in values.items()]
        tags.append(f'<meta name="description" content="{escape(description)}" />')
        tags.append('<meta name="twitter:card" content="summary" />')
        self._tags = "".join(tags)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass a request on, and put the new tags into the HTML of the page."""
        if scope["type"] != "http" or scope["path"].rstrip("/") != scope.get("root_path", "").rstrip("/"):
            await self._app(scope, receive, send)
            return
        start: dict[str, Any] = {}
        is_head = scope["method"] == "HEAD"  # the answer must have the headers of GET
        parts: list[bytes] = []

        async def held(message: Any) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
                return
            parts.append(message.get("body", b""))
            if not message.get("more_body", False):
                await _finish(start, b"".join(parts), self._tags + _address_tag(scope), send, is_head)

        await self._app({**scope, "method": "GET"} if is_head else scope, receive, held)


async def _finish(start: dict[str, Any], body: bytes, tags: str, send: Any, is_head: bool) -> None:
    headers = [(name.lower(), value) for name, value in start.get("headers", [])]
    if dict(headers).get(b"content-type", b"").startswith(b"text/html"):
        body = with_preview(body, tags.encode())
        headers = [(name, value) for name, value in headers if name != b"content-length"]
        headers.append((b"content-length", str(len(body)).encode()))
    await send({**start, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if is_head else body})


def _property(name: str, value: str) -> str:
    return f'<meta property="{name}" content="{escape(value)}" />'


def _address_tag(scope: Any) -> str:
    """Return the tag og:url of a request's page, or "" if the headers do not give its address."""
    headers = {name.lower(): value.decode("latin-1") for name, value in scope.get("headers", [])}
    host = headers.get(b"host", "")
    scheme = headers.get(b"x-forwarded-proto", scope.get("scheme", "http")).partition(",")[0]
    if not _HOST.fullmatch(host) or scheme not in ("http", "https"):
        return ""
    return _property("og:url", f"{scheme}://{host}{scope['path']}")


def with_preview(page: bytes, tags: bytes) -> bytes:
    """Return a page with `tags` at the start of its head and no other preview tags."""
    head, end, rest = page.partition(b"</head>")
    head = _PREVIEW_TAG.sub(b"", head)
    return head.replace(b"<head>", b"<head>" + tags, 1) + end + rest
