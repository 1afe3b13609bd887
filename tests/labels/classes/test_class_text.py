"""Class lists as texts, YAML and in other encodings, and lists of tools that do not number masks."""

from __future__ import annotations

import json

import pytest

from dpsims_hub.labels import ClassSpec, ClassSpecError

YOLO = b"path: ../data  # root\ntrain: images/a\nval: images/b\nnc: 2\nnames:\n  0: road\n  1: blue sky\n"
READ = [
    ("names.txt", b"road\n\n  blue sky \n"),
    ("labels.txt", b"__ignore__\nroad\nblue sky\n"),  # Labelme: -1 is no class
    ("classes.names", b"road\r\nblue sky\r\n"),
    ("c.txt", b'["road", "blue sky"]'),
    ("data.yaml", YOLO),
    ("data.yml", b"names: [road, blue sky]\n"),
    ("c.json", '["road", "blue sky"]'.encode("utf-16")),  # as PowerShell's > writes
    ("c.json", '["road", "blue sky"]'.encode("utf-16-be")),
    ("c.txt", b"\xef\xbb\xbfroad\nblue sky\n"),
    ("c.txt", "road\nblue sky\n".encode("utf-16")),
    ("c.json", b'{"names": ["road", "blue sky"], "_type": "ClassLabel"}'),
    ("c.json", b'{"num_classes": 2, "names": ["road", "blue sky"], "id": null}'),
]


@pytest.mark.parametrize(("name", "content"), READ)
def test_names_are_read_in_their_order(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    spec = ClassSpec.load(tmp_path / name)
    assert spec.names == ("road", "blue sky")
    assert spec.stored_values == (0, 1)
    assert spec.ignore_values == ()


@pytest.mark.parametrize(
    "names",
    [
        *(["zone 1", "zone 2"], ["wall, house", "car, van"], ["road 2", "sky 7"], ["sky", "zone 7"]),
        *(["rock 'n' roll", "3D model"], ["18 wheeler", "etang"], ["_background_", "\u9053\u8def", "a/b"]),
        *(["type 1 fibre", "sky = water", "road: grey"], ["road car", "sky (blue)", "T-junction"]),
    ],
)
def test_numbers_and_signs_may_be_parts_of_names(tmp_path, names):
    (tmp_path / "l.txt").write_text("\n".join(names))
    assert ClassSpec.load(tmp_path / "l.txt").names == tuple(names)


def test_names_are_found_in_any_unicode_form():
    assert ClassSpec.from_dict(["road", "\u00e9tang"]).class_id("E\u0301tang") == 1


def test_labelmap_of_cvat_has_colours(tmp_path):
    path = tmp_path / "labelmap.txt"
    path.write_text("# label:color_rgb:parts:actions\nbackground:0,0,0::\nroad:128,64,12::\n")
    assert [(info.name, info.rgb) for info in ClassSpec.load(path).classes] == [
        ("background", (0, 0, 0)),
        ("road", (128, 64, 12)),
    ]


CVAT = [{"name": "road", "id": 7, "color": "#b83df5", "type": "any", "attributes": []}]
SUPERVISELY = {"classes": [{"title": "road", "shape": "bitmap", "color": "#b83df5", "id": 9}], "tags": []}
FEATURES = {"features": {"label": {"names": ["road"], "_type": "ClassLabel"}}, "splits": []}
REFUSED = [
    ("c.json", json.dumps(CVAT), "CVAT's list of labels, whose ids are not those of masks; export"),
    ("meta.json", json.dumps(SUPERVISELY), "Supervisely's meta.json, which does not say the numbers"),
    ("a.json", json.dumps({"shapes": [], "imagePath": "a.jpg"}), "one picture by Labelme; give its labels"),
    ("i.json", json.dumps(FEATURES), "the description of a data set of `datasets`; of its ClassLabel write"),
    ("data.yaml", "nc: 3\nnames: [road, sky]\n", "has 2 names and says that there are 3"),
    ("data.yaml", "names:\n  0: a\n  0: b\n", "the key 0 stands twice"),
    ("data.yaml", "names: [a", "is not valid YAML"),
    ("data.yaml", "names: [a]\ntrian: x\n", "'trian' is no known key; did you mean 'train'?"),
    ("data.yaml", "? [a]\n: b\n", "is not valid YAML"),
    ("l.txt", "", "is not valid text but empty"),
    ("l.yaml", "- road\n- 12:30\n", "line 2: YAML reads 12:30 as the number 750"),
    ("l.yaml", "names:\n  00: a\n", "line 2: YAML reads 00 as the number 0; write a number without zeros"),
    ("l.yaml", "names: {0: a, 0x1: b}\n", "line 1: YAML reads 0x1 as the number 1"),
    ("l.yaml", "a: &a {0: a}\nnames:\n  <<: *a\n  1: b\n", "holds YAML's merge key <<, which is not read"),
    (
        "c.json",
        '["\\ud800", "b"]',
        "class 0: its name '\\ud800' has half a character, '\\ud800'; take it out",
    ),
    ("c.json", '[{"name": "a", "aliases": ["\\udfff"]}]', "'\\udfff' has half a character"),
    ("c.json", '{"name": "x\\ud9ff", "classes": ["a"]}', "class list 'x\\ud9ff' has half a character"),
    ("c.json", '["a\\u200b"]', "its name 'a\\u200b' has the control character '\\u200b'"),
    ("l.txt", "road\n__ignore__\n", "__ignore__ must be the first line"),
    ("l.txt", b"stra\xdfe\n", "is not valid text in UTF-8; save it as UTF-8"),
    ("l.yaml", "&a [*a]\n", "an entry holds itself"),
    ("l.yaml", "- road\n- no\n", "not bool; in YAML write yes, no, on and off in quotes"),
    ("c.json", '["e\\u0301", "\\u00e9"]', "1 name(s) are given to two classes"),
    ("c.json", '[{"name": "a", "isthing": 1, "kind": "stuff"}]', "kind and isthing contradict each other"),
    ("c.json", '[{"name": "a", "isthing": 1, "stuff": 1}]', "stuff and isthing contradict each other"),
    ("c.csv", "name,r,g,b\nroad,1,2,3\n", "class lists are .json, .yaml or .txt files"),
    ("c.xml", "<a/>", "class lists are .json, .yaml or .txt files"),
]


@pytest.mark.parametrize(("name", "content", "words"), REFUSED, ids=[case[2] for case in REFUSED])
def test_what_is_no_list_of_ids_is_one_sentence(tmp_path, name, content, words):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ClassSpecError) as caught:
        ClassSpec.load(path)
    assert words in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


CATEGORIES = [{"id": 1, "name": "road"}, {"id": 2, "name": "sky"}]
CONTRADICTIONS = [
    ({"categories": CATEGORIES, "stored": {"offset": 0}}, "the ids of the categories, 1 to 2, are what"),
    ({"classes": CATEGORIES, "stored": {"offset": 0}}, "the ids begin with 1, as files store them"),
    ({"classes": CATEGORIES, "stored": {"values": [1, 2]}}, '"values" of "stored" gives other numbers'),
    ({"classes": {"1": "road", "2": "sky"}, "stored": {"offset": 1}}, "leave 'offset' out and add"),
    (
        {"classes": ["a", "b"], "stored": {"values": [0, 255], "ignore_values": [255]}},
        '255 is in the "values" of "stored" and in what means unknown',
    ),
    ({"classes": ["road"], "stored": {"ofset": 1}}, "'ofset' is no known key; did you mean 'offset'?"),
    ({"classes": ["road"], "stored": {"offset": 1, "ignore_value": [0]}}, "did you mean 'ignore_values'?"),
    ({"classes": ["road"], "stored": {"instance": "class*256+n"}}, "did you mean 'instances'?"),
]


@pytest.mark.parametrize(("content", "words"), CONTRADICTIONS, ids=[words for _, words in CONTRADICTIONS])
def test_a_rule_that_contradicts_the_list_is_named(tmp_path, content, words):
    (tmp_path / "classes.json").write_text(json.dumps(content))
    with pytest.raises(ClassSpecError) as caught:
        ClassSpec.load(tmp_path)
    assert words in str(caught.value)


@pytest.mark.parametrize("rule", [{"offset": 1}, {"instances": "class*256+n"}, {"ignore_values": [7]}, {}])
def test_categories_keep_their_ids_beside_the_rest_of_a_rule(rule):
    spec = ClassSpec.from_dict({"categories": CATEGORIES, "stored": rule})
    assert spec.stored_values == (1, 2)
    assert spec.ignore_values == tuple(rule.get("ignore_values", [0]))
    assert spec.instance_coding == rule.get("instances", "")


@pytest.mark.parametrize("separator", ["\u2028", "\x85"])
def test_only_ends_of_lines_end_a_name(tmp_path, separator):
    path = tmp_path / "l.txt"
    path.write_text(f"road{separator}wet\nsky\n", encoding="utf-8")
    try:
        names = ClassSpec.load(path).names
    except ClassSpecError:
        return  # refused as a control character
    assert names == (f"road{separator}wet", "sky")
