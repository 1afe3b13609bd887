"""PGM and PPM hold their pixels and nothing else, whatever the header looks like."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from dpsims_hub.labels import ClassSpec, LabelMapError, read_label_map
from dpsims_hub.labels.reading.netpbm_files import fault_of_netpbm

SPEC = ClassSpec.from_dict({"classes": [f"c{n}" for n in range(300)], "ignore_index": 65535})
IDS = [[1, 2, 13], [10, 35, 80]]  # CR, LF, # and P are among them
BYTES, WORDS = b"\1\2\r\n#P", b"\0\1\0\2\0\r\0\n\0#\0P"
TEXT = b"1 2 13\n10 35 80\n"
READ = {
    "plain": b"P5\n3 2\n255\n" + BYTES,
    "16 bits": b"P5\n3 2\n65535\n" + WORDS,
    "one line": b"P5 3 2 255 " + BYTES,
    "a comment": b"P5\n# made by GIMP\n3 2\n255\n" + BYTES,
    "Windows line ends before the last": b"P5\r\n3 2\r\n255\n" + BYTES,
    "text": b"P2\r\n3 2\r\n255\r\n" + TEXT,
    "text without an end": b"P2 3 2 255 " + TEXT.strip(),
    "text with comments": b"P2 3 2 255\n1 2 # 7 7\n13 10 35 80 # 9\n# P2 3 2",
}


@pytest.mark.parametrize("content", READ.values(), ids=READ)
def test_pixels_alone_are_read(tmp_path, content):
    path = tmp_path / "a.pgm"
    path.write_bytes(content)
    assert read_label_map(path, SPEC).tolist() == IDS
    with Image.open(io.BytesIO(content)) as image:
        image.fp.seek(1)
        assert fault_of_netpbm(image) == ""
        assert image.fp.tell() == 1
        assert read_label_map(image, SPEC).tolist() == IDS


LINE_ENDS, SEVERAL, MORE = "has Windows line ends in its header", "holds several pictures", "holds more after"
PLAIN = READ["plain"]
REFUSED = {
    "Windows line ends": (b"P5\r\n3 2\r\n255\r\n" + BYTES, LINE_ENDS),
    "written as text": (PLAIN.replace(b"\n", b"\r\n"), LINE_ENDS),
    "16 bits, Windows line ends": (b"P5 3 2 65535\r\n" + WORDS, LINE_ENDS),
    "two": (PLAIN + PLAIN, SEVERAL),
    "two with a line between": (PLAIN + b"\n" + PLAIN, SEVERAL),
    "two of 16 bits": (READ["16 bits"] * 2, SEVERAL),
    "two texts": (READ["text"] * 2, SEVERAL),
    "a line end": (PLAIN + b"\n", MORE),
    "a comment after the header": (b"P5 3 2 255 # c\n" + BYTES, MORE),
    "too small a header": (b"P5 3 1 255\n" + BYTES, MORE),
    "too small a header of a text": (b"P2 3 1 255\n" + TEXT, MORE),
    "colours": (b"P6 1 1 255\n" + BYTES, MORE),
    "colours as text": (b"P3 1 1 255\n" + TEXT, MORE),
    "too short": (PLAIN[:-1], "is damaged or cut off"),
}


@pytest.mark.parametrize(("content", "words"), REFUSED.values(), ids=REFUSED)
def test_anything_more_is_refused(tmp_path, content, words):
    path = tmp_path / "a.pgm"
    path.write_bytes(content)
    with pytest.raises(LabelMapError) as caught:
        read_label_map(path, SPEC)
    assert str(caught.value).startswith(f"{path}: {words}")
    assert "; save " in str(caught.value)
