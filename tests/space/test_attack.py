"""Hostile requests to `space_app.py` in its own process; `ServedSpace.ask` checks all answers."""

from __future__ import annotations

import json
import random
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import numpy as np
import pytest

from tests.space import hostile_files as files
from tests.space.served_space import ROOT, ServedSpace, base64_of, file_data, map_text, refusal

WEIGHTS = "dpsims_hub/bundled/camvid/generator/diffusion_pytorch_model.safetensors"
IDS = np.random.default_rng(0).integers(0, 11, (192, 256))
MEGABYTE = 10**6
pytestmark = pytest.mark.usefixtures("unharmed")


class Recorder(BaseHTTPRequestHandler):
    """A host in the server's network that must stay unreachable from outside."""

    asked: list[str] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_error(404)

    def do_HEAD(self) -> None:
        self.do_GET()


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/etc/passwd", "$root/" + WEIGHTS, WEIGHTS, "../../etc/passwd", "\0", ""])
def test_programs_cannot_name_files_of_the_server(served: ServedSpace, path: str) -> None:
    path = path.replace("$root", str(ROOT))
    event, told = served.endpoint("read_map", file_data(path), False, "")
    assert event == "error"
    assert "not an image" not in json.dumps(told)  # that would tell that the file exists


def test_the_server_fetches_nothing_from_its_own_network(served: ServedSpace) -> None:
    with HTTPServer(("127.0.0.1", 0), Recorder) as neighbour:
        Thread(target=neighbour.serve_forever, args=(0.05,), daemon=True).start()
        url = f"http://127.0.0.1:{neighbour.server_port}/map.png"
        try:
            for value in (file_data(url), file_data("a.png", url=url), file_data("", url=url), url):
                assert served.endpoint("read_map", value, False, "")[0] == "error"
            served.get(f"/gradio_api/proxy={url}")
            served.get(f"/gradio_api/file={url}")
        finally:
            neighbour.shutdown()
    assert Recorder.asked == []


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file=/etc/passwd",
        "/gradio_api/file=$root/space_app.py",
        f"/gradio_api/file=$root/{WEIGHTS}",
        f"/gradio_api/file={WEIGHTS}",
        "/gradio_api/file=space_app.py",
        "/gradio_api/file=..%2f..%2f..%2fetc/passwd",
        "/gradio_api/file=%2e%2e/%2e%2e/etc/passwd",
        "/gradio_api/file=file:///etc/passwd",
        "/gradio_api/file=//etc/passwd",
        "/gradio_api/file=%00",
        "/gradio_api/file/etc/passwd",
        "/file=/etc/passwd",
        "/static/..%2f..%2f..%2f..%2f..%2f..%2fetc/passwd",
        "/assets/..%2f..%2f..%2f..%2f..%2f..%2fetc/passwd",
        "/svelte/..%2f..%2f..%2f..%2f..%2f..%2fetc/passwd",
        "/gradio_api/custom_component/a/client/component/..%2f..%2fetc%2fpasswd",
        "/gradio_api/proxy=https://example.com/",
        "/gradio_api/vibe-code",
        "/monitoring/guess",
        "/docs",
    ],
)
def test_no_address_gives_a_file_of_the_server(served: ServedSpace, path: str) -> None:
    reply = served.get(path.replace("$root", str(ROOT)))
    assert 400 <= reply.status < 500
    assert len(reply.body) < 1000


def test_what_every_visitor_gets_holds_no_secret(served: ServedSpace) -> None:
    for path in ("/", "/config", "/gradio_api/info", "/gradio_api/openapi.json", "/theme.css", "/nothing"):
        body = served.get(path).body.decode()  # `ask` searches it
        assert str(served.folder) not in body


def test_uploads_of_dangerous_kinds_come_back_as_downloads_only(served: ServedSpace) -> None:
    for name in ("a.html", "a.svg", "../../a.js"):
        path = served.upload(b"<script>alert(1)</script>", name).json[0]
        assert path.startswith(str(served.files))
        headers = served.get(f"/gradio_api/file={path}").headers
        assert headers["content-disposition"].startswith("attachment")


DEEP: list = []
for _ in range(800):
    DEEP = [DEEP]
GOOD: dict[str, dict[str, Any]] = {
    "live": {"map": "$map", "seed": 1, "seed_b": 2, "mix": 0.5, "regions": [{"class": 1, "seed": 2}]},
    "variations": {"map": "$map", "seed": 1, "count": 1, "regions": []},
    "read_map": {"file": "a.png", "data": base64_of(files.grey(IDS)), "stored": False},
    "read_photo": {"file": "a.png", "data": base64_of(files.grey(IDS))},
    "inspect_map": {"file": "a.png", "data": base64_of(files.grey(IDS))},
    "repair_map": {"file": "a.png", "data": base64_of(files.grey(IDS)), "table": {"1": 2}, "whole": False},
    "palette": {"kind": "gpl"},
    "scene_photo": {"scene": "city traffic"},
    "download": {"map": "$map", "seed": 1, "kind": "map", "mix": 0.5, "regions": []},
    "switch_model": {},
}
WRONG = [
    *(None, [], [1, 2], [[]], {}, {"a": {"b": {}}}, DEEP, True, 0, -1, 1.5, -0.5, 1e300, 10**30, 10**400),
    *(
        float("nan"),
        float("inf"),
        "",
        "1",
        "x" * MEGABYTE,
        "a\0b",
        "\ud800",
        "../../etc/passwd",
        "/etc/passwd",
    ),
    *(
        {"path": "/etc/passwd"},
        [{"class": 99}],
        [{"class": None}],
        [{"region": 1}],
        [{"seed": -1}],
        [None] * 99,
    ),
]
SAFE = {"photo", "photos", "seeds", "ms", "map", "note", "name", "data", "error", "cropped", "values", "more"}


@pytest.mark.parametrize("function", GOOD)
def test_wrong_types_in_every_field_are_answered_in_a_sentence(served: ServedSpace, function: str) -> None:
    good = {key: served.map if value == "$map" else value for key, value in GOOD[function].items()}
    requests = [good | {key: wrong} for key in ("model", *good) for wrong in WRONG]
    for request in [*requests, *WRONG]:
        answer = served.call_with(function, request)
        if "error" in answer:
            assert "something went wrong" not in refusal(answer, request), str(request)[:300]
        elif function != "switch_model":
            assert set(answer) <= SAFE, answer


def test_unknown_functions_and_components_do_not_answer(served: ServedSpace) -> None:
    names = (
        "nope",
        "",
        "__init__",
        "__class__",
        "postprocess",
        "get_config",
        "live\0",
        "x" * MEGABYTE,
        5,
        None,
        [],
    )
    for name in names:
        question = {"session_hash": "a", "component_id": served.component, "fn_name": name, "data": {}}
        assert served.post("/gradio_api/component_server", json.dumps(question).encode()).status in (400, 404)
    before = served.cpu_seconds()
    question = {
        "session_hash": "a",
        "component_id": served.component,
        "fn_name": "y" * 4 * MEGABYTE,
        "data": {},
    }
    assert served.post("/gradio_api/component_server", json.dumps(question).encode()).status in (400, 404)
    assert served.cpu_seconds() - before < 4  # a name must not become a search pattern
    for number in (-1, 99_999, 10**30, None, 1.5, "x", {}):
        question = {"session_hash": "a", "component_id": number, "fn_name": "live", "data": {}}
        reply = served.post("/gradio_api/component_server", json.dumps(question).encode())
        assert reply.status in (400, 404, 500)
        assert len(reply.body) < 200


def spoilt(text: str, rng: random.Random) -> str:
    """A map's text with a few letters changed, left out or added."""
    letters = list(text)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(letters))
        letters[at : at + rng.choice([0, 1, 1, 8])] = rng.choices(
            "Aa0/+=:xr-\n\0é٣", k=rng.choice([0, 1, 1, 3])
        )
    return "".join(letters)


def test_spoilt_map_texts_are_refused_or_make_a_photo(served: ServedSpace) -> None:
    rng = random.Random(0)
    refused = 0
    for _ in range(100):  # a thousand more are read in this process by test_map_string.py
        answer = served.call("live", map=spoilt(served.map, rng), seed=rng.randrange(9))
        refused += "error" in answer
        if "error" in answer:
            assert "something went wrong" not in answer["error"]
        else:
            assert set(answer) == {"photo", "ms"}
    assert refused > 50


def test_ids_out_of_range_are_refused_by_number(served: ServedSpace) -> None:
    for wrong in (11, 254, 256, 65_535):
        rows = np.zeros((192, 256), dtype=int)
        rows[95, 127] = wrong
        assert f"id {wrong}" in refusal(served.call("live", map=map_text(rows.tolist())))
    rows[95, 127] = 255  # unknown is allowed
    assert "photo" in served.call("live", map=map_text(rows.tolist()))


def test_a_short_text_of_a_huge_map_costs_no_memory(served: ServedSpace) -> None:
    runs = (b"\1\0\xff\xff" * 256) + b"\1\0\0\1"
    huge = f"r1:4096x4096:{base64_of(runs)}"

    def flood() -> list[str]:
        with ThreadPoolExecutor(40) as crowd:
            photo_requests = [
                {"map": huge},
                {"map": served.map, "regions": [{"region": huge, "seed": 1}] * 32},
            ] * 20
            return [
                refusal(answer)
                for answer in crowd.map(
                    lambda photo_request: served.call("live", **photo_request), photo_requests
                )
            ]

    sentences, grown = served.peak_during(flood)
    assert len(sentences) == 40
    assert grown < 60 * MEGABYTE  # each whole map is 32 MB


BODIES = {
    "empty": b"",
    "cut": b'{"data": [',
    "not utf-8": b'{"session_hash": "\xff\xfe", "data": ["\xc3\x28"]}',
    "utf-16": '["x"]'.encode("utf-16"),
    "deep lists": b"[" * 100_000,
    "deep objects": b'{"data":' * 50_000 + b"1" + b"}" * 50_000,
    "long number": b'{"data": [' + b"9" * 100_000 + b"]}",
    "not a number": b'{"data": NaN}',
    "null": b"null",
    "list": b"[]",
    "large": b'{"other": "' + b"x" * 11 * MEGABYTE + b'"}',
}
ADDRESSES = ("component_server", "queue/join", "call/generate", "run/generate", "upload", "reset", "cancel")


@pytest.mark.parametrize("kind", BODIES)
def test_broken_bodies_get_a_status_and_no_story(served: ServedSpace, kind: str) -> None:
    for address in ADDRESSES:
        try:
            reply = served.post(f"/gradio_api/{address}", BODIES[kind])
        except ConnectionError:  # answered and closed before all of the body was sent
            assert kind == "large"
            continue
        assert 400 <= reply.status <= 500, (address, reply)


def test_too_large_bodies_get_413(served: ServedSpace) -> None:
    for address in ADDRESSES:
        assert served.post(f"/gradio_api/{address}", b"{" + b" " * 20 * MEGABYTE).status == 413


def test_long_session_names_do_not_stay_in_memory(served: ServedSpace) -> None:
    served.post("/gradio_api/component_server", b"x" * 5 * MEGABYTE)  # memory that a large body takes once

    def strangers() -> None:
        for number in range(60):
            question = {
                "session_hash": f"{number}{'x' * 4 * MEGABYTE}",
                "component_id": served.component,
                "fn_name": "switch_model",
                "data": {"model": "none"},
            }
            served.post("/gradio_api/component_server", json.dumps(question).encode())

    _, grown = served.peak_during(strangers)
    assert grown < 100 * MEGABYTE  # they sent 240


def test_slow_clients_hold_up_nobody(served: ServedSpace) -> None:
    head = b"POST /gradio_api/component_server HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    slow = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(100)]
    try:
        for number, one in enumerate(slow):
            one.sendall(head + (b"Content-Length: 999\r\n\r\n{" if number % 2 else b""))
        start = time.monotonic()
        for seed in range(5):
            assert "photo" in served.call("live", map=served.map, seed=seed)
        assert time.monotonic() - start < 20
    finally:
        for one in slow:
            one.close()
