"""Whether a PNG holds all the rows that its header announces.

Pillow takes a PNG whose data end early, but in good order, for a whole one and fills the rest with 0, which
in a label map is a class.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from io import SEEK_CUR
from typing import BinaryIO

CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Samples of a pixel by the header's colour type."""

ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""First column, first row and steps of the passes of an interlaced file (PNG specification, 8.2)."""

PIECE = 1 << 16
"""Packed bytes at a time."""


def has_all_rows(file: BinaryIO) -> bool:
    """Unpacks the data of a PNG, at most as much as its size needs, and leaves the file where it was.

    Args:
        file: can be sought.

    Returns:
        False only where data end in good order and too soon; what is damaged otherwise, the decoder tells.
    """
    place = file.tell()
    try:
        file.seek(8 + 8)  # signature, length and name of the first chunk
        missing = _bytes_needed(*struct.unpack(">IIBBBBB", file.read(13)))
        file.seek(4, SEEK_CUR)
        unpacker = zlib.decompressobj()
        for packed in _data(file):
            missing -= len(unpacker.decompress(packed, missing))
            if missing <= 0 or unpacker.eof:
                break
        return missing <= 0 or not unpacker.eof
    except (zlib.error, struct.error, KeyError):
        return True
    finally:
        file.seek(place)


def _data(file: BinaryIO) -> Iterator[bytes]:
    """The packed data of all IDAT chunks in pieces, the file being at the beginning of a chunk."""
    while len(head := file.read(8)) == 8:
        length, name = struct.unpack(">I4s", head)
        while name == b"IDAT" and length and (piece := file.read(min(length, PIECE))):
            yield piece
            length -= len(piece)
        file.seek(length + 4, SEEK_CUR)  # what is left, and the checksum


def _bytes_needed(
    width: int, height: int, depth: int, kind: int, packing: int, filters: int, interlaced: int
) -> int:
    """Bytes of all rows, each with the one that names its filter."""
    bits = depth * CHANNELS[kind]
    passes = ADAM7 if interlaced else ((0, 0, 1, 1),)
    sizes = ((-(-(width - x) // across), -(-(height - y) // down)) for x, y, across, down in passes)
    return sum(rows * (1 + -(-columns * bits // 8)) for columns, rows in sizes if columns > 0)
