from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest

from dpsims_hub.space.guards import BodyLimit, NameGuard
from tests.space.live_space import LiveSpace

ASKED = {"type": "http", "headers": []}


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """An application that answers with the length of the body."""
    length, more = 0, True
    while more:
        message = await receive()
        length += len(message.get("body", b""))
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(length).encode()})


def answer(
    pieces: Iterable[bytes], scope: dict[str, Any] = ASKED, limit: int = 100
) -> tuple[int, bytes, int]:
    """Return status, content, and how many pieces were left unread."""
    waiting = list(pieces)
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not waiting:
            return {"type": "http.disconnect"}
        body = waiting.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(waiting)}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(BodyLimit(echo, limit)(scope, receive, send))
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    return sent[0]["status"], sent[1]["body"], len(waiting)


def announcing(length: bytes) -> dict[str, Any]:
    return {"type": "http", "headers": [(b"content-length", length)]}


@pytest.mark.parametrize("pieces", [[b""], [b"a" * 100], [b"a" * 50, b"b" * 50], [b"a"] * 100])
def test_bodies_up_to_the_limit_pass_unchanged(pieces: list[bytes]) -> None:
    total = sum(map(len, pieces))
    assert answer(pieces) == (200, str(total).encode(), 0)
    assert answer(pieces, announcing(str(total).encode())) == (200, str(total).encode(), 0)


@pytest.mark.parametrize("pieces", [[b"a" * 101], [b"a" * 50, b"b" * 51], [b"a"] * 101])
def test_larger_ones_get_413_also_when_they_announce_nothing(pieces: list[bytes]) -> None:
    for scope in (ASKED, announcing(b"101"), announcing(b"5"), announcing(b"-1"), announcing(b"many")):
        assert answer(pieces, scope)[:2] == (413, b"The request is too large.")


def test_an_endless_body_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dpsims_hub.space.guards.MAX_DISCARDED_BYTES", 1000)
    status, _, unread = answer([b"a" * 100] * 50)
    assert status == 413
    assert unread >= 35


def guarded(body: bytes, **scope: Any) -> tuple[int, bytes]:
    """Return the answer of the echo application behind `NameGuard` to a body in two pieces."""
    waiting = [body[:5], body[5:]]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": waiting.pop(0), "more_body": bool(waiting)}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asked = {"type": "http", "method": "POST", "path": "/gradio_api/queue/join", "headers": [], **scope}
    asyncio.run(NameGuard(echo)(asked, receive, send))
    return sent[0]["status"], sent[1]["body"]


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[1, 2, 3]", b'{"session_hash": null}', b'{"data": [1], "session_hash": "abcdefghijk"}'],
)
def test_plain_requests_pass_the_guard_of_names_unchanged(body: bytes) -> None:
    assert guarded(body) == (200, str(len(body)).encode())


@pytest.mark.parametrize(
    "body",
    [
        b'{"session_hash": "' + b"a" * 65 + b'"}',
        b'{"session_hash": {"a": 1}}',
        b'{"session_hash": 7}',
        b'{"session_hash": "a", "fn_name": "' + b"a" * 65 + b'"}',
        b'{"fn_name": ["live"]}',
        b"{",
        b"[" * 100_000,
        b"\xff\xfe",
    ],
)
def test_long_names_and_malformed_bodies_do_not(body: bytes) -> None:
    assert guarded(body)[0] == 400


def test_forms_pass_only_as_uploads() -> None:
    form = [(b"content-type", b"multipart/form-data; boundary=x")]
    assert guarded(b"--x--\r\n", headers=form)[0] == 400
    assert guarded(b"--x--\r\n", headers=form, path="/gradio_api/upload") == (200, b"7")
    assert guarded(b"whatever", method="PUT") == (200, b"8")


def test_the_serving_space_is_guarded(space: LiveSpace) -> None:
    long = b'{"session_hash": "%s", "component_id": %d, "fn_name": "live", "data": {}}'
    for length, wanted in ((64, 200), (65, 400)):
        body = long % (b"a" * length, space._studio())
        assert space.post("/gradio_api/component_server", body)[0] == wanted
    assert "a" * 64 in space.app.state_holder.session_data
    assert space.app.state_holder.capacity == 500
