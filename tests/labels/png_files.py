"""PNG files written by hand, byte by byte, so that tests of the reader do not lean on the library it uses."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6


def png_bytes(
    rows: list[list[int]],
    *,
    depth: int = 8,
    kind: int = GREY,
    palette: bytes = b"",
    size: tuple[int, int] | None = None,
) -> bytes:
    """Encode rows of samples (flattened channels) at `depth` bits; `size` lies about (height, width)."""
    channels = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}[kind]
    height, width = size or (len(rows), len(rows[0]) // channels)
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + _packed(row, depth) for row in rows))
    chunks = [(b"IHDR", header), (b"PLTE", palette), (b"IDAT", data), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(tag, body) for tag, body in chunks if body or tag == b"IEND"
    )


def write_png(path: Path, rows: list[list[int]], **options) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png_bytes(rows, **options))
    return path


def _packed(row: list[int], depth: int) -> bytes:
    bits = "".join(f"{value:0{depth}b}" for value in row)
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))


def _chunk(tag: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + tag + body + struct.pack(">I", zlib.crc32(tag + body))
