"""TIFF files that lack strips or tiles, or whose bytes Pillow swaps twice, are refused."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from dpsims_hub.labels import ClassSpec, LabelMapError, read_label_map

SPEC = ClassSpec.from_dict({"name": "many", "classes": [f"c{n}" for n in range(600)], "ignore_index": 65535})
IDS = np.array([[0, 1, 2, 3]] * 2 + [[256, 257, 512, 5]] * 2)


def tiff(parts: list[bytes], tags: dict[int, list[int]], places: tuple[int, int], order: str = "<") -> bytes:
    """A TIFF of given parts (b"" for one that is not there) and tags; offsets and counts are filled in."""
    offsets, body = [], b""
    for part in parts:
        offsets.append(8 + len(body) if part else 0)
        body += part
    entries = {256: [4], 257: [4], 258: [16], 262: [1], 277: [1], **tags}
    entries |= {places[0]: offsets, places[1]: [len(part) for part in parts]}
    start = 8 + len(body) + len(body) % 2
    extra_at, extra = start + 2 + 12 * len(entries) + 4, b""
    directory = struct.pack(f"{order}H", len(entries))
    for tag, values in sorted(entries.items()):
        packed = struct.pack(f"{order}{len(values)}I", *values)
        if len(values) > 1:
            packed, extra = struct.pack(f"{order}I", extra_at + len(extra)), extra + packed
        directory += struct.pack(f"{order}HHI", tag, 4, len(values)) + packed
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, start)
    return head + body + bytes(len(body) % 2) + directory + bytes(4) + extra


def strips(order: str = "<", pack=lambda part: part) -> list[bytes]:
    return [pack(IDS[row : row + 2].astype(f"{order}u2").tobytes()) for row in (0, 2)]


def read(tmp_path: Path, data: bytes) -> np.ndarray:
    path = tmp_path / "map.tif"
    path.write_bytes(data)
    return read_label_map(path, SPEC)


STRIPS, ROWS = (273, 279), {278: [2]}


@pytest.mark.parametrize("order", ["<", ">"])
def test_whole_strips_are_read(tmp_path, order):
    np.testing.assert_array_equal(read(tmp_path, tiff(strips(order), ROWS, STRIPS, order)), IDS)
    packed = tiff(strips(order, zlib.compress), {**ROWS, 259: [8]}, STRIPS, order)
    np.testing.assert_array_equal(read(tmp_path, packed), IDS)


@pytest.mark.parametrize("parts", [[strips()[0], b""], strips()[:1]])
def test_a_strip_that_is_not_there_is_no_class(tmp_path, parts):
    with pytest.raises(LabelMapError, match="lacks some of its strips or tiles"):
        read(tmp_path, tiff(parts, ROWS, STRIPS))


@pytest.mark.parametrize("left_out", [None, 3])
def test_tiles(tmp_path, left_out):
    padded = np.zeros((32, 32), "<u2")
    padded[:4, :4] = IDS
    parts = [padded[y : y + 16, x : x + 16].tobytes() for y in (0, 16) for x in (0, 16)]
    tags = {256: [32], 257: [32], 322: [16], 323: [16]}
    if left_out is None:
        np.testing.assert_array_equal(read(tmp_path, tiff(parts, tags, (324, 325)))[:4, :4], IDS)
        return
    for kept in (parts[:left_out], [*parts[:left_out], b""]):
        with pytest.raises(LabelMapError, match="lacks some of its strips or tiles"):
            read(tmp_path, tiff(kept, tags, (324, 325)))


def test_signed_big_endian_numbers_are_refused_where_they_are_compressed(tmp_path):
    signed = {**ROWS, 339: [2]}
    np.testing.assert_array_equal(read(tmp_path, tiff(strips(">"), signed, STRIPS, ">")), IDS)
    with pytest.raises(LabelMapError, match="signed big-endian"):
        read(tmp_path, tiff(strips(">", zlib.compress), {**signed, 259: [8]}, STRIPS, ">"))


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_palettes_with_reversed_bits_are_named(tmp_path, bits):
    tags = {258: [bits], 262: [3], 266: [2], 320: [257 * value for value in range(2**bits)] * 3}
    with pytest.raises(LabelMapError, match=r"palette indices whose bits are reversed \(FillOrder 2\); save"):
        read(tmp_path, tiff([bytes(bits * 4)], {**tags, 278: [4]}, STRIPS))
