"""Meaning of the last channel of a TGA, which its header may leave open.

Source: Truevision TGA file format specification 2.0, image descriptor (field 5.6) and attributes type (24).
"""

from __future__ import annotations

import os
from typing import BinaryIO

from PIL import Image

HEADER, FOOTER = 18, 26  # bytes
SIGNATURE = b"TRUEVISION-XFILE.\0"
TYPE_PLACE = 494  # in the extension area
MEANT = (3, 4)  # attribute types: useful opacity; colours multiplied by it
UNKNOWN, NO_OPACITY, OPACITY = "", "none", "opacity"


def alpha_of_tga(image: Image.Image) -> str:
    """Return `OPACITY`, `NO_OPACITY` or `UNKNOWN` for an undecoded TGA. Keeps the file position."""
    file = image.fp
    place = file.tell()
    try:
        file.seek(0)
        bits = file.read(HEADER)[-1] & 15
        kind = _attributes_type(file)
    finally:
        file.seek(place)
    if kind is None:
        return OPACITY if bits else UNKNOWN
    return OPACITY if kind in MEANT else NO_OPACITY


def _attributes_type(file: BinaryIO) -> int | None:
    """Return the attributes type of a TGA 2.0 with an extension area, else None."""
    if file.seek(0, os.SEEK_END) < HEADER + FOOTER:
        return None
    file.seek(-FOOTER, os.SEEK_END)
    footer = file.read(FOOTER)
    start = int.from_bytes(footer[:4], "little")
    if not footer.endswith(SIGNATURE) or not start:
        return None
    file.seek(start + TYPE_PLACE)
    kind = file.read(1)
    return kind[0] if kind else None
