"""Folders of pairs with known content, and the slow way to count what they hold."""

from __future__ import annotations

import json
from pathlib import Path

from PIL import Image

from tests.labels.png_files import PALETTE, RGB, write_png

CLASSES = [
    {"id": 0, "name": "road", "rgb": [128, 64, 128]},
    {"id": 1, "name": "sky", "rgb": [70, 130, 180]},
    {"id": 2, "name": "car", "rgb": [0, 0, 142], "kind": "thing"},
    {"id": 3, "name": "moon", "rgb": [1, 2, 3]},
]
HEIGHT, WIDTH = 6, 10
GREY_PALETTE = bytes(value // 3 for value in range(768))


def label_rows(number: int, height: int = HEIGHT, width: int = WIDTH) -> list[list[int]]:
    """Ids 0..2 and some 255; class 3 never comes."""
    return [
        [255 if (x * y + number) % 7 == 0 else (x + y + number) % 3 for x in range(width)]
        for y in range(height)
    ]


def object_rows(number: int) -> list[list[int]]:
    return [[1000 + (x // 3 + number) % 4 for x in range(WIDTH)] for _ in range(HEIGHT)]


def make_pairs(root: Path, count: int = 5, *, instances: bool = False, palette: bool = False) -> Path:
    """`count` pairs of 10x6 px: JPEG and PNG photos by turns, maps as grey or palette PNG."""
    options = {"kind": PALETTE, "palette": GREY_PALETTE} if palette else {}
    for number in range(count):
        stem = f"p{number:03d}"
        rows = [[(40 * y + 11 * x + 5 * number) % 256 for x in range(3 * WIDTH)] for y in range(HEIGHT)]
        photo = write_png(root / "images" / f"{stem}.png", rows, kind=RGB)
        if number % 2:
            Image.open(photo).save(photo.with_suffix(".jpg"), quality=90)
            photo.unlink()
        write_png(root / "labels" / f"{stem}.png", label_rows(number), **options)
        if instances:
            write_png(root / "instances" / f"{stem}.png", object_rows(number), depth=16)
    (root / "classes.json").write_text(json.dumps(CLASSES))
    return root


def photo_of(root: Path, stem: str) -> Path:
    return next((root / "images").glob(f"{stem}.*"))


def cut_off(path: Path) -> None:
    """Leave the first half of a file."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
