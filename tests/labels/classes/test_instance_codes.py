"""Class and object in one number: read by a rule, named without one."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from dpsims_hub.labels import ClassSpec, FolderDataset, LabelMapError, read_label_map
from dpsims_hub.labels.sources.data_source import DataSource
from dpsims_hub.labels.sources.layouts import list_pairs
from dpsims_hub.labels.sources.shards import ShardOptions, write_shards
from tests.labels.png_files import RGB, write_png

CLASSES = [{"id": 0, "name": "road"}, {"id": 1, "name": "sky"}, {"id": 2, "name": "car", "kind": "thing"}]
CODES = {
    "class*1000+n": [[0, 0, 1000], [2001, 2002, 2999]],
    "class*256+n": [[0, 3, 256], [513, 514, 767]],
    "class or class*1000+n": [[0, 0, 1], [2001, 2002, 255]],
}
IDS = {
    "class*1000+n": [[0, 0, 1], [2, 2, 2]],
    "class*256+n": [[0, 0, 1], [2, 2, 2]],
    "class or class*1000+n": [[0, 0, 1], [2, 2, 255]],
}


def spec_of(coding: str, **more) -> ClassSpec:
    return ClassSpec.from_dict({"classes": CLASSES, "stored": {"instances": coding, **more}})


def as_colours(rows):
    return [[part for value in row for part in (value & 255, value >> 8 & 255, value >> 16)] for row in rows]


@pytest.mark.parametrize("coding", CODES)
def test_grey_and_colour(tmp_path, coding):
    spec, rows = spec_of(coding), CODES[coding]
    grey = write_png(tmp_path / "g.png", rows, depth=16)
    colour = write_png(tmp_path / "c.png", as_colours(rows), kind=RGB)
    for source in (grey, colour, np.array(rows)):
        assert read_label_map(source, spec, stored=True).tolist() == IDS[coding]
    assert read_label_map([[0, 2, 255]], spec).tolist() == [[0, 2, 255]]  # plain ids are plain ids
    assert ClassSpec.from_dict(spec.to_dict()) == spec
    assert not spec.stores_ids


def test_the_class_part_follows_the_rest_of_the_rule():
    """Mapillary's class 65 is unlabeled; a panoptic data set may count its classes from 1."""
    assert read_label_map([[65 * 256]], spec_of("class*256+n", ignore_values=[65]), stored=True) == [[255]]
    spec = spec_of("class*1000+n", offset=1, ignore_values=[0])
    assert read_label_map([[3007, 1000, 0]], spec, stored=True).tolist() == [[2, 0, 255]]
    with pytest.raises(LabelMapError, match=r"m \(class of class\*1000\+n\): value 9 on 2 of 3 px"):
        read_label_map([[9001, 9002, 1000]], spec, stored=True, name="m")


def test_maps_without_room_for_objects_are_refused(tmp_path):
    """Ids of 8 bits would all be objects of class 0."""
    path = write_png(tmp_path / "m.png", [[0, 1, 2]])
    with pytest.raises(LabelMapError, match="8 bits a pixel, too few"):
        read_label_map(path, spec_of("class*1000+n"), stored=True)
    assert read_label_map(path, spec_of("class or class*1000+n"), stored=True).tolist() == [[0, 1, 2]]


@pytest.mark.parametrize(
    ("coding", "numbers", "words"),
    [
        ("class*1000+n", [[1, 1, 2001]], 'number 1 is below 1000 .* write "stored": {"instances": "class or'),
        ("class*1000+n", [[0, 259, 515]], "number 259 is below 1000"),  # coded by 256
        ("class*256+n", [[0, 1, 2]], "no number reaches 256"),
    ],
)
def test_numbers_that_would_all_be_class_0_are_refused(coding, numbers, words):
    with pytest.raises(LabelMapError, match=words):
        read_label_map(np.array(numbers), spec_of(coding), stored=True)


def test_a_class_0_with_objects_may_be_alone_beside_others():
    assert read_label_map([[3, 256 + 1]], spec_of("class*256+n"), stored=True).tolist() == [[0, 1]]
    assert read_label_map([[0, 0]], spec_of("class*1000+n"), stored=True).tolist() == [[0, 0]]


def test_the_advice_leads_with_the_rule_that_keeps_classes_alone():
    with pytest.raises(LabelMapError, match=r'"instances": "class or class\*1000\+n"'):
        read_label_map([[1, 2001, 0]], ClassSpec.from_dict({"classes": CLASSES}), stored=True)


def test_transparent_numbers_are_refused():
    image = Image.new("RGBA", (2, 1), (7, 0, 0, 128))
    with pytest.raises(LabelMapError, match="transparent"):
        read_label_map(image, spec_of("class*1000+n"), stored=True)


@pytest.mark.parametrize("source_kind", ["folder", "table", "stream"])
@pytest.mark.parametrize("kind", ["grey", "colour"])
def test_every_data_source_gives_classes_and_objects_from_one_file(tmp_path, source_kind, kind):
    root, rows = tmp_path / "pairs", CODES["class*1000+n"]
    write_png(root / "images" / "a.png", [[0] * 9] * 2, kind=RGB)
    options = {"depth": 16} if kind == "grey" else {"kind": RGB}
    write_png(root / "labels" / "a.png", rows if kind == "grey" else as_colours(rows), **options)
    content = {"classes": CLASSES, "stored": {"instances": "class*1000+n"}}
    (root / "classes.json").write_text(json.dumps(content))
    data = FolderDataset(root)
    if source_kind != "folder":
        write_shards(list_pairs(root), data.spec, tmp_path / "out", ShardOptions(num_shards=1))
        cache = str(tmp_path / "cache")
        data = DataSource(
            name=str(tmp_path / "out"), streaming=source_kind == "stream", cache_dir=cache
        ).open()
    sample = data.sample(next(iter(data.rows))) if source_kind == "stream" else data[0]
    assert data.has_instances
    assert sample.label_map.tolist() == IDS["class*1000+n"]
    assert sample.instance_ids.tolist() == rows


HINTS = [
    ([[1, 1001, 2001]], "look like class or class*1000+n, class and object in one; to read both, write"),
    ([[1, 257, 513]], "look like class*256+n"),
    ([[1000, 1001, 2001]], '"instances": "class*1000+n"'),
]


@pytest.mark.parametrize(("rows", "words"), HINTS)
def test_the_coding_is_named(rows, words):
    spec = ClassSpec.from_dict({"classes": CLASSES})
    with pytest.raises(LabelMapError) as caught:
        read_label_map(rows, spec)
    assert words in str(caught.value)
    with pytest.raises(LabelMapError, match="65536 blue the numbers look like class"):
        read_label_map(np.array(as_colours(rows), np.uint8).reshape(1, 3, 3), spec)


@pytest.mark.parametrize("rows", [[[0, 1, 3]], [[0, 999]], [[3000, 0]], [[0, 2**40]], [[2**63]]])
def test_no_coding_is_seen_where_there_is_none(rows):
    with pytest.raises(LabelMapError) as caught:
        read_label_map(np.array(rows, dtype=np.uint64), ClassSpec.from_dict({"classes": CLASSES}))
    assert "look like class" not in str(caught.value)
