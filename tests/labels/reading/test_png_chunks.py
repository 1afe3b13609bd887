"""PNGs whose chunks contradict each other; decoders then take the one or the other."""

from __future__ import annotations

import io
import struct

import pytest

from dpsims_hub.labels import ClassSpec, LabelMapError, read_label_map
from dpsims_hub.labels.reading.png_faults import fault_of_chunks
from tests.labels.image_writers import with_chunks
from tests.labels.png_files import PALETTE, RGB, png_bytes

SPEC = ClassSpec.from_dict([f"c{number}" for number in range(9)])
IDS = [[0, 1, 2], [8, 7, 6]]
GREY = png_bytes(IDS)
COLOURS = bytes(range(100, 127))
INDEXED = png_bytes(IDS, kind=PALETTE, palette=COLOURS)
HEADER = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
PALETTE_AT = INDEXED.index(b"PLTE") - 4
NO_PALETTE = INDEXED[:PALETTE_AT] + INDEXED[PALETTE_AT + 12 + len(COLOURS) :]

REFUSED = {
    "two headers": (with_chunks(GREY, IHDR=HEADER), "holds more than one header"),
    "two palettes": (with_chunks(INDEXED, PLTE=COLOURS[3:]), "holds more than one palette"),
    "no palette": (NO_PALETTE, "is a palette image without its palette"),
    "two files": (GREY + GREY, "holds several pictures"),
}


@pytest.mark.parametrize(("content", "words"), REFUSED.values(), ids=REFUSED)
def test_contradictions_are_refused(tmp_path, content, words):
    path = tmp_path / "a.png"
    path.write_bytes(content)
    for _ in range(2):  # what was refused once is no file without a fault
        with pytest.raises(LabelMapError) as caught:
            read_label_map(path, SPEC)
        assert str(caught.value).startswith(f"{path}: {words}")


@pytest.mark.parametrize("content", [GREY, INDEXED, GREY + b"\0 a note of a camera"])
def test_others_are_read(tmp_path, content):
    path = tmp_path / "a.png"
    path.write_bytes(content)
    assert read_label_map(path, SPEC).tolist() == IDS


def test_colours_may_have_a_palette_for_screens_and_the_file_stays_where_it_is():
    file = io.BytesIO(with_chunks(png_bytes([[1, 2, 3]], kind=RGB), PLTE=COLOURS))
    file.seek(5)
    assert fault_of_chunks(file) == ""
    assert file.tell() == 5
