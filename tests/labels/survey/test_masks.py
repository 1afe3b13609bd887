"""Masks in black and white, and maps where 255 may not mean unknown."""

from __future__ import annotations

import json

import pytest

from dpsims_hub.labels import FolderDataset
from dpsims_hub.labels.survey.masks import look_at_masks
from dpsims_hub.labels.survey.opened_source import some_labels
from tests.labels.pair_folders import HEIGHT, WIDTH, make_pairs, photo_of
from tests.labels.png_files import write_png
from tests.labels.survey.surveyed import facts_of


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


def test_maps_of_unknown_alone_are_no_masks(tmp_path):
    root = make_pairs(tmp_path, 2)
    (root / "classes.json").write_text(json.dumps(["a", "b"]))
    for number in range(2):
        write_png(root / "labels" / f"p{number:03d}.png", [[255] * 10] * HEIGHT)
    assert not any("only 0 and 255" in sentence for sentence in facts_of(root)["advice"])


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
