"""Many visitors at once and for long, with `space_app.py` in its own process."""

from __future__ import annotations

import json
import runpy
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
import pytest

from dpsims_hub.space.model_registry import ModelRegistry
from tests.space import hostile_files as files
from tests.space.crowd import all_at_once, random_map
from tests.space.live_space import LiveSpace
from tests.space.served_space import ROOT, ServedSpace, base64_of

MEGABYTE = 10**6


def small_map(number: int) -> str:
    """A distinct map for the model of 150 classes."""
    return random_map({"width": 48, "height": 32, "classes": range(150)}, number)


def photo_request(served: ServedSpace, number: int) -> dict[str, Any]:
    """The request of one client: its own map and seed; three of four use the other model."""
    if number % 4:
        return {"model": "ade20k", "map": small_map(number), "seed": number}
    return {"model": "camvid", "map": random_map(served.model, number), "seed": number}


@pytest.mark.slow
def test_64_clients_each_get_the_photo_of_their_own_map_and_seed(served: ServedSpace) -> None:
    photo_requests = [photo_request(served, number) for number in range(64)]
    alone = [served.photo(**one) for one in photo_requests]
    assert len(set(alone)) == 64
    busy = Counter()

    def insist(number: int) -> str:
        for _ in range(200):
            answer = served.call("live", **photo_requests[number])
            if set(answer) == {"photo", "ms"}:
                return answer["photo"]
            assert answer.keys() == {"busy", "retry_ms", "why"}
            assert answer["why"] == "crowd"
            assert 50 <= answer["retry_ms"] <= 5000
            busy[number] += 1
            time.sleep(answer["retry_ms"] / 1000)
        raise AssertionError("never answered")

    together = all_at_once([lambda number=number: insist(number) for number in range(64)])
    assert together == alone
    assert busy  # the line is bounded: 64 do not fit


@pytest.mark.slow
def test_the_tool_counts_wrong_photos_and_the_growth_of_memory(served: ServedSpace) -> None:
    tool = runpy.run_path(str(ROOT / "tools" / "measure_space.py"))
    assert tool["wrong_photos"](served, 3) == 0
    drawn = count()
    confused = SimpleNamespace(model=served.model, photo=lambda **request: f"{request['seed']} {next(drawn)}")
    assert tool["wrong_photos"](confused, 3) == 3
    memory = count(10**6, 10**5)
    growing = SimpleNamespace(model=served.model, photo=lambda **request: "", rss=lambda: next(memory))
    assert tool["growth"](growing, 5) == (10**6, 10**5)


@pytest.mark.slow
def test_six_painters_get_fair_shares(served: ServedSpace) -> None:
    made = [0] * 6

    def paint(number: int) -> None:
        while sum(made) < 60:
            answer = served.call("live", map=served.map, seed=1000 * number + made[number])
            made[number] += "photo" in answer

    all_at_once([lambda number=number: paint(number) for number in range(6)])
    assert max(made) - min(made) <= 4, made


def test_a_server_without_visitors_rests(served: ServedSpace) -> None:
    """By default Gradio's queue polls a thousand times a second."""
    server = psutil.Process(served.process.pid)
    processes = (server, *server.children(recursive=True))

    def used() -> float:
        return sum(sum(one.cpu_times()[:2]) for one in processes)

    time.sleep(1)  # what an earlier test left to do
    before = used()
    time.sleep(3)
    assert used() - before < 0.15


@pytest.mark.minutes
def test_memory_is_flat_after_2000_generations(served: ServedSpace) -> None:
    maps = [small_map(number) for number in range(100)]

    def generate(first: int, count: int) -> None:
        for number in range(first, first + count):
            request = {"model": "ade20k", "map": maps[number % 100], "seed": number}
            answer = served.call_with("live", request, session=f"visitor {number % 50}")
            assert "photo" in answer

    generate(0, 200)
    warm = served.rss()
    generate(200, 2000)
    grown = served.rss() - warm
    assert grown < 0.05 * warm
    assert grown < 25 * MEGABYTE


@pytest.mark.slow
def test_memory_is_flat_over_every_other_function(served: ServedSpace) -> None:
    upload = files.grey(np.arange(150).reshape(10, 15))

    def use(first: int, count: int) -> None:
        for number in range(first, first + count):
            one = {"model": "ade20k", "map": small_map(number), "seed": number}
            assert "photos" in served.call("variations", **one, count=1)
            assert "data" in served.call("download", **one, kind="both")
            assert "map" in served.call("read_map", model="ade20k", file="a.png", data=base64_of(upload))
            assert "photo" in served.call("live", **one, regions=[{"class": 3, "seed": 1}], mix=0.5, seed_b=3)
            assert served.call("switch_model", model="ade20k")["name"] == "ade20k"

    use(0, 8)
    warm = served.rss()
    use(8, 24)
    assert served.rss() - warm < 15 * MEGABYTE


@pytest.mark.slow
def test_the_queue_is_bounded_and_keeps_its_promises(served: ServedSpace) -> None:
    long = ("variations", [None, served.map, 5, 8, ""])
    short = ("generate", [None, small_map(1), 5, 0, 0, "ade20k", None])

    def join(name: str, data: list[Any]) -> str:
        reply = served.post(f"/gradio_api/call/{name}", json.dumps({"data": data}).encode())
        assert reply.status in (200, 503)
        return f"/gradio_api/call/{name}/{reply.json['event_id']}" if reply.status == 200 else ""

    with ThreadPoolExecutor(8) as crowd:
        events = list(crowd.map(lambda work: join(*work), [long] * 5 + [short] * 60))
        admitted = [event for event in events if event]
        assert 32 <= len(admitted) < 65
        assert set(served.call("live", map=served.map)) in ({"photo", "ms"}, {"busy", "retry_ms", "why"})
        told = list(crowd.map(lambda event: served.get(event).body.decode(), admitted))
    assert all("event: complete" in one for one in told)


def test_files_of_programs_are_deleted(
    registry: ModelRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dpsims_hub.space.app import build_app, launch_app
    from dpsims_hub.space.photo_worker import PhotoWorker

    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    worker = PhotoWorker(registry)
    app = build_app(registry, worker, keep_files=(1, 1))
    space = LiveSpace(app, launch_app(app, "127.0.0.1").rstrip("/"), registry, worker, tmp_path)
    try:
        head = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
        kind = "multipart/form-data; boundary=x"
        status, answer = space.post("/gradio_api/upload", head + b"abc\r\n--x--\r\n", kind)
        assert status == 200
        assert Path(json.loads(answer)[0]).read_bytes() == b"abc"
        end = time.monotonic() + 15
        while [path for path in tmp_path.rglob("*") if path.is_file()]:
            assert time.monotonic() < end
            time.sleep(0.2)
    finally:
        app.close()
        worker.close()


@pytest.mark.slow
def test_a_restarted_server_goes_on_where_the_page_is(served: ServedSpace) -> None:
    request = {"map": served.map, "seed": 3, "mix": 0.25, "seed_b": 4}
    photo, model, component = served.photo(**request), served.model, served.component
    served.stop()
    with pytest.raises(ConnectionRefusedError):
        served.call("live", **request)
    served.start()
    assert (served.model, served.component) == (model, component)
    assert served.photo(**request) == photo
    assert served.endpoint("generate", None, served.map, 3, 4, 0.25, "", None)[0] == "complete"
