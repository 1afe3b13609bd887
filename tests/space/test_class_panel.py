"""The panel of classes: search, groups, number keys, recent classes."""

from __future__ import annotations

import pytest

pytest.importorskip("gradio")

from dpsims_hub.labels import ClassSpec  # noqa: E402
from tests.space.script_runner import script_runner  # noqa: E402


@pytest.fixture(scope="module")
def run():
    with script_runner() as runner:
        yield runner


def test_search_finds_what_is_meant_first(run):
    classes = [
        {"id": 0, "name": "Building", "aliases": ["house"]},
        {"id": 1, "name": "Greenhouse", "aliases": []},
        {"id": 2, "name": "house boat", "aliases": ["barge"]},
    ]
    find = "return searchClasses(given[0], given[1]);"
    assert run(find, [classes, " House "]) == [0, 2, 1]
    assert run(find, [classes, "boat ho"]) == [2]
    assert run(find, [classes, "sky"]) == []
    assert run(find, [classes, ""]) == [0, 1, 2]


@pytest.mark.parametrize(
    ("name", "typed", "first"),
    [
        ("outdoor", "dog", "Object"),
        ("outdoor", "clouds", "Sky"),
        ("outdoor", "street", "Road"),
        ("camvid", "human", "Pedestrian"),
        ("camvid", "street", "Road"),
        ("cityscapes", "human", "person"),
        ("cityscapes", "clouds", "sky"),
        ("cityscapes", "cat", "dynamic"),
        ("ade20k", "dog", "animal"),
        ("ade20k", "cat", "animal"),
        ("ade20k", "human", "person"),
        ("ade20k", "clouds", "sky"),
        ("ade20k", "street", "road"),  # not "streetlight"
        ("coco-stuff", "human", "person"),
        ("coco-stuff", "dog", "dog"),  # not "hot dog"
        ("coco-stuff", "street", "road"),  # not "street sign"
    ],
)
def test_words_of_people_find_the_class(run, name, typed, first):
    classes = ClassSpec.load(name).to_dict()["classes"]
    place = run("return searchClasses(given[0], given[1])[0];", [classes, typed])
    assert classes[place]["name"] == first


@pytest.mark.parametrize("name", ["ade20k", "coco-stuff", "cityscapes"])
def test_every_class_of_a_long_list_is_in_one_group(run, name):
    classes = ClassSpec.load(name).to_dict()["classes"]
    script = "return groupClasses(given).map(([title, all]) => [title, all.map((one) => one.name)]);"
    groups = dict(run(script, classes))
    assert sorted(sum(groups.values(), [])) == sorted(one["name"] for one in classes)
    assert len(groups.get("Things", [])) < 0.35 * len(classes)
    members = {"Sky": "sky", "Traffic": "car", "Buildings": "building", "People and animals": "person"}
    for title, member in members.items():
        assert any(one.split("-")[0] == member for one in groups[title])


def test_keys_belong_to_the_classes_of_the_map_and_stay(run):
    classes = [{"id": number} for number in range(30)]
    script = (
        "let slots = [];"
        "const next = (ids) => (slots = nextKeySlots(slots, new Set(ids), given[0])).map((id) => id ?? -1);"
        "return given[1].map(next);"
    )
    maps = [[7, 3, 20], [3, 20, 1], [20, 1, 5, 6], list(range(12))]
    told = run(script, [classes, maps])
    assert told[0] == [3, 7, 20, *[-1] * 7]
    assert told[1] == [3, 1, 20, *[-1] * 7]  # 7 has left, its key is the first free one
    assert told[2] == [5, 1, 20, 6, *[-1] * 6]
    assert told[3] == [5, 1, 0, 6, 2, 3, 4, 7, 8, 9]
    assert run(script, [classes[:8], [[3]]]) == [list(range(8))]


def test_recent_classes_come_first_once(run):
    script = "return given.reduce((recents, id) => withRecent(recents, id), []);"
    assert run(script, [1, 2, 3, 2, 4, 5, 6, 7]) == [7, 6, 5, 4, 2, 3]
