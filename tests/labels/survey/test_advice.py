"""What `check-data` says to do about what it found, and in which order."""

from __future__ import annotations

import json
import struct

import pytest
from PIL import Image

from dpsims_hub.labels import FolderDataset, LabelMapError
from dpsims_hub.labels.survey.report import format_survey
from tests.labels.image_writers import with_chunks
from tests.labels.pair_folders import HEIGHT, WIDTH, cut_off, label_rows, make_pairs, photo_of
from tests.labels.png_files import GREY_ALPHA, PALETTE, RGB, png_bytes, write_png
from tests.labels.survey.surveyed import ORIENTATION, facts_of, turned_photo


def palette_of(*colours):
    return bytes(value for colour in colours for value in colour)


def test_palettes_that_differ_between_files(tmp_path):
    root = make_pairs(tmp_path, 4)
    first, second, third = (9, 9, 9), (8, 8, 8), (7, 7, 7)  # no class colours: nothing to read by
    rows = [[0, 1] * 5] * HEIGHT
    for number, colours in enumerate([(first, second), (first, second, third), (second, first), (first,)]):
        some = rows if len(colours) > 1 else [[0] * WIDTH] * HEIGHT
        path = root / "labels" / f"p{number:03d}.png"
        write_png(path, some, kind=PALETTE, palette=palette_of(*colours))
    facts = facts_of(root)
    assert facts["other_palettes"] == 1  # longer and shorter ones agree
    assert facts["advice"][0].startswith("1 palette map(s) give an index another colour")


def test_maps_without_a_known_pixel_are_named(tmp_path):
    root = make_pairs(tmp_path, 3)
    write_png(root / "labels" / "p001.png", [[255] * WIDTH] * HEIGHT)
    facts = facts_of(root)
    assert facts["unknown"]["all_unknown"] == [str(photo_of(root, "p001"))]
    said = next(sentence for sentence in facts["advice"] if "nothing but unknown" in sentence)
    assert "p001.jpg" in said
    assert "training leaves them out" in said


def test_every_kind_of_error_has_advice_and_the_list_is_the_end(tmp_path):
    root = make_pairs(tmp_path, 7)
    cut_off(photo_of(root, "p000"))
    write_png(root / "labels" / "p001.png", [[200] * WIDTH] * HEIGHT)
    write_png(root / "labels" / "p002.png", label_rows(2, 4, 4))
    write_png(root / "labels" / "p003.png", [[0, 7] * WIDTH] * HEIGHT, kind=GREY_ALPHA)
    photo_of(root, "p004").unlink()
    facts = facts_of(root)
    starts = ["Correct the class list", "Export 1 file", "Make photo and map", "Get 1 damaged", "Give 1 file"]
    assert [said[: len(start)] for said, start in zip(facts["advice"], starts, strict=False)] == starts
    text = format_survey(facts)
    assert text.partition("errors: 5\n\nwhat to do, the worst first:\n1. Correct")[2]
    assert f"\n{len(facts['advice'])}. " in text


def test_good_data_need_no_advice(tmp_path):
    root = tmp_path / "big"
    write_png(root / "images" / "a.png", [[0] * 240] * 80, kind=RGB)
    write_png(root / "labels" / "a.png", [[0, 1] * 40] * 80)
    (root / "classes.json").write_text('["a", "b"]')
    facts = facts_of(root)
    assert facts["advice"] == []
    assert format_survey(facts).endswith("no errors")


BLACK_AND_WHITE = [[0, 0, 0, 255, 255, 255] * 5] * HEIGHT


def advice_of(root):
    """What is said about the errors of a folder whose other findings do not count."""
    others = ("4 class", "1 class", "The smallest", "1 photo(s) h")
    return [line for line in facts_of(root)["advice"] if not line.startswith(others)]


def lfs(root):
    photo_of(root, "p000").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:4\nsize 5\n")


def note(root):
    exif = b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHIHH", ORIENTATION, 3, 1, 3, 0) + bytes(4)
    content = with_chunks(png_bytes(label_rows(0)), eXIf=exif)
    (root / "labels" / "p000.png").write_bytes(content)


def coded_colours(root):
    rows = [[7, 0, 0, 2007 & 255, 2007 >> 8, 0] * 5] * HEIGHT
    write_png(root / "labels" / "p000.png", rows, kind=RGB)


REMEDIES = {
    "turned": (lambda root: turned_photo(root, "p000", 6), "Turn the maps of 1 photo(s) with an EXIF note"),
    "pointer": (lfs, "Fetch 1 file(s) that are pointers of Git LFS with `git lfs pull`."),
    "deep photo": (
        lambda root: write_png(photo_of(root, "p000"), [[500] * WIDTH] * HEIGHT, depth=16),
        "Save 1 photo(s) as 8-bit PNG or JPEG.",
    ),
    "note": (note, "Take the EXIF note away from 1 map(s)"),
    "panoptic": (coded_colours, 'Write the "stored" rule that the sentences of 1 map(s) name into'),
    "coded": (
        lambda root: write_png(root / "labels" / "p000.png", [[1, 2001] * 5] * HEIGHT, depth=16),
        'Write the "stored" rule that the sentences of 1 map(s) name into',
    ),
    "mask": (
        lambda root: write_png(root / "labels" / "p000.png", BLACK_AND_WHITE, kind=RGB),
        "Write the list of two classes that the sentences of 1 map(s) name",
    ),
    "heic": (
        lambda root: photo_of(root, "p000").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(60)),
        "Convert 1 file(s) of other kinds",
    ),
    "zip": (lambda root: photo_of(root, "p000").write_bytes(b"PK\3\4" + bytes(60)), "Unpack 1 archive(s)"),
    "large": (
        lambda root: Image.new("RGB", (4100, 8)).save(photo_of(root, "p000")),
        "Make 1 file(s) smaller, photo and map alike",
    ),
    "other kind": (
        lambda root: photo_of(root, "p000").rename(root / "images" / "p000.tif"),
        "Name or convert 1 file(s) so that they pair",
    ),
    "quarter": (
        lambda root: write_png(root / "labels" / "p000.png", label_rows(0, WIDTH, HEIGHT)),
        "Turn photo or map of 1 pair(s) by 90 degrees",
    ),
    "1 bit": (
        lambda root: (
            write_png(root / "labels" / "p000.png", [[1] * WIDTH] * HEIGHT, depth=1),
            (root / "classes.json").write_text('["a"]'),
        ),
        "Correct the class list",
    ),
    "smoothed": (
        lambda root: (
            write_png(root / "labels" / "p000.png", [[0, 64, 128, 255, 255] * 2] * HEIGHT),
            (root / "classes.json").write_text('["a", "b"]'),
        ),
        "Export 1 map(s) again as ids",
    ),
    "coded class that is none": (
        lambda root: (
            write_png(root / "labels" / "p000.png", [[7, 9, 0] * WIDTH] * HEIGHT, kind=RGB),
            (root / "classes.json").write_text(
                '{"classes": [{"name": "a", "kind": "thing"}], "stored": {"instances": "class*256+n"}}'
            ),
        ),
        "Correct the class list or its stored-value rule",
    ),
    "grey colours": (  # the greys of road and sky, ITU-R 601
        lambda root: write_png(root / "labels" / "p000.png", [[90, 118] * 5] * HEIGHT),
        "Export 1 map(s) again as ids",
    ),
}


@pytest.mark.parametrize("case", REMEDIES)
def test_the_advice_is_what_helps_for_the_sentence(tmp_path, case):
    change, words = REMEDIES[case]
    root = make_pairs(tmp_path, 1)
    change(root)
    said = advice_of(root)
    assert len(said) == 1
    assert said[0].startswith(words)


def test_the_list_for_black_and_white_reads_them(tmp_path):
    root = make_pairs(tmp_path, 1)
    REMEDIES["mask"][0](root)
    with pytest.raises(LabelMapError) as caught:
        FolderDataset(root)[0]
    content = str(caught.value).partition("write ")[2].partition(" with your")[0]
    (root / "classes.json").write_text(content)
    assert FolderDataset(root)[0].label_map.tolist() == [[0, 1] * 5] * HEIGHT


def test_the_rule_for_panoptic_colours_reads_them(tmp_path):
    root = make_pairs(tmp_path, 1)
    coded_colours(root)
    with pytest.raises(LabelMapError) as caught:
        FolderDataset(root)[0]
    rule = json.loads("{" + str(caught.value).partition("write ")[2].partition(" into")[0] + "}")
    (root / "classes.json").write_text(json.dumps({"classes": ["a", "b", "c"]} | rule))
    sample = FolderDataset(root)[0]
    assert sample.label_map.tolist() == [[0, 2] * 5] * HEIGHT
    assert sample.instance_ids.tolist() == [[7, 2007] * 5] * HEIGHT
