"""The last byte of a TGA's pixels is opacity where the file says so, and never a guess."""

from __future__ import annotations

import io
import struct

import pytest
from PIL import Image

from dpsims_hub.labels import ClassSpec, LabelMapError, read_label_map
from dpsims_hub.labels.reading.tga_alpha import alpha_of_tga

ENTRIES = [{"name": "road", "rgb": [128, 64, 32]}, {"name": "sky", "rgb": [70, 130, 180]}]
SPEC = ClassSpec.from_dict(ENTRIES)
PIXELS = ((32, 64, 128), (180, 130, 70))  # blue, green, red of the ids 0 and 1


def tga(last: tuple[int, int], bits: int, attributes: int | None = None, comment: bytes = b"") -> bytes:
    """Two colours side by side, each with a last byte; with an extension area if `attributes` is given."""
    head = bytes([len(comment), 0, 2, 0, 0, 0, 0, 0]) + struct.pack("<HHHHBB", 0, 0, 2, 1, 32, 0x20 | bits)
    whole = head + comment + b"".join(bytes([*pixel, end]) for pixel, end in zip(PIXELS, last, strict=True))
    if attributes is None:
        return whole
    area = struct.pack("<H", 495) + bytes(492) + bytes([attributes])
    return whole + area + struct.pack("<II", len(whole), 0) + b"TRUEVISION-XFILE.\0"


READ = {
    "not stated, all 0": (tga((0, 0), 0), [[0, 1]]),
    "not stated, all 255": (tga((255, 255), 0), [[0, 1]]),
    "not stated, after a comment": (tga((0, 0), 0, comment=b"by hand"), [[0, 1]]),
    "opacity": (tga((255, 0), 8), [[0, 255]]),
    "opacity of few bits": (tga((255, 0), 1), [[0, 255]]),
    "no extension": (tga((255, 0), 8, 0).replace(b"XFILE", b"YFILE"), [[0, 255]]),
    "opacity by the extension": (tga((255, 0), 0, 3), [[0, 255]]),
    "no opacity by the extension": (tga((255, 0), 8, 0), [[0, 1]]),
    "undefined by the extension": (tga((7, 0), 8, 1), [[0, 1]]),
    "undefined and kept by the extension": (tga((7, 0), 8, 2), [[0, 1]]),
}


@pytest.mark.parametrize(("content", "wanted"), READ.values(), ids=READ)
def test_opacity_is_what_the_file_says(tmp_path, content, wanted):
    path = tmp_path / "a.tga"
    path.write_bytes(content)
    assert read_label_map(path, SPEC).tolist() == wanted
    with Image.open(io.BytesIO(content)) as image:
        image.fp.seek(1)
        alpha_of_tga(image)
        assert image.fp.tell() == 1
        assert read_label_map(image, SPEC).tolist() == wanted


def grey(last: int, bits: int) -> bytes:
    head = bytes([0, 0, 3, 0, 0, 0, 0, 0]) + struct.pack("<HHHHBB", 0, 0, 2, 1, 16, 0x20 | bits)
    return head + bytes([0, last, 1, last])


UNSTATED = "is a TGA file that does not say whether the last byte of a pixel is opacity; save the map as"
REFUSED = {
    "not stated, different": (tga((255, 0), 0), UNSTATED),
    "grey of 16 bits perhaps": (grey(255, 0), UNSTATED),
    "numbers of 16 bits perhaps": (grey(0, 0), UNSTATED),
    "half transparent": (tga((255, 7), 8), "50.0% of the pixels are half transparent"),
    "transparent everywhere": (tga((0, 0), 8), "all pixels are transparent and have colours"),
    "lines across rows": (
        bytes([0, 0, 11, 0, 0, 0, 0, 0]) + struct.pack("<HHHHBB", 0, 0, 2, 2, 8, 0x20) + b"\x83\1",
        "is damaged or cut off (buffer overrun when reading image file), or its run lengths go on from row",
    ),
}


@pytest.mark.parametrize(("content", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_said_is_refused(tmp_path, content, words):
    path = tmp_path / "a.tga"
    path.write_bytes(content)
    with pytest.raises(LabelMapError) as caught:
        read_label_map(path, SPEC)
    assert str(caught.value).startswith(f"{path}: {words}")


def test_grey_with_opacity_is_read(tmp_path):
    (tmp_path / "a.tga").write_bytes(grey(255, 8))
    assert read_label_map(tmp_path / "a.tga", SPEC).tolist() == [[0, 1]]


@pytest.mark.parametrize(("colours", "wanted"), [(ENTRIES[0]["rgb"], None), ([0, 0, 0], 255)])
def test_pixels_all_transparent_mean_unknown_only_without_colours(colours, wanted):
    """Renderers leave an opacity of 0 beside the colours of their segmentation."""
    image = Image.new("RGBA", (2, 2), (*colours, 0))
    if wanted is None:
        with pytest.raises(
            LabelMapError, match="have colours, so its opacity may mean nothing; save it as RGB"
        ):
            read_label_map(image, SPEC)
    else:
        assert read_label_map(image, SPEC).tolist() == [[wanted] * 2] * 2
