from __future__ import annotations

import base64
import io
import re
import struct
import tempfile
import time
import zlib
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

import numpy as np
import pytest
from PIL import Image

from dpsims_hub.labels import ClassSpec, LabelMapError, colorize
from dpsims_hub.space.map_string import decode
from dpsims_hub.space.model_registry import ModelInfo
from dpsims_hub.space.uploads import MAX_FILE_BYTES, clean_name, one_reader, read_map_file
from tests.space.live_space import LiveSpace

CAMVID = ClassSpec.load("camvid")
SIZE = (192, 256)


def stored(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=kind, **options)
    return buffer.getvalue()


def bomb(side: int) -> bytes:
    """A small PNG file of side x side pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    pressed = zlib.compressobj(9)
    row = bytes(side + 1)
    content = b"".join(pressed.compress(row) for _ in range(side)) + pressed.flush()
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", content) + chunk(b"IEND", b"")


@pytest.fixture(scope="module")
def ids() -> np.ndarray:
    blocks = np.random.default_rng(0).integers(0, 11, (12, 16), dtype=np.uint8)
    return blocks.repeat(16, axis=0).repeat(16, axis=1)


def good_files(ids: np.ndarray) -> dict[str, bytes]:
    grey = Image.fromarray(ids)
    indexed = grey.copy()
    indexed.putpalette(CAMVID.palette.tobytes())
    colours = Image.fromarray(colorize(ids, CAMVID))
    return {
        "ids.png": stored(grey),
        "palette.png": stored(indexed),
        "colours.png": stored(colours),
        "opaque.png": stored(colours.convert("RGBA")),
        "deep.png": stored(Image.fromarray(ids.astype(np.uint16))),
        "ids.bmp": stored(grey, "BMP"),
        "ids.tif": stored(grey, "TIFF"),
    }


@pytest.mark.parametrize("name", list(good_files(np.zeros(SIZE, dtype=np.uint8))))
def test_good_files_are_read_exactly(space: LiveSpace, ids: np.ndarray, name: str) -> None:
    data = base64.b64encode(good_files(ids)[name]).decode()
    for text in (data, f"data:image/png;base64,{data}"):
        answer = space.call("read_map", model="camvid", file=name, data=text)
        assert answer["note"] == "", answer
        np.testing.assert_array_equal(decode(answer["map"], CAMVID), ids)


def smooth_map() -> Image.Image:
    ids = np.random.default_rng(0).integers(0, 11, (12, 16), dtype=np.uint8)
    return Image.fromarray(colorize(ids, CAMVID)).resize((256, 192), Image.Resampling.BILINEAR)


def noise() -> Image.Image:
    return Image.fromarray(np.random.default_rng(1).integers(0, 256, (192, 256, 3), dtype=np.uint8))


def flat(value: int, dtype: type = np.uint8) -> Image.Image:
    return Image.fromarray(np.full(SIZE, value, dtype=dtype))


BAD = {
    "times256.png": (lambda: stored(flat(2560, np.uint16)), "value 2560 on 49152"),
    "photo.jpg": (lambda: stored(noise(), "JPEG"), "is a JPEG file, which changes ids"),
    "bomb.png": (lambda: bomb(20000), "4096"),
    "large.png": (lambda: bomb(5000), "is 5000 x 5000 px .* limit is 4096"),
    "page.png": (lambda: b"<html><body>not a map</body></html>", "is not an image"),
    "drawing.png": (lambda: b'<svg xmlns="http://www.w3.org/2000/svg"/>', "is not an image"),
    "cut.png": (lambda: stored(noise())[:9000], "damaged or cut off"),
    "stub.png": (lambda: stored(noise())[:20], "is not an image|cannot be opened"),
    "smooth.png": (lambda: stored(smooth_map()), "% of the pixels have a colour that is not in the palette"),
    "noise.png": (lambda: stored(noise()), "looks like a photo"),
    "id200.png": (lambda: stored(flat(200)), "value 200 on 49152"),
    "script.eps": (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is not an image"),
    "empty.png": (lambda: b"", "without content"),
}


@pytest.mark.parametrize("name", list(BAD))
def test_bad_files_are_refused_in_one_sentence_without_paths(space: LiveSpace, name: str) -> None:
    make, said = BAD[name]
    answer = space.call("read_map", file=name, data=base64.b64encode(make()).decode())
    assert set(answer) == {"error"}
    assert re.search(said, answer["error"]), answer["error"]
    assert answer["error"].startswith(f"{name}: ")
    assert "Traceback" not in answer["error"]
    assert tempfile.gettempdir() not in answer["error"]
    assert answer["error"].count("\n") == 0


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("A" * (MAX_FILE_BYTES * 3 // 2), "has 9.0 MB; the limit is 8 MB"),
        ("%%%%", "arrived damaged"),
        ("AAA", "arrived damaged"),
        ("é", "arrived damaged"),
        (None, "without content"),
        (["a"], "without content"),
        ({"path": "/etc/passwd"}, "without content"),
    ],
)
def test_what_is_no_file_is_refused(space: LiveSpace, data: object, said: str) -> None:
    answer = space.call("read_map", file="map.png", data=data)
    assert said in answer["error"]


def test_a_raw_request_of_9_mb_is_turned_away(space: LiveSpace) -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
    form = head + bytes(9 * 10**6) + b"\r\n--x--\r\n"
    status, _ = space.post("/gradio_api/upload", form, "multipart/form-data; boundary=x")
    assert status == 413
    status, _ = space.post("/gradio_api/component_server", b'{"data": "' + b"A" * 17_000_000 + b'"}')
    assert status == 413


def test_other_sizes_are_cropped_and_the_visitor_is_told(space: LiveSpace, ids: np.ndarray) -> None:
    wide = np.zeros((192, 400), dtype=np.uint8)
    wide[:, 72:328] = ids
    data = base64.b64encode(stored(Image.fromarray(wide))).decode()
    answer = space.call("read_map", file="wide.png", data=data)
    np.testing.assert_array_equal(decode(answer["map"], CAMVID), ids)
    assert answer["note"] == "The map of 400x192 px was cropped at the centre to 256x192."


def test_files_of_the_data_set_are_known_by_their_values(ade20k: ModelInfo) -> None:
    label_map = np.full((32, 48), 149, dtype=np.uint8)
    label_map[0, 0] = 255
    label_map[1] = 0
    own = np.where(label_map == 255, 0, label_map + 1).astype(np.uint8)
    read, note = read_map_file(stored(Image.fromarray(own)), "own.png", ade20k)
    np.testing.assert_array_equal(read, label_map)
    assert note == "The numbers were read as those of ade20k's own files, not as plain ids."
    low = np.where(own > 100, 100, own).astype(np.uint8)
    plain, note = read_map_file(stored(Image.fromarray(low)), "low.png", ade20k)
    np.testing.assert_array_equal(plain, low)
    assert note == ""
    as_stored, _ = read_map_file(stored(Image.fromarray(low)), "low.png", ade20k, stored=True)
    np.testing.assert_array_equal(as_stored, np.where(low == 0, 255, low.astype(int) - 1))


def test_a_shared_colour_is_told(ade20k: ModelInfo) -> None:
    spec = ade20k.spec
    first = {info.rgb: info for info in reversed(spec.classes)}
    twin = next(info for info in spec.classes if first[info.rgb] is not info)
    painted = Image.fromarray(np.full((32, 48, 3), twin.rgb, dtype=np.uint8))
    read, note = read_map_file(stored(painted), "../twins.png", ade20k)
    assert (read == first[twin.rgb].id).all()
    assert note.startswith("twins.png: colour ")
    assert f"is shared by {first[twin.rgb].name}, {twin.name};" in note


def test_nothing_of_a_file_is_written(ids: np.ndarray, camvid: ModelInfo, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    read, _ = read_map_file(stored(Image.fromarray(ids)), "a.png", camvid)
    np.testing.assert_array_equal(read, ids)


def test_a_large_file_is_refused(camvid: ModelInfo) -> None:
    for size in (8_100_000, 8_000_001):
        with pytest.raises(LabelMapError, match=r"^a\.png: has 8\.1 MB; the limit is 8 MB\.$"):
            read_map_file(bytes(size), "a.png", camvid)


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("map.png", "map.png"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\map.png", "map.png"),
        ("a\nb\x00c\u202e.png", "abc.png"),
        ("x" * 100 + ".png", "x" * 56 + ".png"),
        ("", "the file"),
        (None, "None"),
        ("..", ".."),
    ],
)
def test_names_are_cleaned(name: object, clean: str) -> None:
    assert clean_name(name) == clean


def test_few_may_wait_while_a_large_file_is_read(space: LiveSpace) -> None:
    data = base64.b64encode(stored(flat(3))).decode()
    with ThreadPoolExecutor(12) as crowd:
        with one_reader():
            asked = [crowd.submit(space.call, "read_map", file="a.png", data=data) for _ in range(12)]
            done, waiting = wait(asked, timeout=20, return_when=FIRST_COMPLETED)
            while len(waiting) > 3:
                done, waiting = wait(asked, timeout=20, return_when=FIRST_COMPLETED)
                time.sleep(0.01)
            assert {one.result()["error"] for one in done} == {
                "many files are being read; try again in a moment."
            }
            assert "photo" in space.call("live", map=space.map)
        for one in waiting:
            assert "map" in one.result(timeout=20)
