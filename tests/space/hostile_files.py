"""Files that could harm the Space, by intent or accident; written byte by byte."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterable

import numpy as np
from PIL import Image

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, content: bytes, check: int | None = None) -> bytes:
    """Return a chunk of a PNG file; `check` is the checksum to write instead of the right one."""
    check = zlib.crc32(kind + content) if check is None else check
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


def png(
    rows: Iterable[bytes],
    size: tuple[int, int],
    depth: int = 8,
    colour: int = 0,
    before: bytes = b"",
    after: bytes = b"",
    check: int | None = None,
) -> bytes:
    """Return a PNG file.

    Args:
        rows: the bytes of each row, compressed one at a time.
        size: (height, width) that the header claims.
        depth: bits per sample.
        colour: 0 grey, 2 RGB.
        before: chunks before the pixels.
        after: chunks after them.
        check: a wrong checksum of the pixels.
    """
    presser = zlib.compressobj(9)
    pixels = b"".join(presser.compress(b"\0" + row) for row in rows) + presser.flush()
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", size[1], size[0], depth, colour, 0, 0, 0))
    return SIGNATURE + header + before + chunk(b"IDAT", pixels, check) + after + chunk(b"IEND", b"")


def grey(ids: np.ndarray, **options: object) -> bytes:
    """Return ids (H, W) as an 8-bit grey PNG, with the options of `png`."""
    return png((row.astype(np.uint8).tobytes() for row in ids), ids.shape, **options)


def deep(ids: np.ndarray) -> bytes:
    """Return ids (H, W) as a 16-bit grey PNG."""
    return png((row.astype(">u2").tobytes() for row in ids), ids.shape, depth=16)


def bomb(side: int) -> bytes:
    """Return a small grey PNG of side x side zeros."""
    return png((bytes(side) for _ in range(side)), (side, side))


def animated(first: np.ndarray, second: np.ndarray) -> bytes:
    """Return two maps as an animated PNG."""
    buffer = io.BytesIO()
    frames = [Image.fromarray(frame.astype(np.uint8)) for frame in (first, second)]
    frames[0].save(buffer, "PNG", save_all=True, append_images=frames[1:], duration=50)
    return buffer.getvalue()


def text_bomb(count: int = 80, size: int = 2_000_000) -> bytes:
    """Return chunks of compressed text that unpack to count x size bytes."""
    pressed = zlib.compress(bytes(size), 9)
    return b"".join(chunk(b"zTXt", b"k%d\0\0" % number + pressed) for number in range(count))


def archive() -> bytes:
    """Return a zip file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("../../map.png", b"x")
    return buffer.getvalue()


def picture(ids: np.ndarray, kind: str) -> bytes:
    """Return ids (H, W) in another format, such as JPEG."""
    buffer = io.BytesIO()
    Image.fromarray(ids.astype(np.uint8)).save(buffer, kind)
    return buffer.getvalue()
