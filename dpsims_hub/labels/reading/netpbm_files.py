"""Faults of PGM and PPM files that readers do not report.

Readers stop after the pixels of the first picture. They ignore a second picture. Windows line ends in the
header shift all pixels by one.
"""

from __future__ import annotations

import re
from io import SEEK_END

from PIL import Image

COMMENT = re.compile(rb"#[^\r\n]*")
NEXT_PICTURE = re.compile(rb"\s*P[1-7]\s")


def fault_of_netpbm(image: Image.Image) -> str:
    """Return why pixels of an undecoded PGM or PPM may be shifted; "" if not. Keeps the file position."""
    codec, _, start, _ = image.tile[0]
    samples = image.width * image.height * len(image.getbands())
    file = image.fp
    place = file.tell()
    try:
        if codec == "ppm_plain":
            file.seek(start)
            words = COMMENT.sub(b" ", file.read()).split(maxsplit=samples)
            return _of_rest(words[samples]) if len(words) > samples else ""
        size = samples * (2 if image.mode == "I" else 1)
        if file.seek(0, SEEK_END) <= start + size:
            return ""  # the decoder reports files that are too short
        file.seek(start - 1)
        if file.read(2) == b"\r\n":
            return "has Windows line ends in its header, which move all pixels"
        file.seek(start + size)
        return _of_rest(file.read(8))
    finally:
        file.seek(place)


def _of_rest(rest: bytes) -> str:
    if NEXT_PICTURE.match(rest):
        return "holds several pictures, and a label map is one"
    return "holds more after its pixels, so that they may lie elsewhere"
