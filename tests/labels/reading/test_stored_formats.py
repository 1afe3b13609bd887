"""Format by format: what a file stores is read, a decoder's change is undone, or the file is refused.

The lines are those of the table in docs/data.md. All files are written byte by byte.
"""

from __future__ import annotations

import re
import struct
from pathlib import Path

import pytest
from PIL import Image

from dpsims_hub.labels import ClassInfo, ClassSpec, LabelMapError, read_label_map
from tests.labels.image_writers import (
    animated_png,
    bmp_bytes,
    gif_bytes,
    netpbm_bytes,
    palette_png,
    tga_bytes,
    tiff_bytes,
    with_chunks,
)
from tests.labels.png_files import GREY_ALPHA, PALETTE, RGB, RGBA, png_bytes

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "data.md"
SPEC = ClassSpec("s", tuple(ClassInfo(i, f"c{i}", rgb=(200, i // 256, i % 256)) for i in range(400)), 65535)
BITS = [[0, 1, 1, 0, 1], [1, 0, 0, 1, 1], [0, 0, 0, 0, 1]]
TWO = [[0, 3, 1, 2, 3], [2, 1, 0, 3, 3], [1, 1, 2, 0, 3]]
FOUR = [[0, 15, 7, 2, 3], [14, 1, 0, 9, 3], [1, 1, 2, 0, 8]]
BYTES = [[0, 254, 7, 200, 3], [14, 1, 99, 9, 3], [1, 1, 2, 0, 128]]
WIDE = [[0, 399, 7, 256, 3], [300, 1, 255, 9, 3], [1, 257, 2, 0, 128]]
GREYS = bytes(value // 3 for value in range(768))
TABLE = bytes((37 * place + 5) % 199 for place in range(768))  # no colour of a class, whose red is 200
BGR0 = b"".join(TABLE[at : at + 3][::-1] + b"\0" for at in range(0, 768, 3))
GREY_BGR0 = b"".join(GREYS[at : at + 3] + b"\0" for at in range(0, 768, 3))
TIFF_TABLE = [257 * TABLE[3 * place + channel] for channel in range(3) for place in range(256)]


def rgb(rows, alpha=(), step=1):
    return [[step * v for i in row for v in (*SPEC.classes[i].rgb, *alpha)] for row in rows]


def bgr(rows, alpha=()):
    return [[v for i in row for v in (*SPEC.classes[i].rgb[::-1], *alpha)] for row in rows]


def opaque(rows, alpha):
    return [[v for i in row for v in (i, alpha)] for row in rows]


def noted(rows, orientation):
    exif = b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHIHH", 274, 3, 1, orientation, 0) + bytes(4)
    return with_chunks(png_bytes(rows), eXIf=exif)


def pillow(form, **options):
    """What only Pillow writes here; the point is that it is refused unseen."""
    import io

    file = io.BytesIO()
    Image.new("RGB", (8, 8), (200, 0, 1)).save(file, form, **options)
    return file.getvalue()


REFUSED = None
SWAPPED = bytes(v for i in (1, 0, 2, 3) for v in SPEC.classes[i].rgb)
PLANES = [bytes(row[channel] for row in rgb([[i] for i in (0, 7)])) for channel in range(3)]
CASES = {
    ("PNG", "grey, 1, 8 or 16 bits"): (
        "read",
        [(png_bytes(rows, depth=bits), rows) for bits, rows in ((1, BITS), (8, BYTES), (16, WIDE))],
    ),
    ("PNG", "grey, 2 or 4 bits"): (
        "undone",
        [(png_bytes(rows, depth=bits), rows) for bits, rows in ((2, TWO), (4, FOUR))],
    ),
    ("PNG", "palette, 1, 2, 4 or 8 bits"): (
        "read",
        [
            (png_bytes(rows, depth=bits, kind=PALETTE, palette=TABLE[: 3 * 2**bits]), rows)
            for bits, rows in ((1, BITS), (2, TWO), (4, FOUR), (8, BYTES))
        ],
    ),
    ("PNG", "palette of class colours in another order"): (
        "undone",
        [(png_bytes([[0, 1, 2, 3]], kind=PALETTE, palette=SWAPPED), [[1, 0, 2, 3]])],
    ),
    ("PNG", "RGB or RGBA, 8 bits a channel"): (
        "read",
        [
            (png_bytes(rgb(WIDE), kind=RGB), WIDE),
            (png_bytes(rgb(WIDE, [255]), kind=RGBA), WIDE),
            (png_bytes([[*rgb([[1]], [0])[0], *rgb([[7]], [255])[0]]], kind=RGBA), [[65535, 7]]),
            (png_bytes([[0, 0, 0, 0]] * 2, kind=RGBA), [[65535]] * 2),
        ],
    ),
    ("PNG", "RGBA, all clear, with colours"): ("refused", [(png_bytes(rgb(WIDE, [0]), kind=RGBA), REFUSED)]),
    ("PNG", "RGBA, half transparent"): ("refused", [(png_bytes(rgb(WIDE, [9]), kind=RGBA), REFUSED)]),
    ("PNG", "grey with alpha, 8 bits, opaque"): (
        "read",
        [(png_bytes(opaque(BYTES, 255), kind=GREY_ALPHA), BYTES)],
    ),
    ("PNG", "grey with alpha, 8 bits, transparent"): (
        "refused",
        [(png_bytes(opaque(BYTES, 0), kind=GREY_ALPHA), REFUSED)],
    ),
    ("PNG", "RGB, RGBA or grey with alpha, 16 bits a channel"): (
        "refused",
        [
            (png_bytes(rgb(WIDE, step=257), depth=16, kind=RGB), REFUSED),
            (png_bytes(rgb(WIDE, [255], step=257), depth=16, kind=RGBA), REFUSED),
            (png_bytes(opaque(WIDE, 65535), depth=16, kind=GREY_ALPHA), REFUSED),
        ],
    ),
    ("PNG", "a transparent index, grey or colour, in use"): (
        "refused",
        [
            (palette_png(TWO, TABLE[:12], b"\xff\xff\x00"), REFUSED),
            (palette_png(TWO, TABLE[:12], b"\x80"), REFUSED),
            (with_chunks(png_bytes(BYTES), tRNS=struct.pack(">H", 99)), REFUSED),
            *(
                (with_chunks(png_bytes(rows, depth=bits), tRNS=struct.pack(">H", clear)), REFUSED)
                for bits, rows, clears in ((1, BITS, (0, 1)), (2, TWO, (0, 3)), (4, FOUR, (0, 9)))
                for clear in clears
            ),
            (palette_png(BITS, TABLE[:6], b"\x00", depth=1), REFUSED),
            (with_chunks(png_bytes(WIDE, depth=16), tRNS=struct.pack(">H", 399)), REFUSED),
            (with_chunks(png_bytes(rgb(WIDE), kind=RGB), tRNS=struct.pack(">HHH", 200, 0, 7)), REFUSED),
        ],
    ),
    ("PNG", "a transparent index, grey or colour, not in use"): (
        "read",
        [
            (palette_png(TWO, TABLE[:15], b"\xff\xff\xff\xff\x00"), TWO),
            (with_chunks(png_bytes(BYTES), tRNS=struct.pack(">H", 98)), BYTES),
            (with_chunks(png_bytes([[0, 0, 0]] * 2, depth=1), tRNS=struct.pack(">H", 1)), [[0, 0, 0]] * 2),
            (with_chunks(png_bytes([[1, 1, 1]] * 2, depth=1), tRNS=struct.pack(">H", 0)), [[1, 1, 1]] * 2),
            (with_chunks(png_bytes(FOUR, depth=4), tRNS=struct.pack(">H", 10)), FOUR),
            (palette_png([[1, 1]], TABLE[:6], b"\x00", depth=1), [[1, 1]]),
            (with_chunks(png_bytes(rgb(WIDE), kind=RGB), tRNS=struct.pack(">HHH", 1, 2, 3)), WIDE),
        ],
    ),
    ("PNG", "gamma or colour profile"): (
        "read",
        [
            (with_chunks(png_bytes(BYTES), gAMA=struct.pack(">I", 45455), sRGB=b"\0"), BYTES),
            (with_chunks(png_bytes(rgb(WIDE), kind=RGB), gAMA=struct.pack(">I", 100000)), WIDE),
        ],
    ),
    ("PNG", "an EXIF orientation"): ("refused", [(noted(BYTES, turn), REFUSED) for turn in (3, 6)]),
    ("PNG", "animated"): ("refused", [(animated_png(BYTES), REFUSED)]),
    ("PNG", "several headers, palettes or pictures, or none"): (
        "refused",
        [
            (with_chunks(png_bytes(BYTES), IHDR=struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)), REFUSED),
            (with_chunks(palette_png(TWO, TABLE[:12], b"\xff"), PLTE=TABLE[12:24]), REFUSED),
            (png_bytes(BYTES) * 2, REFUSED),
        ],
    ),
    ("BMP", "palette, 1, 4 or 8 bits"): (
        "read",
        [
            (bmp_bytes(rows, bits, BGR0[: 4 * 2**bits]), rows)
            for bits, rows in ((1, BITS), (4, FOUR), (8, BYTES))
        ]
        + [(bmp_bytes(BYTES, 8, GREY_BGR0), BYTES)],
    ),
    ("BMP", "RGB, 24 or 32 bits"): (
        "read",
        [(bmp_bytes(bgr(WIDE), 24), WIDE), (bmp_bytes(bgr(WIDE, [0]), 32), WIDE)],
    ),
    ("BMP", "grey palette of fewer bits"): ("refused", [(bmp_bytes(FOUR, 4, GREY_BGR0[:64]), REFUSED)]),
    ("BMP", "16 bits a pixel"): ("refused", [(bmp_bytes(WIDE, 16), REFUSED)]),
    ("BMP", "run lengths"): (
        "refused",
        [(bmp_bytes([[1, 1]], 8, BGR0, compression=1, data=b"\2\1\0\0\0\1"), REFUSED)],
    ),
    ("TIFF", "grey, 1, 8, 16 or 32 bits"): (
        "read",
        [(tiff_bytes(rows, bits), rows) for bits, rows in ((1, BITS), (8, BYTES), (16, WIDE), (32, WIDE))]
        + [(tiff_bytes(WIDE, 16, order=">"), WIDE)],
    ),
    ("TIFF", "grey, signed, 16 or 32 bits"): (
        "read",
        [(tiff_bytes(WIDE, bits, sample_format=2), WIDE) for bits in (16, 32)],
    ),
    ("TIFF", "grey, 2 or 4 bits"): (
        "undone",
        [(tiff_bytes(rows, bits), rows) for bits, rows in ((2, TWO), (4, FOUR))],
    ),
    ("TIFF", "an orientation"): (
        "refused",
        [(tiff_bytes(BYTES, orientation=turn), REFUSED) for turn in (3, 6)],
    ),
    ("TIFF", "palette, 8 bits"): ("read", [(tiff_bytes(BYTES, photometric=3, palette=TIFF_TABLE), BYTES)]),
    ("TIFF", "palette, fewer bits, in reverse"): (
        "refused",
        [(tiff_bytes(TWO, 2, photometric=3, palette=TIFF_TABLE[:12], fill_order=2), REFUSED)],
    ),
    ("TIFF", "RGB, 8 bits a channel"): ("read", [(tiff_bytes(rgb(WIDE), photometric=2, samples=3), WIDE)]),
    ("TIFF", "RGB, 16 bits a channel"): (
        "refused",
        [(tiff_bytes(rgb(WIDE, step=257), 16, photometric=2, samples=3), REFUSED)],
    ),
    ("TIFF", "RGB, planes apart"): (
        "refused",
        [(tiff_bytes([[0], [7]], photometric=2, samples=3, planes=PLANES), REFUSED)],
    ),
    ("TIFF", "white is zero"): (
        "refused",
        [
            (tiff_bytes(rows, bits, photometric=0), REFUSED)
            for bits, rows in ((1, BITS), (4, FOUR), (8, BYTES), (16, WIDE))
        ],
    ),
    ("TIFF", "grey, signed, 8 bits"): ("refused", [(tiff_bytes(FOUR, sample_format=2), REFUSED)]),
    ("TIFF", "floating-point numbers"): ("refused", [(tiff_bytes(BYTES, 32, sample_format=3), REFUSED)]),
    ("TIFF", "several pages"): ("refused", [(tiff_bytes(BYTES, pages=2), REFUSED)]),
    ("TIFF", "compressed as JPEG"): ("refused", [(pillow("TIFF", compression="jpeg"), REFUSED)]),
    ("PGM", "up to 255 or 65535"): (
        "read",
        [
            (netpbm_bytes(rows, magic, top), rows)
            for magic in ("P2", "P5")
            for rows, top in ((BYTES, 255), (WIDE, 65535))
        ],
    ),
    ("PGM", "up to another number"): (
        "refused",
        [
            (netpbm_bytes(rows, magic, top), REFUSED)
            for magic in ("P2", "P5")
            for rows, top in ((FOUR, 15), (BYTES, 254), (WIDE, 399))
        ],
    ),
    ("PPM", "up to 255"): ("read", [(netpbm_bytes(rgb(WIDE), magic, 255), WIDE) for magic in ("P3", "P6")]),
    ("PPM", "up to another number"): (
        "refused",
        [
            (netpbm_bytes(rgb(WIDE), "P6", 254), REFUSED),
            (netpbm_bytes(rgb(WIDE, step=257), "P6", 65535), REFUSED),
        ],
    ),
    ("PGM, PPM", "more after the pixels, Windows line ends before them"): (
        "refused",
        [
            (netpbm_bytes(BYTES, "P5", 255) + b"\n", REFUSED),
            (netpbm_bytes(BYTES, "P2", 255) * 2, REFUSED),
            (netpbm_bytes(rgb(WIDE), "P6", 255) * 2, REFUSED),
            (netpbm_bytes(WIDE, "P5", 65535).replace(b"\n", b"\r\n", 3), REFUSED),
        ],
    ),
    ("PBM", "1 is black"): ("refused", [(netpbm_bytes(BITS, magic), REFUSED) for magic in ("P1", "P4")]),
    ("TGA", "grey, palette, RGB or RGBA"): (
        "read",
        [
            (tga_bytes(BYTES, 3, 8), BYTES),
            (tga_bytes(BYTES, 1, 8, TABLE), BYTES),
            (tga_bytes(bgr(WIDE), 2, 24), WIDE),
            (tga_bytes(bgr(WIDE, [255]), 2, 32), WIDE),
        ],
    ),
    ("TGA", "RGB and a last byte of no stated meaning"): (
        "read",
        [(tga_bytes(bgr(WIDE, [last]), 2, 32), WIDE) for last in (0, 7, 255)],
    ),
    ("TGA", "such a byte that differs between pixels"): (
        "refused",
        [(tga_bytes([[*bgr([[1]], [0])[0], *bgr([[7]], [255])[0]]], 2, 32), REFUSED)],
    ),
    ("TGA", "16 bits a pixel"): (
        "refused",
        [(tga_bytes(WIDE, 2, 16), REFUSED), (tga_bytes(WIDE, 3, 16), REFUSED)],
    ),
    ("GIF", "any"): ("refused", [(gif_bytes(TWO, TABLE[:12]), REFUSED), (gif_bytes(TWO, SWAPPED), REFUSED)]),
    ("JPEG, JPEG 2000, WebP, AVIF", "any, lossless too"): (
        "refused",
        [(pillow("JPEG"), REFUSED), (pillow("WEBP", lossless=True), REFUSED)]
        + [(pillow(form), REFUSED) for form in ("JPEG2000", "AVIF") if form in Image.SAVE],
    ),
}


@pytest.mark.filterwarnings("ignore:.*is read by its colours")
@pytest.mark.parametrize("case", CASES, ids=": ".join)
def test_a_file_is_read_exactly_or_refused(tmp_path, case):
    result, files = CASES[case]
    assert files
    for number, (content, wanted) in enumerate(files):
        path = tmp_path / f"{number}.bin"
        path.write_bytes(content)
        if result == "refused":
            with pytest.raises(LabelMapError) as caught:
                read_label_map(path, SPEC)
            assert str(caught.value).startswith(f"{path}: "), number
            assert "\n" not in str(caught.value)
            assert "is not an image" not in str(caught.value), number  # then the test's file is no such file
            assert "damaged" not in str(caught.value), number
        else:
            assert read_label_map(path, SPEC).tolist() == wanted, number
            with Image.open(path) as image:
                assert read_label_map(image, SPEC).tolist() == wanted, number


def test_the_guide_has_these_lines_and_no_others():
    block = GUIDE.read_text().partition("## Files that hold maps")[2].partition("\n## ")[0]
    lines = re.findall(r"^\| ([^|]+?) \| ([^|]+?) \| (read|undone|refused)\b[^|]* \|$", block, re.M)
    assert {(form, mode): result for form, mode, result in lines} == {
        case: result for case, (result, _) in CASES.items()
    }
    assert len(lines) == len(CASES)
