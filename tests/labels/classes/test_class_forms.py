"""Class lists of other tools, and keys that nobody reads."""

from __future__ import annotations

import json

import pytest

from dpsims_hub.labels import ClassSpec, ClassSpecError, read_label_map
from tests.labels.png_files import write_png

COLOURS = [[128, 64, 128], [70, 130, 180]]


def load(folder, content) -> ClassSpec:
    (folder / "classes.json").write_text(json.dumps(content))
    return ClassSpec.load(folder)


def test_metainfo_of_mmsegmentation(tmp_path):
    for keys in (("classes", "palette"), ("CLASSES", "PALETTE")):
        spec = load(tmp_path, dict(zip(keys, (["road", "sky"], COLOURS), strict=True)))
        assert spec.names == ("road", "sky")
        assert [info.rgb for info in spec.classes] == [(128, 64, 128), (70, 130, 180)]


def test_a_palette_goes_by_id(tmp_path):
    spec = load(tmp_path, {"classes": {"1": "sky", "0": "road"}, "palette": [[1, 1, 1], [2, 2, 2]]})
    assert [(info.name, info.rgb) for info in spec.classes] == [("road", (1, 1, 1)), ("sky", (2, 2, 2))]


@pytest.mark.parametrize(
    "content",
    [
        {"id2label": {"0": "road", "1": "sky"}},
        {"label2id": {"sky": 1, "road": 0}},
        {"id2label": {"0": "road", "1": "sky"}, "label2id": {"sky": 1, "road": 0}},
        {"sky": 1, "road": 0},
        {"model_type": "segformer", "hidden_sizes": [1], "id2label": {"0": "road", "1": "sky"}},
        {"id2label": {"0": "road", "1": "sky"}, "ignore_index": 255, "name": "x"},
    ],
)
def test_labels_of_transformers(tmp_path, content):
    spec = load(tmp_path, content)
    assert spec.names == ("road", "sky")
    assert spec.stores_ids
    assert spec.ignore_index == 255


def test_categories_of_coco(tmp_path):
    """Ids begin with 1 and have gaps; files store them, and 0 is nothing."""
    categories = [
        {"id": 7, "name": "train", "supercategory": "vehicle", "isthing": 1, "color": [9, 9, 9]},
        {"id": 1, "name": "person", "supercategory": "person", "isthing": 1},
        {"id": 92, "name": "banner", "isthing": 0},
    ]
    spec = load(tmp_path, {"info": {}, "images": [], "annotations": [], "categories": categories})
    assert spec.names == ("person", "train", "banner")
    assert [info.kind for info in spec.classes] == ["thing", "thing", "stuff"]
    assert spec.classes[1].rgb == (9, 9, 9)
    path = write_png(tmp_path / "m.png", [[1, 7, 92, 0]])
    assert read_label_map(path, spec, stored=True).tolist() == [[0, 1, 2, 255]]
    with pytest.raises(ValueError, match="value 2 on 1 of 1 px"):
        read_label_map(write_png(tmp_path / "n.png", [[2]]), spec, stored=True)
    assert ClassSpec.from_dict(spec.to_dict()) == spec


def test_categories_that_begin_with_0(tmp_path):
    spec = load(tmp_path, {"categories": [{"id": 1, "name": "b"}, {"id": 0, "name": "a"}]})
    assert spec.names == ("a", "b")
    assert read_label_map(write_png(tmp_path / "m.png", [[0, 1]]), spec, stored=True).tolist() == [[0, 1]]


REFUSED = [
    ({"classes": ["a", "b"], "ignore_idx": 7}, "'ignore_idx' is no known key; did you mean 'ignore_index'?"),
    ({"classes": ["a", "b"], "wheels": 4}, "'wheels' is no known key; known are name, classes"),
    ([{"name": "a", "colour": [1, 2, 3]}], "class 0: 'colour' is no known key; did you mean 'color'?"),
    ({"classes": ["a"], "stored": {"offset": 1, "ignored": [0]}}, "'ignored' is no known key"),
    ({"classes": ["a"], "stored": {"offset": 0, "values": [1]}}, 'either "offset" or "values", not both'),
    ({"classes": ["a", "b"], "palette": [[1, 2, 3]]}, "palette has 1 colours for 2 classes"),
    ({"classes": [{"name": "a", "rgb": [0, 0, 1]}], "palette": [[1, 2, 3]]}, "leave one of them out"),
    ({"classes": ["a"], "palette": {"a": [1, 2, 3]}}, "must be lists of one length"),
    ({"classes": {"a": 0.0}, "palette": [[1, 2, 3]]}, "need ids as keys"),
    ({"id2label": {"0": "a"}, "label2id": {"b": 0}}, "contradict each other"),
    ({"id2label": {"0": "a"}, "hidden": 1}, "'hidden' is no known key"),
    ({"label2id": {"a": 0, "b": 0}}, "'a' is not a class id"),
    ({"categories": [{"name": "a"}]}, "needs an id that is an integer"),
    (
        {"categories": [{"id": 1, "name": "a"}], "image": []},
        "did you mean 'images'?",
    ),
    ({"categories": [{"id": 3, "name": "a"}, {"id": 3, "name": "b"}]}, "same stored value"),
    ({"num_classes": 3}, "has 'num_classes' and no classes; write the names as {\"classes\": ["),
    ({"nc": 1, "ignore_index": 0}, "has 'nc' and no classes"),  # numbers 0 and 1, but no two classes
    ({"stored": {"offset": 1}}, "has 'stored' and no classes"),
    ({"0": "a", "1": "b", "ignore_index": 255}, "has 'ignore_index' beside ids"),
    ({"class_names": ["a", "b"]}, "'class_names' is no known key; write the names as"),
    ({"1_0": "a"}, "'1_0' is not a class id"),  # Python's int() reads 10
]


@pytest.mark.parametrize(("content", "words"), REFUSED, ids=[words for _, words in REFUSED])
def test_what_is_refused(tmp_path, content, words):
    with pytest.raises(ClassSpecError) as caught:
        load(tmp_path, content)
    assert words in str(caught.value)
    assert str(tmp_path / "classes.json") in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["classes", "names"])
def test_names_with_ids_may_lie_under_a_key(tmp_path, key):
    assert load(tmp_path, {key: {"sky": 1, "road": 0}}).names == ("road", "sky")


def test_names_of_files_and_settings_of_other_tools_may_be_classes(tmp_path):
    assert load(tmp_path, {"path": 1, "train": 0, "name": 2}).names == ("train", "path", "name")


@pytest.mark.parametrize("text", ["0.0: road\n1.7: sky", "false: road\ntrue: sky"])
def test_keys_of_yaml_that_only_look_like_ids(tmp_path, text):
    path = tmp_path / "classes.yaml"
    path.write_text(text)
    with pytest.raises(ClassSpecError, match="is not a class id"):
        ClassSpec.load(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"0": "road", "0": "sky", "1": "car"}', "the key '0' stands twice"),
        ('{"classes": ["a"], "classes": ["b"]}', "the key 'classes' stands twice"),
        ('[{"id": 0, "name": "a", "ignore": "false"}]', "ignore must be true or false, not 'false'"),
        ('[{"id": 0, "name": "a", "isthing": "0"}]', "isthing must be true or false, not '0'"),
        ('[{"id": 0, "name": "a", "rgb": [1, 2, 3], "color": [3, 2, 1]}]', "rgb and color differ"),
    ],
)
def test_what_json_or_python_would_hide_is_refused(tmp_path, text, words):
    (tmp_path / "classes.json").write_text(text)
    with pytest.raises(ClassSpecError, match=words):
        ClassSpec.load(tmp_path)


def test_truth_as_tools_write_it(tmp_path):
    entries = [{"id": 0, "name": "a", "isthing": 1}, {"id": 1, "name": "b", "isthing": 0, "ignore": None}]
    assert [info.kind for info in load(tmp_path, entries).classes] == ["thing", "stuff"]
