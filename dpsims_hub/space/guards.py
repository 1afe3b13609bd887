"""Limits on the size of requests and on the names in them.

Gradio limits uploaded files but not other bodies, and stores every session under the name in its request.
"""

from __future__ import annotations

import json
from typing import Any

MAX_BODY_BYTES = 16 * 10**6  # a file of 8 MB in base64 fits; a larger one gets its own message
MAX_DISCARDED_BYTES = 64 * 10**6  # read after a refusal, because a client reads no answer while it sends
MAX_NAME = 64  # characters; names of sessions have about 11, those of our functions 12


class BodyTooLargeError(Exception):
    """The body of a request is larger than the limit."""


class BodyLimit:
    """ASGI middleware: answers 413 to bodies above a limit in bytes, without storing them in memory."""

    def __init__(self, app: Any, limit: int = MAX_BODY_BYTES) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass a request on and count its bytes."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if not announced.isdigit() or int(announced) > self._limit:
            await _refuse(receive, send)
            return
        seen, answering = 0, False

        async def counted() -> Any:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._limit:
                raise BodyTooLargeError
            return message

        async def noted(message: Any) -> None:
            nonlocal answering
            answering = True
            await send(message)

        try:
            await self._app(scope, counted, noted)
        except BodyTooLargeError:
            if not answering:
                await _refuse(receive, send)


class NameGuard:
    """ASGI middleware: answers 400 to requests with a long name of a session or function.

    Gradio stores the names of sessions, and searches the page's script for those of functions. This class
    must come after `BodyLimit`, because it holds a whole body in memory.
    """

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass a request on after a check of its body."""
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"].endswith("/upload"):
            await self._app(scope, receive, send)
            return
        messages = [await receive()]
        while messages[-1].get("more_body", False):
            messages.append(await receive())
        body = b"".join(message.get("body", b"") for message in messages)
        if not _has_short_names(dict(scope["headers"]), body):
            await _answer(send, 400, b"The request is malformed.")
            return
        whole = [{"type": "http.request", "body": body, "more_body": False}]

        async def replayed() -> Any:
            return whole.pop() if whole else await receive()

        await self._app(scope, replayed, send)


def _has_short_names(headers: dict[bytes, bytes], body: bytes) -> bool:
    if headers.get(b"content-type", b"").startswith(b"multipart/"):
        return False  # Gradio accepts calls in this form; the page sends none
    try:
        data = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        return False
    names = [data.get(key) for key in ("session_hash", "fn_name")] if isinstance(data, dict) else []
    return all(name is None or (isinstance(name, str) and len(name) <= MAX_NAME) for name in names)


async def _refuse(receive: Any, send: Any) -> None:
    """Discard the rest of a body up to a limit, and answer 413."""
    discarded, more = 0, True
    while more and discarded < MAX_DISCARDED_BYTES:
        message = await receive()
        discarded += len(message.get("body", b""))
        more = message["type"] == "http.request" and message.get("more_body", False)
    await _answer(send, 413, b"The request is too large.")


async def _answer(send: Any, status: int, body: bytes) -> None:
    length = str(len(body)).encode()
    headers = [(b"content-type", b"text/plain"), (b"content-length", length), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
