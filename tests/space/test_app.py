from __future__ import annotations

import asyncio
import re
import urllib.request
from typing import Any

import pytest

import space_app
from dpsims_hub.space import app, photo_worker, start
from dpsims_hub.space.app import is_local
from dpsims_hub.space.page_head import PageHead, with_preview
from tests.space.live_space import LiveSpace


@pytest.mark.parametrize(
    ("host", "variable", "local"),
    [
        (None, None, True),
        ("127.0.0.1", "0.0.0.0", True),
        ("localhost", None, True),
        ("0.0.0.0", None, False),
        (None, "0.0.0.0", False),
        (None, "127.0.0.1", True),
        ("192.168.0.7", None, False),
    ],
)
def test_which_addresses_only_this_machine_reaches(
    monkeypatch: pytest.MonkeyPatch, host: str | None, variable: str | None, local: bool
) -> None:
    monkeypatch.delenv("GRADIO_SERVER_NAME", raising=False)
    if variable:
        monkeypatch.setenv("GRADIO_SERVER_NAME", variable)
    assert is_local(host) is local


@pytest.mark.parametrize(
    ("options", "beside"), [({}, True), ({"share": True}, False), ({"host": "::"}, False)]
)
def test_only_a_local_space_is_beside_its_browser(
    monkeypatch: pytest.MonkeyPatch, options: dict, beside: bool
) -> None:
    made = []

    class Worker(photo_worker.PhotoWorker):
        def __init__(self, registry, maker, *, beside_browser) -> None:
            made.append(beside_browser)
            super().__init__(registry)

        def prepare(self, model_info):
            """Load nothing."""

    monkeypatch.setattr(photo_worker, "PhotoWorker", Worker)
    monkeypatch.setattr(start, "PhotoProcess", lambda: None)
    monkeypatch.setattr(app, "launch_app", lambda *arguments, **options: "")
    monkeypatch.delenv("GRADIO_SERVER_NAME", raising=False)
    start.start_space("camvid", **options)[0].close()
    assert made == [beside]


def test_link_previews_tell_of_this_app(space: LiveSpace) -> None:
    with urllib.request.urlopen(space.address + "/") as response:
        page = response.read().decode()
        assert int(response.headers["content-length"]) == len(page.encode())
    tags = re.findall(r'<meta[^>]*(?:property|name)="((?:og|twitter):[a-z]+)"[^>]*content="([^"]*)"', page)
    assert dict(tags)["og:title"] == app.TITLE
    assert len(tags) == len(dict(tags))
    assert dict(tags)["og:description"].startswith("Choose a class, paint")
    assert dict(tags)["og:url"] == space.address + "/"
    assert not [told for _, told in tags if "gradio" in told.lower() or "{" in told or not told]


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        ({"host": "a-b.hf.space", "x-forwarded-proto": "https"}, "https://a-b.hf.space/"),
        ({"host": "a-b.hf.space", "x-forwarded-proto": "https,http"}, "https://a-b.hf.space/"),
        ({"host": "[::1]:7860"}, ""),
        ({"host": 'a"><script>'}, ""),
        ({"host": "a", "x-forwarded-proto": "javascript"}, ""),
        ({}, ""),
    ],
)
def test_the_address_of_a_preview_is_that_of_the_request(headers: dict, wanted: str) -> None:
    page = asked("GET", headers)[1].decode()
    assert re.findall(r'property="og:url" content="([^"]*)"', page) == ([wanted] if wanted else [])


def test_preview_tags_are_replaced_in_the_head_only() -> None:
    page = (
        b'<html><head><meta name="x"><meta\n property="og:title"\n content="A" /></head><body>og:title</body>'
    )
    assert with_preview(page, b"<t>") == b'<html><head><t><meta name="x"></head><body>og:title</body>'


def asked(method: str, headers: dict[str, str]) -> tuple[dict, bytes]:
    """The headers and the body of a small page behind `PageHead`."""

    async def answer_get_only(scope: dict, receive: object, send: Any) -> None:
        body = b"<html><head></head></html>" if scope["method"] == "GET" else b""
        headers = [(b"Content-Type", b"text/html"), (b"Content-Length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    sent: list[dict] = []

    async def send(message: dict) -> None:
        sent.append(message)

    told = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "path": "/", "method": method, "headers": told}
    asyncio.run(PageHead(answer_get_only, "Painter", "Paints")(scope, None, send))
    return dict(sent[0]["headers"]), sent[1]["body"]


def test_head_has_the_length_of_the_page_and_no_body() -> None:
    (headers, page), (headers_only, body) = asked("GET", {}), asked("HEAD", {})
    assert headers_only == headers
    assert int(headers[b"content-length"]) == len(page) > 100
    assert body == b""


def test_ctrl_c_during_the_start_ends_without_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(start, "start_space", interrupted)
    assert space_app.main([]) == 130
