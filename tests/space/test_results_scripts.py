"""Pure scripts of earlier photos, re-rolls and scenes."""

from __future__ import annotations

import re

import numpy as np
import pytest

pytest.importorskip("gradio")

from dpsims_hub.space import map_string  # noqa: E402
from tests.space.script_runner import script_runner  # noqa: E402
from tests.space.test_page_scripts import HEIGHT, WIDTH, random_map  # noqa: E402


@pytest.fixture(scope="module")
def run():
    with script_runner() as runner:
        yield runner


def test_a_mirror_swaps_left_and_right(run):
    ids = random_map(5)
    body = f"return Array.from(mirrored(Uint16Array.from(given), {WIDTH}));"
    np.testing.assert_array_equal(np.reshape(run(body, ids.ravel().tolist()), ids.shape), ids[:, ::-1])


def test_results_come_newest_first_once_and_the_oldest_go(run):
    body = "return given.reduce((past, scene) => withResult(past, { scene }), []).map((one) => one.scene);"
    assert run(body, ["a", "b", "a", *"cdefghi"]) == [*"ihgfedca"]


def test_an_outline_is_every_side_between_inside_and_outside(run):
    mask = random_map(7, classes=2).astype(int)
    path = run(f"return outlinePath(given, {WIDTH}, {HEIGHT});", mask.ravel().tolist())
    sides = re.findall(r"M(\d+) (\d+)([hv])1", path)
    padded = np.pad(mask, 1)
    across = {(x, y, "h") for y, x in zip(*np.nonzero(padded[1:, 1:-1] != padded[:-1, 1:-1]), strict=True)}
    down = {(x, y, "v") for y, x in zip(*np.nonzero(padded[1:-1, 1:] != padded[1:-1, :-1]), strict=True)}
    assert len(sides) == len(set(sides))
    assert {(int(x), int(y), way) for x, y, way in sides} == across | down


def test_the_mask_of_a_re_roll_is_its_class_or_its_region(run):
    ids = random_map(2)
    body = "return Array.from(rerollMask(given[0], Uint16Array.from(given[1])));"
    found = run(body, [{"class": 2, "seed": 1}, ids.ravel().tolist()])
    np.testing.assert_array_equal(np.reshape(found, ids.shape), ids == 2)


@pytest.mark.parametrize(
    "change", [{"width": 8}, {"height": 8}, {"ignore_index": 2}, {"classes": [{"name": "sea"}]}]
)
def test_a_map_is_carried_to_models_of_its_classes_and_size_only(run, change):
    model = {"name": "a", "width": 4, "height": 3, "ignore_index": 255, "classes": [{"name": "sky"}]}
    assert run("return sameClasses(given[0], given[1]);", [model, model | {"name": "b"}]) is True
    assert run("return sameClasses(given[0], given[1]);", [model, model | change]) is False


MASK = map_string.encode(random_map() % 2)


@pytest.mark.parametrize(
    ("reroll", "fits"),
    [
        ({"class": 3, "seed": 0}, True),
        ({"class": 255, "seed": 99}, True),
        ({"region": MASK, "seed": 1}, True),
        (None, False),
        ("class", False),
        ({"class": 999, "seed": 1}, False),
        ({"class": 4, "seed": 1}, False),
        ({"class": -1, "seed": 1}, False),
        ({"class": 1.5, "seed": 1}, False),
        ({"class": "1", "seed": 1}, False),
        ({"class": 1, "seed": -1}, False),
        ({"class": 1, "seed": 100}, False),
        ({"class": 1, "seed": "1"}, False),
        ({"class": 1}, False),
        ({"seed": 1}, False),
        ({"class": 1, "region": MASK, "seed": 1}, False),
        ({"class": None, "region": MASK, "seed": 1}, False),
        ({"region": 7, "seed": 1}, False),
        ({"region": "r1:x", "seed": 1}, False),
        ({"region": map_string.encode(random_map() % 2 * 2), "seed": 1}, False),
        ({"region": map_string.encode(np.ones((3, 3), int)), "seed": 1}, False),
    ],
)
def test_a_re_roll_that_does_not_fit_the_model_is_left_out_of_its_scene(run, reroll, fits):
    spec = {"width": WIDTH, "height": HEIGHT, "ignore_index": 255, "max_seed": 99, "classes": [{}] * 4}
    good = {"class": 0, "seed": 5}
    scene = {"map": map_string.encode(random_map()), "regions": [reroll, good]}
    kept = run("return fittingScene(given[0], given[1]).style.regions;", [scene, spec | {"regions": True}])
    assert kept == ([reroll, good] if fits else [good])
