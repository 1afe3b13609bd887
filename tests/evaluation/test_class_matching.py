import json

import numpy as np
import pytest

from dpsims_hub.evaluation.class_matching import match_classes, read_choices
from dpsims_hub.labels import ClassSpec

SPEC = ClassSpec.from_dict(
    {
        "name": "street",
        "classes": [
            {"name": "Road", "aliases": ["asphalt"]},
            {"name": "SignSymbol", "aliases": ["traffic sign"]},
            "Car",
            "Tree",
        ],
    }
)


def names(*labels: str) -> dict[int, str]:
    return dict(enumerate(labels))


def test_by_name_alias_spelling_and_synonym():
    match = match_classes(
        names("car, auto;motorcar", "wall", "Asphalt", "traffic_sign", "road", "sign-symbol"), SPEC
    )
    assert match.table.tolist() == [2, -1, 0, 1, 0, 1]
    assert match.missing == (3,)
    assert match.how == "by name and alias"


def test_ids_become_ours_and_unseen_classes_unknown():
    match = match_classes(names("dog", "car", "road"), SPEC)
    assert match.translate(np.array([[0, 1], [2, 255]])).tolist() == [[-1, 2], [0, -1]]
    assert match.translate(np.array([-1, 3])).tolist() == [-1, -1]
    assert match.visible(np.array([0, 1, 2, 3, 255])).tolist() == [0, 255, 2, 255, 255]


def test_a_file_wins_over_names(tmp_path):
    path = tmp_path / "map.json"
    path.write_text(json.dumps({"dog": "tree", "car": None, "2": 0}))
    match = match_classes(names("dog", "car", "truck"), SPEC, read_choices(path))
    assert match.table.tolist() == [3, -1, 0]
    assert match.how == "by name and alias, and a file"


def test_nameless_classes_are_ours_where_the_number_fits():
    nameless = names(*(f"LABEL_{number}" for number in range(4)))
    assert match_classes(nameless, SPEC).table.tolist() == [0, 1, 2, 3]
    assert "does not name its classes" in match_classes(nameless, SPEC).how
    with pytest.raises(ValueError, match="no name in common"):
        match_classes(names("LABEL_0", "LABEL_1"), SPEC)


def test_nothing_in_common():
    with pytest.raises(ValueError, match=r"\(dog, cat\) and those of street \(Road, .* --segmenter-map"):
        match_classes(names("dog", "cat"), SPEC)


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"bus": "Car"}, r"the segmenter has no class 'bus'; it has dog, cat"),
        ({"dog": "bus"}, r"street has no class 'bus'"),
        ({"dog": 4}, "street has no class 4"),
    ],
)
def test_choices_that_name_nothing(choices, words):
    with pytest.raises(ValueError, match=words):
        match_classes(names("dog", "cat"), SPEC, choices)


@pytest.mark.parametrize("content", ["[1]", '{"dog": 1.5}', '{"dog": true}', '{"dog": ["Car"]}', "{", "\xff"])
def test_files_that_are_no_map(tmp_path, content):
    path = tmp_path / "map.json"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(ValueError, match=r"map\.json: (is not JSON|must hold pairs)"):
        read_choices(path)


def test_a_map_with_a_name_twice_or_in_another_encoding(tmp_path):
    path = tmp_path / "map.json"
    path.write_text('{"dog": "Car", "dog": null}')
    with pytest.raises(ValueError, match=r"map\.json: the key 'dog' stands twice"):
        read_choices(path)
    path.write_text('{"dog": "Car"}', encoding="utf-16")
    assert read_choices(path) == {"dog": "Car"}


def test_no_such_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file"):
        read_choices(tmp_path / "map.json")


def test_ids_need_not_begin_at_zero():
    match = match_classes({1: "road", 3: "tree"}, SPEC)
    assert match.table.tolist() == [-1, 0, -1, 3]
    assert match.translate(np.array([0, 1, 2, 3, 4]))[[0, 2, 4]].tolist() == [-1, -1, -1]
    nameless = {number: f"LABEL_{number}" for number in range(1, SPEC.num_classes + 1)}
    with pytest.raises(ValueError, match="have no name in common"):
        match_classes(nameless, SPEC)
