"""Panoptic maps of three data sets, each written here as its own tools write it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from dpsims_hub.labels import ClassSpec, ClassSpecError, FolderDataset, LabelMapError, read_label_map
from dpsims_hub.labels.reading.panoptic import write_panoptic_maps
from tests.labels.png_files import RGB, write_png

CATEGORIES = [
    {"id": 200, "name": "rug", "isthing": 0, "color": [1, 2, 3]},
    {"id": 1, "name": "person", "isthing": 1, "color": [220, 20, 60]},
    {"id": 90, "name": "brush", "isthing": 1, "color": [4, 5, 6]},
]
FIRST, SECOND, RUG = 0x3C14DC, 0x0000FE, 0x010203  # red is the lowest byte
ROWS = [[FIRST, FIRST, 0], [SECOND, RUG, RUG]]
SEGMENTS = [
    {"id": FIRST, "category_id": 1, "iscrowd": 0, "area": 2},
    {"id": RUG, "category_id": 200, "iscrowd": 0, "area": 2},
    {"id": SECOND, "category_id": 1, "iscrowd": 1, "area": 1},
]


def as_colours(rows):
    return [[part for value in row for part in (value & 255, value >> 8 & 255, value >> 16)] for row in rows]


def coco(root, segments=SEGMENTS, rows=ROWS):
    write_png(root / "panoptic" / "000000000139.png", as_colours(rows), kind=RGB)
    one = {"image_id": 139, "file_name": "000000000139.png", "segments_info": segments}
    content = {"info": {}, "images": [], "annotations": [one], "categories": CATEGORIES}
    (root / "panoptic.json").write_text(json.dumps(content))
    return root / "panoptic.json", root / "panoptic", root / "pairs"


def with_photo(root, stem, width, height):
    write_png(root / "images" / f"{stem}.png", [[0] * 3 * width] * height, kind=RGB)
    return FolderDataset(root)


def test_coco(tmp_path):
    assert write_panoptic_maps(*coco(tmp_path)) == 1
    sample = (data := with_photo(tmp_path / "pairs", "000000000139", 3, 2))[0]
    assert data.spec.names == ("person", "brush", "rug")
    assert [info.kind for info in data.spec.classes] == ["thing", "thing", "stuff"]
    assert data.spec.classes[2].rgb == (1, 2, 3)
    assert sample.label_map.tolist() == [[0, 0, 255], [0, 2, 2]]
    numbers = sample.instance_ids
    assert len({int(numbers[0, 0]), int(numbers[1, 0]), int(numbers[1, 1])}) == 3
    assert numbers[0, 0] == numbers[0, 1]


@pytest.mark.parametrize(
    ("segments", "words"),
    [
        (SEGMENTS[:2], "254 is the number of no segment"),
        ([*SEGMENTS, {"id": 5, "category_id": 7}], "category 7 of a segment is not in the list"),
        ([{"id": i, "category_id": 1} for i in range(1, 1002)], "more than 1000 segments of one class"),
    ],
)
def test_what_does_not_belong_together_is_refused_and_nothing_stays(tmp_path, segments, words):
    with pytest.raises(LabelMapError, match=words):
        write_panoptic_maps(*coco(tmp_path, segments))
    assert list((tmp_path / "pairs").iterdir()) == []


def test_a_map_of_segments_is_refused_with_the_way_to_read_it(tmp_path):
    spec = ClassSpec.from_dict(["person", "brush", "rug"])
    with pytest.raises(
        LabelMapError, match=r"83\.3% of the pixels .* make others with `write_panoptic_maps`"
    ):
        read_label_map(coco(tmp_path)[1] / "000000000139.png", spec)
    mixed = [[*as_colours([[FIRST]])[0], *spec.classes[0].rgb]]  # a class colour among others
    with pytest.raises(LabelMapError, match="without smoothing.$"):
        read_label_map(write_png(tmp_path / "mixed.png", mixed, kind=RGB), spec)


def test_labels_that_are_there_stay(tmp_path):
    arguments = coco(tmp_path)
    write_panoptic_maps(*arguments)
    with pytest.raises(FileExistsError, match="labels: exists already"):
        write_panoptic_maps(*arguments)


def test_two_maps_of_one_name_are_refused(tmp_path):
    annotations, maps, root = coco(tmp_path)
    content = json.loads(annotations.read_text())
    first = content["annotations"][0]
    content["annotations"].append({**first, "file_name": f"other/{first['file_name']}"})
    annotations.write_text(json.dumps(content))
    with pytest.raises(ClassSpecError, match=r"1 name\(s\) of maps occur more than once, the first "):
        write_panoptic_maps(annotations, maps, root)
    assert not (root / "labels").exists()


def test_other_files_are_refused(tmp_path):
    (tmp_path / "a.json").write_text('{"annotations": [], "images": []}')
    with pytest.raises(ClassSpecError, match="is not COCO's panoptic JSON"):
        write_panoptic_maps(tmp_path / "a.json", tmp_path, tmp_path / "pairs")
    with pytest.raises(ClassSpecError, match="COCO's panoptic file, .*write_panoptic_maps, or give its cat"):
        ClassSpec.load(coco(tmp_path)[0])


def test_cityscapes_own_instance_ids(tmp_path):
    """`_gtFine_instanceIds.png`: 24 person, 26 car; below 1000 the class alone, 0 is unlabeled."""
    write_png(tmp_path / "labels" / "a.png", [[7, 24, 0], [24001, 26000, 26001]], depth=16)
    spec = ClassSpec.load("cityscapes").to_dict()
    spec["stored"]["instances"] = "class or class*1000+n"
    (tmp_path / "classes.json").write_text(json.dumps(spec))
    sample = with_photo(tmp_path, "a", 3, 2)[0]
    assert sample.label_map.tolist() == [[7, 24, 255], [24, 26, 26]]
    assert sample.instance_ids.tolist() == [[7, 24, 0], [24001, 26000, 26001]]


def test_mapillary(tmp_path):
    """Version 1.2: class * 256 + instance in 16 bits; 65 is unlabeled."""
    write_png(tmp_path / "labels" / "a.png", [[13 * 256, 65 * 256], [55 * 256 + 1, 55 * 256 + 2]], depth=16)
    names = [f"class {number}" for number in range(66)]
    rule = {"instances": "class*256+n", "ignore_values": [65]}
    (tmp_path / "classes.json").write_text(json.dumps({"classes": names, "stored": rule}))
    sample = with_photo(tmp_path, "a", 2, 2)[0]
    assert sample.label_map.tolist() == [[13, 255], [55, 55]]
    assert np.unique(sample.instance_ids).tolist() == [13 * 256, 55 * 256 + 1, 55 * 256 + 2, 65 * 256]
