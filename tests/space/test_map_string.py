from __future__ import annotations

import base64
import random

import numpy as np
import pytest

from dpsims_hub.labels import ClassSpec, LabelMapError
from dpsims_hub.space.map_string import decode, encode

CAMVID = ClassSpec.load("camvid")


def written_slowly(label_map: np.ndarray) -> str:
    """The text of a map, run by run and byte by byte, from the description of the form alone."""
    runs: list[list[int]] = []
    for value in label_map.reshape(-1).tolist():
        if runs and runs[-1][0] == value and runs[-1][1] < 65535:
            runs[-1][1] += 1
        else:
            runs.append([value, 1])
    data = bytearray()
    for value, length in runs:
        data += bytes([value % 256, value // 256, length % 256, length // 256])
    return f"r1:{label_map.shape[1]}x{label_map.shape[0]}:{base64.b64encode(bytes(data)).decode('ascii')}"


def read_slowly(text: str) -> list[list[int]] | None:
    """The map of a text as rows of ids, or None where the text breaks the form."""
    if not text.startswith("r1:") or text.count(":") != 2:
        return None
    _, size, runs = text.split(":")
    sides = size.split("x")
    allowed = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")
    if len(sides) != 2 or not all(side and set(side) <= set("0123456789") for side in sides):
        return None
    width, height = (int(side) for side in sides)
    if not (1 <= width <= 4096 and 1 <= height <= 4096) or max(map(len, sides)) > 5:
        return None
    if set(runs) - allowed or len(runs) % 4 or "=" in runs[:-2] or runs[-2:-1] == "=" != runs[-1:]:
        return None
    data = base64.b64decode(runs)
    ids: list[int] = []
    for start in range(0, len(data), 4):
        piece = data[start : start + 4]
        if len(piece) < 4 or piece[2] + 256 * piece[3] == 0 or len(ids) > width * height:
            return None
        ids += [piece[0] + 256 * piece[1]] * (piece[2] + 256 * piece[3])
    if len(ids) != width * height or any(value >= 11 and value != 255 for value in ids):
        return None
    return [ids[row * width : (row + 1) * width] for row in range(height)]


@pytest.mark.parametrize("seed", range(5))
def test_round_trip_and_the_slow_writer_agree(seed: int) -> None:
    rng = np.random.default_rng(seed)
    height, width = rng.integers(1, 40, 2)
    label_map = rng.choice([0, 3, 10, 255], (height, width), p=[0.7, 0.1, 0.1, 0.1])
    text = encode(label_map)
    assert text == written_slowly(label_map)
    np.testing.assert_array_equal(decode(text, CAMVID), label_map)


def test_long_runs_are_split_and_large_ids_kept() -> None:
    label_map = np.full((300, 700), 65535)
    label_map[:, -1] = 300
    label_map[200:] = 7
    assert encode(label_map) == written_slowly(label_map)
    np.testing.assert_array_equal(decode(encode(label_map)), label_map)


def test_a_known_map() -> None:
    text = "r1:3x2:" + base64.b64encode(bytes([2, 0, 4, 0, 255, 0, 2, 0])).decode()
    np.testing.assert_array_equal(decode(text, CAMVID), [[2, 2, 2], [2, 255, 255]])


RUN = base64.b64encode(bytes([2, 0, 6, 0])).decode()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "not a text but NoneType"),
        (7, "not a text but int"),
        ({"map": "r1"}, "not a text but dict"),
        (f"r1:3x2:{'A' * 33}", "33 characters; the limit of its size is 32"),
        ("", "malformed"),
        (f"r2:3x2:{RUN}", "malformed"),
        (f"r1:3x2:{RUN}\n", "malformed"),
        (f"r1:-3x2:{RUN}", "malformed"),
        (f"r1:٣x٢:{RUN}", "malformed"),
        (f"r1:3x2:{RUN}%", "malformed"),
        (f"r1:0x2:{RUN}", "empty"),
        (f"r1:99999x2:{RUN}", "4096"),
        (f"r1:4x2:{RUN}", "cover 6 px of 8"),
        (f"r1:3x1:{RUN}", "cover 6 px of 3"),
        ("r1:3x2:AgAG", "3 bytes"),
        ("r1:3x2:AgAGA", "not base64"),
        ("r1:3x2:", "cover 0 px of 6"),
        ("r1:3x2:" + base64.b64encode(bytes([2, 0, 6, 0, 3, 0, 0, 0])).decode(), "length 0"),
        ("r1:3x2:" + base64.b64encode(bytes([11, 0, 6, 0])).decode(), "id 11, which is no class of camvid"),
        ("r1:3x2:" + base64.b64encode(bytes([2, 1, 6, 0])).decode(), "id 258"),
    ],
)
def test_refusals_say_why(text: object, said: str) -> None:
    with pytest.raises(LabelMapError, match=said) as caught:
        decode(text, CAMVID)
    assert "\n" not in str(caught.value)


def test_noise_of_any_size_has_a_text_that_is_read() -> None:
    noise = np.random.default_rng(0).integers(0, 2, (600, 512)) * 65535
    noise[:, ::2] = np.arange(256)  # no two neighbours are equal: as many runs as pixels
    text = encode(noise)
    assert len(text) > 4 * noise.size
    np.testing.assert_array_equal(decode(text), noise)


def test_a_side_may_be_limited_further() -> None:
    text = encode(np.zeros((20, 30), dtype=int))
    assert decode(text, max_side=30).shape == (20, 30)
    with pytest.raises(LabelMapError, match="limit is 29 a side"):
        decode(text, max_side=29)


def spoilt(rng: random.Random) -> str:
    """The text of a small map with letters, or bytes of its runs, changed at random."""
    label_map = np.random.default_rng(rng.randrange(10**6)).integers(0, 11, (3, 4)) // 4
    head, runs = encode(label_map).rsplit(":", 1)
    if rng.random() < 0.3:
        data = bytearray(base64.b64decode(runs))
        for _ in range(rng.randint(1, 2)):
            data[4 * rng.randrange(len(data) // 4) + rng.choice([0, 0, 0, 1, 2, 3])] = rng.choice(
                [0, 1, 2, 9, 11, 255]
            )
        return f"{head}:{base64.b64encode(bytes(data)).decode()}"
    text = list(f"{head}:{runs}")
    for _ in range(rng.randint(1, 3)):
        start = rng.randrange(len(text) + 1)
        end = min(len(text), start + rng.choice([0, 1, 1, 2, 4, 40]))
        text[start:end] = rng.choices("ABCDEFabcdef0123456789+/=:x-r \n%٣\x00", k=rng.choice([0, 1, 1, 2, 4]))
    return "".join(text)


def test_a_thousand_spoilt_texts_are_read_as_the_slow_reader_does_or_refused() -> None:
    rng = random.Random(0)
    passed = 0
    for _ in range(1000):
        text = spoilt(rng)
        wanted = read_slowly(text)
        if wanted is None:
            with pytest.raises(LabelMapError):
                decode(text, CAMVID)
        else:
            assert decode(text, CAMVID).tolist() == wanted
            passed += 1
    assert 50 < passed < 500
