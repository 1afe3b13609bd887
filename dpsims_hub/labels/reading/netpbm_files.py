"""Whether a PGM or PPM holds its pixels and nothing else.

Readers take the first pixels that come and stop: a second picture is lost, and a header with Windows line
ends moves all pixels by one, both without a word.
"""

from __future__ import annotations

import re
from io import SEEK_END

from PIL import Image

COMMENT = re.compile(rb"#[^\r\n]*")
NEXT_PICTURE = re.compile(rb"\s*P[1-7]\s")


def fault_of_netpbm(image: Image.Image) -> str:
    """Return why the pixels of a PGM or PPM may lie elsewhere than readers look for them; "" if they do not.

    Args:
        image: Not decoded yet; its file stays where it was.
    """
    codec, _, start, _ = image.tile[0]
    file = image.fp
    place = file.tell()
    try:
        if codec == "ppm_plain":
            file.seek(start)
            return _fault_of_text(file.read(), _samples(image))
        size = _samples(image) * (2 if image.mode == "I" else 1)
        if file.seek(0, SEEK_END) <= start + size:
            return ""  # too short is told by the decoder
        file.seek(start - 1)
        if file.read(2) == b"\r\n":
            return "has Windows line ends in its header, which move all pixels"
        file.seek(start + size)
        return _of_rest(file.read(8))
    finally:
        file.seek(place)


def _samples(image: Image.Image) -> int:
    return image.width * image.height * len(image.getbands())


def _fault_of_text(text: bytes, samples: int) -> str:
    words = COMMENT.sub(b" ", text).split(maxsplit=samples)
    return _of_rest(words[samples]) if len(words) > samples else ""


def _of_rest(rest: bytes) -> str:
    if NEXT_PICTURE.match(rest):
        return "holds several pictures, and a label map is one"
    return "holds more after its pixels, so that they may lie elsewhere"
