"""Faults of a PNG that decoders do not report: contradicting chunks, and missing rows.

Pillow accepts a PNG whose compressed data end early but regularly. It fills the missing rows with 0, which is
a class in a label map. Of two headers or palettes, some decoders take the first and some the last.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

SIGNATURE = b"\x89PNG\r\n\x1a\n"
PALETTE_KIND = 3
CHANNELS = {0: 1, 2: 3, PALETTE_KIND: 1, 4: 2, 6: 4}
"""Samples of a pixel by the header's colour type."""

ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""First column, first row and steps of the passes of an interlaced file (PNG specification, 8.2)."""

PIECE = 1 << 16  # compressed bytes at a time


def fault_of_chunks(file: BinaryIO) -> str:
    """Return the fault of a PNG's chunks; "" for none. Keeps the file position."""
    place = file.tell()
    try:
        file.seek(len(SIGNATURE) + 8)
        kind = file.read(13)[9:10]
        file.seek(len(SIGNATURE))
        names = [name for name, _ in _chunks(file)]
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


def has_all_rows(file: BinaryIO) -> bool:
    """Return whether the data of a PNG hold all rows of its header; decompresses no more than these.

    It is False only if the data end early with a valid end of stream; the decoder reports all other damage.
    Keeps the file position.
    """
    place = file.tell()
    try:
        file.seek(len(SIGNATURE) + 8)
        missing = _bytes_needed(*struct.unpack(">IIBBBBB", file.read(13)))
        file.seek(len(SIGNATURE))
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


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Yield name and length of each chunk, with the file at its data; end after IEND."""
    while len(head := file.read(8)) == 8:
        length, name = struct.unpack(">I4s", head)
        after = file.tell() + length + 4  # bytes of the checksum
        yield name, length
        file.seek(after)
        if name == b"IEND":
            return


def _data(file: BinaryIO) -> Iterator[bytes]:
    """Yield the compressed data of all IDAT chunks in pieces."""
    for name, length in _chunks(file):
        while name == b"IDAT" and length and (piece := file.read(min(length, PIECE))):
            yield piece
            length -= len(piece)


def _bytes_needed(
    width: int, height: int, depth: int, kind: int, packing: int, filters: int, interlaced: int
) -> int:
    """Return the bytes of all rows, each with its filter byte; the arguments are the fields of IHDR."""
    bits = depth * CHANNELS[kind]
    passes = ADAM7 if interlaced else ((0, 0, 1, 1),)
    sizes = ((-(-(width - x) // across), -(-(height - y) // down)) for x, y, across, down in passes)
    return sum(rows * (1 + -(-columns * bits // 8)) for columns, rows in sizes if columns > 0)
