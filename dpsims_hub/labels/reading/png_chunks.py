"""Whether the chunks of a PNG contradict each other; decoders then take the one or the other."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from io import SEEK_CUR
from typing import BinaryIO

SIGNATURE = b"\x89PNG\r\n\x1a\n"
PALETTE_KIND = 3


def fault_of_chunks(file: BinaryIO) -> str:
    """Return what of a PNG stands twice or is missing; "" if its chunks are in order.

    Args:
        file: can be sought; stays where it was.
    """
    place = file.tell()
    try:
        file.seek(len(SIGNATURE) + 8)
        kind = file.read(13)[9:10]
        file.seek(len(SIGNATURE))
        names = list(_names(file))
        if file.read(len(SIGNATURE)) == SIGNATURE:
            return "holds several pictures, and a label map is one"
    finally:
        file.seek(place)
    for name, what in ((b"IHDR", "header"), (b"PLTE", "palette")):
        if names.count(name) > 1:
            return f"holds more than one {what}"
    if kind == bytes([PALETTE_KIND]) and b"PLTE" not in names:
        return "is a palette image without its palette"
    return ""


def _names(file: BinaryIO) -> Iterator[bytes]:
    """The names of all chunks, the file being at the first; leaves it after the last."""
    while len(head := file.read(8)) == 8:
        length, name = struct.unpack(">I4s", head)
        yield name
        file.seek(length + 4, SEEK_CUR)
        if name == b"IEND":
            return
