"""A PNG that ends in good order but too soon is told from a whole one."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from dpsims_hub.labels.classes.errors import LabelMapError
from dpsims_hub.labels.reading import image_files
from dpsims_hub.labels.reading.png_faults import has_all_rows
from tests.labels.png_files import GREY, GREY_ALPHA, PALETTE, RGB, RGBA, png_bytes

KINDS = [(GREY, 1), (GREY, 2), (GREY, 4), (GREY, 8), (GREY, 16), (PALETTE, 4), (PALETTE, 8)]
KINDS += [(RGB, 8), (RGB, 16), (GREY_ALPHA, 8), (RGBA, 8)]
CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}


@pytest.mark.parametrize(("kind", "depth"), KINDS)
@pytest.mark.parametrize("width", [1, 7, 8, 9])
def test_a_missing_row_is_seen_in_every_format(kind, depth, width):
    rows = [[1] * (width * CHANNELS[kind])] * 5
    options = {"depth": depth, "kind": kind, "palette": b"\1\2\3" * 2 if kind == PALETTE else b""}
    assert has_all_rows(io.BytesIO(png_bytes(rows, **options)))
    assert has_all_rows(io.BytesIO(png_bytes(rows[:4], size=(4, width), **options)))
    assert not has_all_rows(io.BytesIO(png_bytes(rows[:4], size=(5, width), **options)))
    # more than announced is no fault that changes an id
    assert has_all_rows(io.BytesIO(png_bytes(rows, size=(4, width), **options)))


def interlaced(width: int, height: int, left_out: int = 0, value: int = 0) -> bytes:
    """A grey 8-bit file of one value in seven passes, of which so many bytes at the end are left out."""
    data = b""
    for row_0, column_0, down, across in (
        *((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4)),
        *((0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)),
    ):
        columns = len(range(column_0, width, across))
        data += (b"\0" + bytes([value]) * columns) * (len(range(row_0, height, down)) if columns else 0)
    chunks = {b"IHDR": struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 1)}
    chunks |= {b"IDAT": zlib.compress(data[: len(data) - left_out]), b"IEND": b""}
    body = [
        struct.pack(">I", len(b)) + t + b + struct.pack(">I", zlib.crc32(t + b)) for t, b in chunks.items()
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (5, 9), (8, 8), (13, 6)])
def test_interlaced_files_are_counted_pass_by_pass(size):
    file = interlaced(*size)
    with Image.open(io.BytesIO(file)) as image:
        assert image.size == size
        image.load()
    assert has_all_rows(io.BytesIO(file))
    assert not has_all_rows(io.BytesIO(interlaced(*size, left_out=1)))


@pytest.mark.parametrize("mode", ["1", "L", "P", "I;16", "RGB", "RGBA", "LA"])
def test_what_the_library_writes_is_whole_and_the_file_stays_where_it_was(mode):
    noise = np.random.default_rng(0).integers(0, 256, (300, 401, 4), np.uint8)
    image = Image.fromarray(noise).convert("L" if mode == "I;16" else mode).convert(mode)
    file = io.BytesIO()
    image.save(file, format="PNG")  # several IDAT chunks
    file.seek(33)
    assert has_all_rows(file)
    assert file.tell() == 33


def test_other_damage_is_left_to_the_decoder():
    whole = png_bytes([[0, 1] * 50] * 50)
    for damaged in (b"", b"no image", whole[:20], whole[:-40], whole.replace(b"IDAT\x78", b"IDAT\x00")):
        assert has_all_rows(io.BytesIO(damaged))


def test_a_bomb_is_not_unpacked():
    """200 MB of rows behind a header of 2 x 2 pixels: what is not needed is not held."""
    code = (
        "import io, resource, sys, zlib, struct\n"
        "from dpsims_hub.labels.reading.png_faults import has_all_rows\n"
        "packer = zlib.compressobj(9)\n"
        "data = b''.join(packer.compress(bytes(1 << 20)) for _ in range(200)) + packer.flush()\n"
        "parts = [(b'IHDR', struct.pack('>IIBBBBB', 2, 2, 8, 0, 0, 0, 0)), (b'IDAT', data)]\n"
        "file = b'x' * 8 + b''.join(struct.pack('>I', len(b)) + t + b + b'0000' for t, b in parts)\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "assert has_all_rows(io.BytesIO(file))\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 20e6


def test_a_file_is_looked_at_once_and_again_when_it_changes(tmp_path, monkeypatch):
    looks = []
    monkeypatch.setattr(image_files, "has_all_rows", lambda file: looks.append(1) or has_all_rows(file))
    rows = [[1, 2, 3]] * 5
    path = tmp_path / "map.png"

    def read(content: bytes) -> None:
        path.write_bytes(content)
        for _ in range(3):
            with image_files.open_image(path) as image:
                image_files.decode(image, "map.png")

    read(png_bytes(rows))
    assert len(looks) == 1
    read(png_bytes(rows[:4]))
    assert len(looks) == 2
    with pytest.raises(LabelMapError, match="fewer rows"):
        read(png_bytes(rows[:2], size=(5, 3)))
    with pytest.raises(LabelMapError, match="fewer rows"), image_files.open_image(path) as image:
        image_files.decode(image, "map.png")  # a fault is told every time


def read_bytes(content: bytes) -> np.ndarray:
    with image_files.open_content(io.BytesIO(content), "map.png") as image:
        image_files.decode(image, "map.png")
        return np.asarray(image)


@pytest.mark.parametrize(("kind", "depth"), KINDS)
@pytest.mark.parametrize("present", [1, 0])
def test_bytes_in_memory_with_missing_rows_are_refused(kind, depth, present):
    """Also where the rows that are present are 0, like those that decoders fill in."""
    rows = [[present] * (9 * CHANNELS[kind])] * 5
    options = {"depth": depth, "kind": kind, "palette": b"\1\2\3" * 2 if kind == PALETTE else b""}
    assert read_bytes(png_bytes(rows, **options)).shape[:2] == (5, 9)
    for given in (1, 4):
        with pytest.raises(LabelMapError, match=r"^map\.png: holds fewer rows than its header says; save it"):
            read_bytes(png_bytes(rows[:given], size=(5, 9), **options))


@pytest.mark.parametrize("cut", [1, 8, 9])
def test_bytes_in_memory_whose_last_row_is_cut_are_refused(cut):
    content = png_bytes([[7] * 9] * 5, depth=8, kind=GREY)
    packed = content[content.index(b"IDAT") + 4 : content.index(b"IEND") - 8]
    short = zlib.compress(zlib.decompress(packed)[:-cut])
    chunk = struct.pack(">I", len(short)) + b"IDAT" + short + struct.pack(">I", zlib.crc32(b"IDAT" + short))
    damaged = content[: content.index(b"IDAT") - 4] + chunk + content[content.index(b"IEND") - 4 :]
    with pytest.raises(LabelMapError, match="is damaged or cut off|fewer rows"):
        read_bytes(damaged)


def test_bytes_in_memory_are_refused_when_a_pass_is_cut():
    """The last row of nine is not of the last pass."""
    assert (read_bytes(interlaced(9, 9, value=1)) == 1).all()
    with pytest.raises(LabelMapError, match="fewer rows"):
        read_bytes(interlaced(9, 9, left_out=1 + 9, value=1))


def test_bytes_in_memory_are_unpacked_once_where_the_last_row_is_there(monkeypatch):
    looks = []
    monkeypatch.setattr(image_files, "has_all_rows", lambda file: looks.append(1) or has_all_rows(file))
    read_bytes(png_bytes([[0, 0], [0, 1]]))
    assert looks == []
    read_bytes(png_bytes([[0, 1], [0, 0]]))
    assert looks == [1]
