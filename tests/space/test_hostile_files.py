"""Hostile files, sent to `space_app.py` in its own process."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.space import hostile_files as files
from tests.space.served_space import ServedSpace, base64_of, file_data, refusal, rows_of

IDS = np.random.default_rng(0).integers(0, 11, (192, 256))
MEGABYTE = 10**6
WRONG_TEXT = files.chunk(b"tEXt", b"a\0b", check=1)
pytestmark = pytest.mark.usefixtures("unharmed")


def flipped(content: bytes) -> bytes:
    """A file with one bit of its pixels changed."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "bomb.png": (lambda: files.bomb(20_000), "limit is 4096 px a side|above 4096 px"),
    "wide.png": (
        lambda: files.png([b"\0"], (10, 4100)),
        "is 4100 x 10 px (width x height); the limit is 4096 px",
    ),
    "page.png": (lambda: b"<!doctype html><script>alert(1)</script>", "is not an image"),
    "drawing.png": (lambda: b'<svg xmlns="http:x" onload="alert(1)"/>', "is not an image"),
    "notes.png": (lambda: b"just text\n" * 100, "is not an image"),
    "empty.png": (lambda: b"", "without content"),
    "archive.png": (files.archive, "is not an image"),
    "head.png": (lambda: files.grey(IDS)[:40], "cannot be opened|is not an image|damaged"),
    "truncated.png": (lambda: files.grey(IDS)[:3000], "damaged or cut off"),
    "times256.png": (lambda: files.deep(IDS * 256), "is no class of"),
    "jpeg.png": (lambda: files.picture(IDS, "JPEG"), "is a JPEG file"),
    "webp.png": (lambda: files.picture(IDS, "WEBP"), "is a WEBP file"),
    "animated.png": (lambda: files.animated(IDS, 10 - IDS), "holds 2 pictures"),
    "crc.png": (lambda: files.grey(IDS, before=WRONG_TEXT), "damaged|not an image"),
    "flipped.png": (lambda: flipped(files.grey(IDS)), "damaged"),
    "nothing.png": (lambda: files.png([], (0, 0)), "empty|cannot be opened|is not an image"),
    "huge_sides.png": (lambda: files.png([b"\0"], (2**31 - 1, 2**31 - 1)), "4096"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_and_costs_little_memory(served: ServedSpace, name: str) -> None:
    make, said = HOSTILE[name]
    data = base64_of(make())
    answer, grown = served.peak_during(lambda: served.call("read_map", file=name, data=data))
    sentence = refusal(answer)
    assert any(part in sentence for part in said.split("|")), sentence
    assert sentence.startswith(f"{name}: ")
    assert grown < 60 * MEGABYTE


def test_unpacking_texts_cost_no_memory(served: ServedSpace) -> None:
    small, texts = files.grey(IDS, before=files.text_bomb(1, 1000)), files.text_bomb()
    assert rows_of(served.call("read_map", file="a.png", data=base64_of(small))["map"]) == IDS.tolist()
    for data in (files.grey(IDS, before=texts), files.grey(IDS, after=texts)):
        request = {"file": "texts.png", "data": base64_of(data)}
        answer, grown = served.peak_during(lambda request=request: served.call("read_map", **request))
        if "map" in answer:
            assert rows_of(answer["map"]) == IDS.tolist()
        else:
            refusal(answer)
        assert grown < 150 * MEGABYTE  # 160 MB of text


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("deep.png", files.deep(IDS)),
        ("grey.png", files.grey(IDS)),
        ("crc.png", files.grey(IDS, check=1)),  # the pixels have a checksum of their own
        ("../../../etc/passwd", files.grey(IDS)),
        ("C:\\secret\\map.png", files.grey(IDS)),
        ("no ending", files.grey(IDS)),
    ],
)
def test_an_odd_but_honest_file_is_read_exactly(served: ServedSpace, name: str, content: bytes) -> None:
    answer = served.call("read_map", file=name, data=base64_of(content))
    assert rows_of(answer["map"]) == IDS.tolist()


def test_nine_megabytes_are_refused_and_a_small_file_is_read_after_them(served: ServedSpace) -> None:
    large = files.grey(IDS, after=b"\0" * 9 * MEGABYTE)
    told = served.call("read_map", file="a.png", data=base64_of(large))["error"]
    assert "has 9.1 MB; the limit is 8 MB" in told  # 9 MB and a few bytes, rounded up
    assert served.upload(large).status == 413
    uploaded = served.upload(files.grey(IDS))
    event, values = served.endpoint("read_map", file_data(uploaded.json[0]), False, "")
    assert event == "complete"
    assert rows_of(values[0]["map"]) == IDS.tolist()


@pytest.mark.parametrize("name", ["bomb.png", "page.png", "truncated.png", "times256.png", "jpeg.png"])
def test_programs_get_the_same_refusals(served: ServedSpace, name: str) -> None:
    make, said = HOSTILE[name]
    path = served.upload(make(), name).json[0]
    event, told = served.endpoint("read_map", file_data(path), False, "")
    assert event == "error"
    assert any(part in json.dumps(told) for part in said.split("|")), told
    assert str(served.files) not in json.dumps(told)


def test_heavy_files_of_many_do_not_stop_the_painting(served: ServedSpace) -> None:
    colour = bytes(served.model["classes"][0]["rgb"])
    data = base64_of(files.png([colour * 2048] * 2048, (2048, 2048), colour=2))
    with ThreadPoolExecutor(48) as crowd:
        reading = [crowd.submit(served.call, "read_map", file="a.png", data=data) for _ in range(48)]
        time.sleep(0.3)
        waits = []
        while not all(one.done() for one in reading) and len(waits) < 50:
            start = time.monotonic()
            served.photo(map=served.map, seed=1)
            waits.append(time.monotonic() - start)
        answers = [one.result() for one in reading]
    assert max(waits) < 8  # a reader waits ten seconds for its turn
    assert {"map", "error"} <= {key for answer in answers for key in answer}  # few may wait
    assert all("map" in answer or "many files" in answer["error"] for answer in answers)
