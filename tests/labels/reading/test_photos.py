"""Photos whose pixels are not what a person saw are refused by name."""

from __future__ import annotations

import struct
from io import BytesIO

import pytest
from PIL import Image

from dpsims_hub.labels import LabelMapError
from dpsims_hub.labels.reading.samples import Part, make_sample
from tests.labels.image_writers import animated_png, gif_bytes, palette_png, with_chunks
from tests.labels.png_files import GREY_ALPHA, RGB, RGBA, png_bytes
from tests.labels.three_classes import SPEC

COLOUR = [[10, 20, 30, 40, 50, 60]]
GREYS = bytes(range(12))


def opened(data, name):
    return Part(Image.open(BytesIO(data)), name)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            [[0], [1], [2]],
            "the photo is 3 x 1 px (width x height), its label map 1 x 3: one of them is turned",
        ),
        ([[0, 1]], "the photo is 3 x 1 px (width x height), its label map 2 x 1; make them equal"),
    ],
)
def test_sizes_are_told_as_width_x_height(rows, said):
    photo = opened(png_bytes([[7] * 9], kind=RGB), "a.png")
    with pytest.raises(LabelMapError) as caught:
        make_sample(photo, opened(png_bytes(rows), "l.png"), None, SPEC, stem="a")
    assert said in str(caught.value)


def read(data):
    """The pixels of a photo of 2 x 1."""
    sample = make_sample(opened(data, "a.png"), opened(png_bytes([[0, 1]]), "l.png"), None, SPEC, stem="a")
    return [sample.image.getpixel((x, 0)) for x in range(2)]


@pytest.mark.parametrize(
    ("data", "pixels"),
    [
        (png_bytes([[1, 2, 3, 255, 4, 5, 6, 255]], kind=RGBA), [(1, 2, 3), (4, 5, 6)]),
        (png_bytes([[7, 255, 8, 255]], kind=GREY_ALPHA), [(7, 7, 7), (8, 8, 8)]),
        (palette_png([[1, 2]], GREYS, b"\0"), [(3, 4, 5), (6, 7, 8)]),  # index 0 is clear and not in use
        (
            with_chunks(png_bytes(COLOUR, kind=RGB), tRNS=struct.pack(">3H", 1, 1, 1)),
            [(10, 20, 30), (40, 50, 60)],
        ),
    ],
    ids=["RGBA", "grey", "palette", "colour"],
)
def test_opaque_photos_of_every_kind_are_read(data, pixels):
    assert read(data) == pixels


@pytest.mark.parametrize(
    "data",
    [
        png_bytes([[1, 2, 3, 255, 4, 5, 6, 254]], kind=RGBA),
        png_bytes([[7, 0, 8, 255]], kind=GREY_ALPHA),
        palette_png([[0, 2]], GREYS, b"\0"),
        with_chunks(png_bytes(COLOUR, kind=RGB), tRNS=struct.pack(">3H", 40, 50, 60)),
    ],
    ids=["RGBA", "grey", "palette", "colour"],
)
def test_transparent_pixels_are_refused(data):
    with pytest.raises(
        LabelMapError, match=r"^a\.png: has transparent pixels, whose colours are undefined"
    ) as caught:
        read(data)
    assert caught.value.remedy == "photo"


def animated_webp():
    first, second = (Image.new("RGB", (2, 1), colour) for colour in ("red", "blue"))
    first.save(buffer := BytesIO(), "WEBP", save_all=True, append_images=[second])
    return buffer.getvalue()


@pytest.mark.parametrize("data", [animated_png([[1, 2]]), animated_webp()], ids=["PNG", "WebP"])
def test_films_are_no_photos(data):
    with pytest.raises(LabelMapError, match="a.png: holds 2 pictures, and a photo is one") as caught:
        read(data)
    assert caught.value.remedy == "photo"


def test_one_picture_in_the_form_of_a_film_is_a_photo():
    assert read(gif_bytes([[1, 2]], GREYS)) == [(3, 4, 5), (6, 7, 8)]


def test_the_preview_in_a_jpeg_is_no_second_picture():
    """Phones write MPO: a JPEG that holds another one."""
    first, second = (Image.new("RGB", (2, 1), colour) for colour in ((90, 90, 90), (0, 0, 0)))
    first.save(buffer := BytesIO(), "MPO", save_all=True, append_images=[second])
    assert read(buffer.getvalue()) == [(90, 90, 90), (90, 90, 90)]
