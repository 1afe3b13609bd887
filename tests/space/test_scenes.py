from __future__ import annotations

import numpy as np
import pytest

from dpsims_hub.labels import ClassSpec
from dpsims_hub.space.scene_book import SCENES
from dpsims_hub.space.scene_parts import NAMES, Part, Scene
from dpsims_hub.space.scenes import MOST, draw_bands, draw_scene, draw_scenes, find_class, is_possible

THREE = ClassSpec.from_dict({"name": "three", "classes": ["alpha", "beta", "gamma"]})


@pytest.mark.parametrize("name", ["ade20k", "coco-stuff", "cityscapes", "camvid"])
@pytest.mark.parametrize("size", [(256, 256), (256, 512), (96, 128)])
def test_every_class_list_has_six_different_scenes(name: str, size: tuple[int, int]) -> None:
    spec = ClassSpec.load(name)
    scenes = draw_scenes(spec, size)
    assert 6 <= len(scenes) <= MOST
    assert len({title for title, _ in scenes}) == len(scenes)
    for title, label_map in scenes:
        assert label_map.shape == size
        assert label_map.dtype == spec.dtype
        assert label_map.max() < spec.num_classes, title
        assert len(np.unique(label_map)) >= 4, title
    shares = [np.bincount(one.ravel(), minlength=spec.num_classes) / one.size for _, one in scenes]
    assert min(np.abs(a - b).sum() for i, a in enumerate(shares) for b in shares[:i]) > 0.03


@pytest.mark.parametrize("name", ["ade20k", "coco-stuff", "cityscapes"])
def test_scenes_have_the_sky_above_the_ground(name: str) -> None:
    spec = ClassSpec.load(name)
    outdoors = [label_map for title, label_map in draw_scenes(spec, (64, 64)) if "room" not in title]
    for label_map in outdoors:
        assert (label_map[:4] == spec.class_id("sky")).mean() > 0.4
        assert spec.class_id("sky") not in label_map[48:]


def test_a_part_fills_the_per_cents_that_it_names() -> None:
    parts = (
        Part("alpha", "box", ((0, 0), (100, 100))),
        Part("nobody|beta", "box", ((50, 0), (100, 25))),
        Part("gamma", "area", ((0, 50), (100, 50), (100, 100), (0, 100))),
        Part("nobody", "box", ((0, 0), (100, 100))),
    )
    drawn = draw_scene(Scene("test", ("alpha",), parts), THREE, (40, 80))
    wanted = np.zeros((40, 80), dtype=int)
    wanted[:10, 40:] = 1
    wanted[20:] = 2
    np.testing.assert_array_equal(drawn, wanted)


def test_an_oval_has_the_area_of_an_ellipse() -> None:
    parts = (Part("alpha", "box", ((0, 0), (100, 100))), Part("beta", "oval", ((10, 20), (60, 80))))
    drawn = draw_scene(Scene("test", (), parts), THREE, (400, 300))
    assert (drawn == 1).mean() == pytest.approx(np.pi / 4 * 0.5 * 0.6, rel=0.02)
    rows, columns = np.nonzero(drawn == 1)
    assert rows.min() == 80
    assert rows.max() == 319
    assert columns.min() == 30
    assert columns.max() == 179


def test_a_scene_needs_a_class_of_its_own_for_each_part() -> None:
    parts = (Part("alpha", "box", ((0, 0), (100, 100))),)
    assert is_possible(Scene("test", ("alpha|beta", "gamma"), parts), THREE)
    assert not is_possible(Scene("test", ("alpha", "delta"), parts), THREE)
    assert not is_possible(Scene("test", ("delta|beta", "beta|alpha"), parts), THREE)


def test_names_are_tried_in_their_order() -> None:
    spec = ClassSpec.load("cityscapes")
    assert find_class("river|grass|sky", spec) == spec.class_id("terrain")
    assert find_class("river|lake", spec) is None


@pytest.mark.parametrize("count", [1, 2, 3, 7, 300])
def test_unknown_classes_make_bands(count: int) -> None:
    spec = ClassSpec.from_dict({"name": "unknown", "classes": [f"thing {n}" for n in range(count)]})
    scenes = draw_scenes(spec, (32, 32))
    assert len(scenes) == 6
    assert all(label_map.max() < count for _, label_map in scenes)
    used = {int(value) for _, label_map in scenes for value in np.unique(label_map)}
    assert len(used) >= min(count, 6)
    if count > 1:
        assert len({label_map.tobytes() for _, label_map in scenes}) == 6


def test_bands_take_stuff_before_things() -> None:
    kinds = ["thing", "stuff"] * 8
    classes = [{"id": n, "name": f"class {n}", "kind": kind} for n, kind in enumerate(kinds)]
    spec = ClassSpec.from_dict({"name": "mixed", "classes": classes})
    assert all(value % 2 for value in np.unique(draw_bands(spec, (32, 32), 1)))


def test_the_book_names_no_scene_twice_and_fills_every_picture() -> None:
    assert len({scene.title for scene in SCENES}) == len(SCENES)
    for scene in SCENES:
        assert scene.parts[0].points == ((0, 0), (100, 100))


def test_every_name_in_the_book_is_a_class_of_a_built_in_list() -> None:
    specs = [ClassSpec.load(name) for name in ("ade20k", "coco-stuff", "cityscapes", "camvid", "outdoor")]
    used = {names for scene in SCENES for names in (*scene.needs, *(part.names for part in scene.parts))}
    assert {names for names in used if all(find_class(names, spec) is None for spec in specs)} == set()
    assert set(NAMES) <= used
