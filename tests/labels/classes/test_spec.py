from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from dpsims_hub.labels import ClassInfo, ClassSpec, ClassSpecError
from dpsims_hub.labels.classes.class_file import spread_colours
from dpsims_hub.labels.classes.spec import BUILT_IN
from dpsims_hub.storage.stored_settings import MAX_JSON_BYTES

SHARED = Path(__file__).parents[3].parent / "shared" / "data"


def load(tmp_path, content) -> ClassSpec:
    path = tmp_path / "classes.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return ClassSpec.load(path)


@pytest.mark.parametrize(
    ("name", "count", "first", "last"),
    [
        ("ade20k", 150, "wall", "flag"),
        ("camvid", 11, "Sky", "Bicyclist"),
        ("cityscapes", 34, "unlabeled", "bicycle"),
        ("coco-stuff", 182, "person", "wood"),
        ("outdoor", 8, "Sky", "Object"),
    ],
)
def test_built_in_lists_have_the_classes_of_their_data_sets(name, count, first, last):
    spec = ClassSpec.load(name)
    assert (spec.name, spec.num_classes, spec.names[0], spec.names[-1]) == (name, count, first, last)
    assert spec.ignore_index == 255
    assert spec.palette.shape == (count, 3)
    assert spec.palette.dtype == np.uint8
    assert spec.id2label[count - 1] == last


def test_built_in_names_are_forgiving_about_case_and_underscore():
    assert ClassSpec.load("COCO_Stuff") == ClassSpec.load("coco-stuff")


@pytest.mark.parametrize(
    ("name", "folder"),
    list(zip(BUILT_IN, ["ade20k", "camvid", "cityscapes", "coco_stuff", "outdoor"], strict=True)),
)
def test_built_in_colours_are_those_of_the_shared_facts(name, folder):
    path = SHARED / folder / "classes.json"
    if not path.exists():
        pytest.skip("no shared data beside this repository")
    facts = {entry["id"]: entry for entry in json.loads(path.read_text())}
    for info in ClassSpec.load(name).classes:
        assert list(info.rgb) == facts[info.id]["rgb"], info
        assert info.name.split()[0] == facts[info.id]["name"].split()[0]


def test_known_facts_of_the_built_in_lists():
    ade, city, coco = (ClassSpec.load(name) for name in ("ade20k", "cityscapes", "coco-stuff"))
    assert (
        ade.classes[ade.class_id("road")].rgb
        == ade.classes[ade.class_id("skyscraper")].rgb
        == (140, 140, 140)
    )
    assert [info.id for info in city.classes if info.kind == "thing"] == list(range(24, 34))
    assert [info.id for info in coco.classes if info.kind == "thing"] == list(range(91))
    assert ClassSpec.load("camvid").class_id("sidewalk") == ClassSpec.load("camvid").class_id("PAVEMENT") == 4


@pytest.mark.parametrize("name", BUILT_IN)
def test_round_trip_through_json_is_exact(name):
    spec = ClassSpec.load(name)
    again = ClassSpec.from_dict(json.loads(json.dumps(spec.to_dict())))
    assert again == spec
    assert pickle.loads(pickle.dumps(spec)) == spec
    assert {type(key) for key in again.id2label} == {int}


@pytest.mark.parametrize(
    ("content", "names", "values"),
    [
        (["road", "sky"], ("road", "sky"), (0, 1)),
        ({"1": "sky", "0": "road"}, ("road", "sky"), (0, 1)),
        ([{"id": 1, "name": "sky"}, {"id": 0, "name": "road"}], ("road", "sky"), (0, 1)),
        ([{"name": "road"}, {"name": "sky"}], ("road", "sky"), (0, 1)),
        ({"name": "mine", "classes": ["road", "sky"], "stored": {"offset": 1}}, ("road", "sky"), (1, 2)),
        ({"classes": ["road", "sky"], "stored": {"values": [7, 3]}}, ("road", "sky"), (7, 3)),
        (
            [{"id": 0, "name": "void", "ignore": True}, {"id": 1, "name": "a"},
             {"id": 2, "name": "x", "ignore": True}, {"id": 3, "name": "b"},
             {"id": 255, "name": "none", "ignore": True}],
            ("a", "b"),
            (1, 3),
        ),
    ],
)  # fmt: skip
def test_every_form_of_a_class_file(tmp_path, content, names, values):
    spec = load(tmp_path, content)
    assert spec.names == names
    assert spec.stored_values == values
    assert ClassSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


def test_ignored_entries_become_values_and_colours_of_unknown(tmp_path):
    spec = load(
        tmp_path,
        [
            {"id": 0, "name": "void", "ignore": True, "rgb": [1, 2, 3]},
            {"id": 1, "name": "a", "color": "#0a0B0c", "isthing": 1},
            {"id": 2, "name": "border", "ignore": True, "rgb": [4, 5, 6]},
        ],
    )
    assert spec.ignore_values == (0, 2)
    assert (spec.ignore_rgb, spec.extra_ignore_rgbs) == ((1, 2, 3), ((4, 5, 6),))
    assert spec.classes == (ClassInfo(0, "a", (), (10, 11, 12), "thing"),)


def test_a_file_in_a_folder_takes_the_folder_name(tmp_path):
    (tmp_path / "harbour").mkdir()
    (tmp_path / "harbour" / "classes.json").write_text('\ufeff["ship", "quay"]', encoding="utf-8")
    assert ClassSpec.load(tmp_path / "harbour").name == "harbour"


def test_missing_colours_are_distinct_and_never_a_given_one(tmp_path):
    content = [{"id": i, "name": f"c{i}"} for i in range(300)]
    content[7]["rgb"] = [128, 0, 0]  # the first colour that would be made
    spec = load(tmp_path, content)
    colours = {*map(tuple, spec.palette.tolist()), spec.ignore_rgb}
    assert len(colours) == 301
    assert spec.classes[7].rgb == (128, 0, 0)
    assert spec == load(tmp_path, content)


def test_made_colours_are_the_pascal_voc_map():
    # The first entries of that map as published with the VOC development kit.
    assert spread_colours(5, []) == [(128, 0, 0), (0, 128, 0), (128, 128, 0), (0, 0, 128), (128, 0, 128)]
    assert spread_colours(8, [])[-1] == (64, 0, 0)
    assert len(set(spread_colours(65535, []))) == 65535


def test_unknown_is_painted_in_a_colour_of_its_own(tmp_path):
    spec = load(tmp_path, [{"id": 0, "name": "background", "rgb": [0, 0, 0]}, {"id": 1, "name": "a"}])
    assert spec.ignore_rgb not in {info.rgb for info in spec.classes}


def test_many_classes_get_16_bits_and_another_unknown_value(tmp_path):
    assert load(tmp_path, [f"c{i}" for i in range(255)]).dtype == np.uint8
    spec = load(tmp_path, [f"c{i}" for i in range(256)])
    assert (spec.ignore_index, spec.dtype) == (65535, np.uint16)
    assert load(tmp_path, [f"c{i}" for i in range(65535)]).num_classes == 65535


def test_names_win_over_aliases_and_earlier_aliases_over_later(tmp_path):
    spec = load(
        tmp_path,
        [
            {"name": "hill", "aliases": ["Rock", "peak"]},
            {"name": "rock", "aliases": []},
            {"name": "c", "aliases": ["peak"]},
        ],
    )
    assert (spec.class_id("ROCK"), spec.class_id("peak"), spec.class_id(" c ")) == (1, 0, 2)
    with pytest.raises(KeyError, match="no class called 'lava'"):
        spec.class_id("lava")
    assert (spec.find("lava"), spec.find("ROCK")) == (None, 1)


BAD_FILES = [
    ("{", "not valid JSON"),
    ("[" * 100_000, "not valid JSON"),
    ("3", "must be a list or a mapping"),
    ("null", "not nothing"),
    ([], "holds no class"),
    ([{"id": 0, "name": "a", "ignore": True}], "holds no class"),
    ([3], "a class must be a name or an object"),
    ([{"id": 0}], "needs a name"),
    ([{"id": 0, "name": " "}], "needs a name"),
    ([{"id": 0, "name": "a"}, {"name": "b"}], "class 'b' has no id"),
    ([{"id": "0", "name": "a"}], "id of class 'a' must be an integer, not '0'"),
    ([{"id": True, "name": "a"}], "must be an integer"),
    ([{"id": 1.0, "name": "a"}], "must be an integer"),
    ([{"id": 0, "name": "a"}, {"id": 0, "name": "b"}], "id 0 is given to both 'a' and 'b'"),
    ([{"id": -1, "name": "a"}], "id -1 of 'a' is outside"),
    ([{"id": 1, "name": "a"}, {"id": 2, "name": "b"}], "id 0 is missing below 2"),
    ([{"id": 0, "name": "a"}, {"id": 2, "name": "b"}], "id 1 is missing below 2"),
    (["road", "Road"], "given to two classes, first 'road'"),
    ([{"name": "a", "rgb": [1, 2]}], "colour must be three integers"),
    ([{"name": "a", "rgb": [1, 2, 256]}], "colour must be three integers"),
    ([{"name": "a", "rgb": [1.0, 2, 3]}], "colour must be three integers"),
    ([{"name": "a", "rgb": "#12345g"}], "colour must be three integers"),
    ([{"name": "a", "rgb": {"r": 1}}], "colour must be three integers"),
    ([{"name": "a", "aliases": "b"}], "aliases must be a list of texts"),
    ([{"name": "a", "kind": "object"}], 'kind must be "thing", "stuff"'),
    ({"first": "a"}, "'first' is not a class id"),
    ({"0": 5}, "a class must be a name or an object"),
    ({"name": 5, "classes": ["a"]}, "name of a class list must be a text"),
    ({"classes": ["a"], "ignore_index": 0}, "ignore_index 0 must lie outside"),
    ({"classes": ["a"], "ignore_index": 65536}, "at most 65535"),
    ({"classes": ["a"], "ignore_index": "x"}, "ignore_index must be an integer"),
    ({"classes": ["a"], "stored": 3}, '"stored" must be an object'),
    ({"classes": ["a"], "stored": {}}, 'either "offset" or "values"'),
    ({"classes": ["a"], "stored": {"offset": -1}}, "stored value -1 is outside"),
    ({"classes": ["a"], "stored": {"values": [1, 2]}}, "2 stored values for 1 classes"),
    ({"classes": ["a", "b"], "stored": {"values": [1, 1]}}, "same stored value"),
    ({"classes": ["a"], "stored": {"values": 1}}, "must be a list of integers"),
    ({"classes": ["a"], "stored": {"offset": 0, "ignore_values": [99999]}}, "stored value 99999 is outside"),
    ({"classes": [{"id": 0, "name": "v", "ignore": True}, {"id": 1, "name": "a"}], "stored": {"offset": 0}},
     "the ids begin with 1, as files store them"),
    ({"classes": ["a"], "extra_ignore_rgbs": 3}, "must be a list of colours"),
    ([f"c{i}" for i in range(65537)], "id 65536"),
    ([f"c{i}" for i in range(65536)], "65536 classes, more than the 65535"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "message"), BAD_FILES, ids=[message for _, message in BAD_FILES])
def test_a_bad_class_file_is_one_sentence_that_names_the_file(tmp_path, content, message):
    with pytest.raises(ClassSpecError) as caught:
        load(tmp_path, content)
    text = str(caught.value)
    assert message in text
    assert str(tmp_path / "classes.json") in text
    assert "\n" not in text
    assert len(text) < 400


def test_a_huge_file_is_refused_before_it_is_read(tmp_path):
    with (tmp_path / "classes.json").open("wb") as file:
        file.truncate(MAX_JSON_BYTES + 1)
    with pytest.raises(ClassSpecError, match="larger than 16 MiB"):
        ClassSpec.load(tmp_path)


def test_what_is_not_there_names_the_choices(tmp_path):
    with pytest.raises(
        FileNotFoundError, match="neither a built-in class list .*ade20k.* nor a classes.json"
    ):
        ClassSpec.load("pascal")
    with pytest.raises(FileNotFoundError, match="classes.json"):
        ClassSpec.load(tmp_path)


def test_not_utf8_is_one_sentence(tmp_path):
    (tmp_path / "classes.json").write_bytes(b'["stra\xdfe"]')
    with pytest.raises(ClassSpecError, match="not valid JSON"):
        ClassSpec.load(tmp_path)


def test_the_id_table_by_hand():
    spec = ClassSpec("t", (ClassInfo(0, "a"), ClassInfo(1, "b")), stored_values=(3, 1), ignore_values=(0, 7))
    stored, plain = spec.id_table(stored=True), spec.id_table(stored=False)
    assert [int(stored[v]) for v in (0, 1, 2, 3, 7, 255)] == [255, 1, -1, 0, 255, 255]
    assert [int(plain[v]) for v in (0, 1, 2, 3, 7, 255)] == [0, 1, -1, -1, -1, 255]


def test_files_that_hold_ids_need_no_flag():
    for name in ("camvid", "coco-stuff", "cityscapes"):
        spec = ClassSpec.load(name)
        assert spec.stores_ids
        assert (spec.id_table(stored=True) == spec.id_table(stored=False)).all()
    assert not ClassSpec.load("ade20k").stores_ids
