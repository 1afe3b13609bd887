"""What `check-data` says to do about what it found, and in which order."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
from PIL import Image

from dpsims_hub.labels import FolderDataset, LabelMapError
from dpsims_hub.labels.survey.masks import look_at_masks
from dpsims_hub.labels.survey.opened_source import some_labels
from dpsims_hub.labels.survey.report import format_survey, survey_facts
from tests.labels.image_writers import with_chunks
from tests.labels.pair_folders import HEIGHT, WIDTH, cut_off, label_rows, make_pairs, photo_of
from tests.labels.png_files import GREY_ALPHA, PALETTE, RGB, png_bytes, write_png
from tests.labels.survey.test_survey import survey_folder

ORIENTATION = 274


def facts_of(root):
    return survey_facts(survey_folder(root), "mine")


def turned_photo(root, stem, orientation, size=(WIDTH, HEIGHT)):
    """A JPEG of `size` (width, height) as stored, with an EXIF note."""
    photo_of(root, stem).unlink()
    image, exif = Image.new("RGB", size), Image.Exif()
    exif[ORIENTATION] = orientation
    image.save(root / "images" / f"{stem}.jpg", exif=exif)


@pytest.mark.parametrize(
    ("orientation", "how"),
    [(5, "mirrored and turned by 90"), (6, "90 degrees clockwise"), (7, "90"), (8, "counter-clockwise")],
)
def test_a_map_as_the_photo_is_stored_is_told_so(tmp_path, orientation, how):
    root = make_pairs(tmp_path, 3)
    turned_photo(root, "p001", orientation)
    with pytest.raises(LabelMapError) as caught:
        FolderDataset(root)[1]
    text = str(caught.value)
    assert text.startswith(f"{root / 'images' / 'p001.jpg'}: an EXIF note turns the photo to 10 x 6 px")
    assert "label map is 6 x 10, as the photo is stored; turn the map in the same way" in text
    assert how in text
    assert "nearest" not in text
    facts = facts_of(root)
    assert facts["errors"]["size"]["count"] == 1
    assert sum(facts["turned_photos"].values()) == 1


def turn(array, orientation):
    """EXIF 2.3 by its table: which side of the stored picture is the top and the left of the seen one."""
    top_left = {
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.T,
        6: lambda a: a[::-1].T,
        7: lambda a: a[::-1, ::-1].T,
        8: lambda a: a[:, ::-1].T,
    }
    return top_left[orientation](array)


@pytest.mark.parametrize("orientation", range(2, 9))
def test_the_words_say_how_to_turn_the_map(tmp_path, orientation):
    """Following them with Pillow's rotations gives what EXIF's table says."""
    from dpsims_hub.labels.reading.turned_photos import TURNS

    stored = np.arange(6, dtype=np.uint8).reshape(2, 3)
    image, words = Image.fromarray(stored), TURNS[orientation]
    if "upside down" in words:
        image = image.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    elif "mirrored" in words:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if "180" in words:
        image = image.rotate(180)
    elif "90" in words:
        image = image.rotate(90 if "counter" in words else -90, expand=True)
    assert np.asarray(image).tolist() == turn(stored, orientation).tolist()


def test_half_turns_are_counted_and_come_before_errors(tmp_path):
    root = make_pairs(tmp_path, 4)
    turned_photo(root, "p000", 3)
    turned_photo(root, "p001", 2)
    cut_off(photo_of(root, "p003"))
    facts = facts_of(root)
    assert facts["turned_photos"] == {"turned by 180 degrees": 1, "mirrored": 1}
    assert "2 photo(s) have an EXIF note and are read as seen" in facts["advice"][0]
    assert "1 damaged file(s)" in facts["advice"][1]


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


@pytest.mark.parametrize("classes", [["background", "person"], ["a", "b", "c"]])
def test_black_and_white_masks(tmp_path, classes):
    root = make_pairs(tmp_path, 3)
    (root / "classes.json").write_text(json.dumps(classes))
    for number in range(3):
        write_png(root / "labels" / f"p{number:03d}.png", [[0, 255] * 5] * HEIGHT)
    facts = facts_of(root)
    assert facts["advice"][0].startswith("The maps hold only 0 and 255")
    content = json.loads(facts["advice"][0].partition("write ")[2].partition(" with your")[0])
    (root / "classes.json").write_text(json.dumps(content))
    assert FolderDataset(root)[0].label_map.tolist() == [[0, 1] * 5] * HEIGHT
    assert not facts_of(root)["only_0_and_255"]


@pytest.mark.parametrize("value", [0, 1])
def test_other_maps_are_no_masks(tmp_path, value):
    """One class that is not 0, or 0 without any unknown."""
    root = make_pairs(tmp_path, 1)
    rows = [[value, 255] * 5] * HEIGHT if value else [[0] * WIDTH] * HEIGHT
    write_png(root / "labels" / "p000.png", rows)
    assert not facts_of(root)["only_0_and_255"]


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


def test_maps_of_unknown_alone_are_no_masks(tmp_path):
    root = make_pairs(tmp_path, 2)
    (root / "classes.json").write_text(json.dumps(["a", "b"]))
    for number in range(2):
        write_png(root / "labels" / f"p{number:03d}.png", [[255] * 10] * HEIGHT)
    assert not any("only 0 and 255" in sentence for sentence in facts_of(root)["advice"])


BLACK_AND_WHITE = [[0, 0, 0, 255, 255, 255] * 5] * HEIGHT


def test_masks_of_two_kinds_are_one_finding(tmp_path):
    root = make_pairs(tmp_path, 3)
    (root / "classes.json").write_text(json.dumps(["background", "person"]))
    write_png(root / "labels" / "p000.png", [[0, 255] * 5] * HEIGHT)
    write_png(root / "labels" / "p001.png", [[0, 1] * 5] * HEIGHT, depth=1)
    write_png(root / "labels" / "p002.png", [[0, 1] * 5] * HEIGHT)
    facts = facts_of(root)
    assert facts["advice"][0] == (
        "1 map(s) hold only 0 and 255, and 2 hold classes without it; 255 means unknown. If 255 is the "
        f"object of a mask, write its id in its place, in the maps of {photo_of(root, 'p000')}."
    )
    assert not facts["only_0_and_255"]


@pytest.mark.parametrize(
    ("rows", "mixed"),
    [
        ([[[0, 1, 255, 1, 1]]], False),  # unknown beside the object
        ([[[0, 1, 255, 1, 1]], [[0, 0, 255, 0, 0]], [[0, 1, 1, 1, 1]]], False),  # so it is in the second too
        ([[[0, 0, 0, 0, 0]], [[1, 1, 1, 1, 255]]], False),
        ([[[0, 1, 0, 1, 1]], [[1, 1, 1, 1, 1]]], False),
        ([[[0, 1, 0, 1, 1]], [[255, 255, 255, 255, 255]]], False),  # a map without a known pixel
        ([[[0, 1, 0, 1, 1]], [[0, 255, 0, 2, 255]]], False),  # three classes, and unknown
        ([[[0, 1, 0, 1, 1]], [[0, 255, 0, 0, 255]]], True),
        ([[[0, 2, 0, 2, 2]], [[0, 255, 0, 0, 255]], [[3, 2, 0, 1, 1]]], True),  # among maps of other classes
        ([[[0, 2, 0, 2, 2]], [[0, 255, 0, 0, 255]], [[3, 2, 255, 1, 1]]], False),
        ([[[0, 1, 0, 1, 1]], [[0, 255, 0, 0, 255]], [[0, 2, 3, 255, 255]]], True),  # 0 and 1, 0 and 255
        ([[[0, 1, 0, 1, 1]], [[0, 255, 0, 0, 255]], [[0, 1, 3, 255, 255]]], False),
    ],
)
def test_where_masks_are_mixed(tmp_path, rows, mixed):
    root = make_pairs(tmp_path, len(rows))
    for number, row in enumerate(rows):
        write_png(root / "labels" / f"p{number:03d}.png", [row[0] * 2] * HEIGHT)
    assert bool(facts_of(root)["mixed_masks"]) == mixed


@pytest.mark.parametrize(
    ("depth", "stored", "named"),
    [(8, {}, 2), (16, {}, 0), (8, {"stored": {"offset": 0, "ignore_values": [255]}}, 0)],
)
def test_255_in_8_bits_is_a_class_of_a_long_list(tmp_path, depth, stored, named):
    """65535 means unknown there, and 8 bits cannot hold it."""
    root = make_pairs(tmp_path, 3)
    (root / "classes.json").write_text(json.dumps({"classes": [f"c{n}" for n in range(300)], **stored}))
    for number in range(3):
        rows = [[7, 255 if number else 8] * 5] * HEIGHT
        write_png(root / "labels" / f"p{number:03d}.png", rows, depth=depth)
    said = facts_of(root)["class_255_in_8_bits"]
    words = f"{named} map(s) of 8 bits hold 255, which in this list of 300 is the class 'c255', and not"
    assert said.startswith(words if named else "")
    assert bool(said) == bool(named)


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


@pytest.mark.parametrize("ones", [True, False])
def test_training_looks_at_masks_before_it_starts(tmp_path, ones):
    root = make_pairs(tmp_path, 3)
    (root / "classes.json").write_text(json.dumps(["background", "person"]))
    for number in range(3):
        rows = [[0, 1 if ones and number == 2 else 255] * 5] * HEIGHT
        write_png(root / "labels" / f"p{number:03d}.png", rows)
    data = FolderDataset(root)
    said = look_at_masks(some_labels(data, 64), data.spec)
    assert len(said) == 1
    assert said[0].startswith(
        "2 map(s) hold only 0 and 255, and 1 hold" if ones else "The maps hold only 0 and 255"
    )
