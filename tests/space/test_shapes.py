"""Shapes of the page's tools and stamps, pixel by pixel against a second derivation."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

pytest.importorskip("gradio")

from dpsims_hub.labels import ClassSpec  # noqa: E402
from tests.space.outlined import inside, polygons, stamped  # noqa: E402
from tests.space.script_runner import script_runner  # noqa: E402
from tests.space.test_page_scripts import grown_region, random_map  # noqa: E402

HEIGHT, WIDTH = 14, 19
STREET = "car bus truck person cyclist tree fir bush pole street_lamp road_sign house tower winding_road"
LAND = "boat cow mountains lake"
STAMPS = {  # where CamVid paints landscapes with nothing, and only COCO-Stuff has clouds and no pole
    "camvid": set(STREET.split()),
    "outdoor": {*STREET.split(), *LAND.split()},
    "coco-stuff": {*STREET.split(), *LAND.split(), "cloud"} - {"pole"},
}


@pytest.fixture(scope="module")
def run():
    with script_runner() as runner:
        yield runner


def mask_of(run, call: str, given=None, size: tuple[int, int] = (HEIGHT, WIDTH)) -> np.ndarray:
    return np.array(run(f"return Array.from({call});", given)).reshape(size)


@pytest.mark.parametrize("corners", [3, 5, 9])
def test_a_polygon_holds_the_pixels_whose_centre_is_inside(run, corners):
    for seed in range(4):
        rng = np.random.default_rng(10 * corners + seed)
        points = rng.uniform((-4, -4), (WIDTH + 4, HEIGHT + 4), (corners, 2)).tolist()
        given = [{"x": x, "y": y} for x, y in points]
        found = mask_of(run, f"polygonMask(given, {WIDTH}, {HEIGHT})", given)
        np.testing.assert_array_equal(found, inside(points, HEIGHT, WIDTH))


@pytest.mark.parametrize(
    ("one", "other"), [((3, 2), (11, 9)), ((11, 9), (4, 2)), ((5, 5), (5, 5)), ((-3, 4), (30, 8))]
)
def test_an_ellipse_fills_its_box(run, one, other):
    places = [f"{{x: {x}.5, y: {y}.5}}" for x, y in (one, other)]
    call = f"ellipseMask({', '.join(places)}, {WIDTH}, {HEIGHT})"
    left, right = (min(WIDTH - 1, max(0, value)) for value in sorted((one[0], other[0])))
    top, bottom = sorted((one[1], other[1]))
    wanted = np.zeros((HEIGHT, WIDTH))
    for y in range(top, bottom + 1):
        for x in range(left, right + 1):
            across = Fraction(2 * x - left - right, right - left + 1)
            down = Fraction(2 * y - top - bottom, bottom - top + 1)
            wanted[y, x] = across**2 + down**2 <= 1
    np.testing.assert_array_equal(mask_of(run, call), wanted)


@pytest.mark.parametrize(
    ("start", "end", "corner"),
    [((3.2, 4.9), (9.9, 6.0), (9, 10)), ((9.0, 9.0), (5.0, 8.9), (5, 5)), ((4.5, 4.5), (4.6, 1.5), (7, 1))],
)
def test_shift_makes_a_square(run, start, end, corner):
    call = f"squareCorner({{x: {start[0]}, y: {start[1]}}}, {{x: {end[0]}, y: {end[1]}}})"
    found = run(f"const at = {call}; return [Math.floor(at.x), Math.floor(at.y)];")
    assert tuple(found) == corner


def test_replacing_a_class_leaves_all_others(run):
    before = random_map()
    body = "const ids = Uint16Array.from(given); return [replaceClass(ids, 2, 7), Array.from(ids)];"
    changed, after = run(body, before.ravel().tolist())
    np.testing.assert_array_equal(np.reshape(after, before.shape), np.where(before == 2, 7, before))
    assert changed == (before == 2).sum()


def test_protected_classes_come_back(run):
    before, after = random_map(1), random_map(2)
    body = (
        "const ids = Uint16Array.from(given[1]);"
        "const restored = restoreProtected(ids, Uint16Array.from(given[0]), new Set([0, 3]));"
        "return [Array.from(ids), restored];"
    )
    ids, restored = run(body, [before.ravel().tolist(), after.ravel().tolist()])
    kept = np.isin(before, (0, 3))
    np.testing.assert_array_equal(np.reshape(ids, before.shape), np.where(kept, before, after))
    assert restored == (kept & (before != after)).sum()


def closed_up(ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The map without a region: ring by ring each pixel takes the class above, left, right or below it."""
    ids, gap = ids.copy(), mask.copy()
    while gap.any():
        padded, free = np.pad(ids, 1), np.pad(~gap, 1)
        ring = np.zeros_like(gap)
        for rows, columns in (
            ((2, None), (1, -1)),
            ((1, -1), (2, None)),
            ((1, -1), (0, -2)),
            ((0, -2), (1, -1)),
        ):
            there = gap & free[slice(*rows), slice(*columns)]
            ids[there] = padded[slice(*rows), slice(*columns)][there]  # the last written, above, wins
            ring |= there
        gap &= ~ring
    return ids


@pytest.mark.parametrize(("right", "down"), [(3, 2), (-4, 0), (0, -9), (30, 1)])
def test_a_region_moves_and_what_it_leaves_is_closed_from_around(run, right, down):
    before = random_map(3, classes=2)
    region = grown_region(before, 9, 7)
    body = (
        "const ids = Uint16Array.from(given[0]);"
        f"const changed = moveMask(ids, {WIDTH}, {HEIGHT}, Uint8Array.from(given[1]), {right}, {down});"
        "return [Array.from(ids), changed];"
    )
    given = [before.ravel().tolist(), region.astype(int).ravel().tolist()]
    after, changed = run(body, given)
    wanted = closed_up(before, region)
    for y, x in zip(*np.nonzero(region), strict=True):
        if 0 <= y + down < HEIGHT and 0 <= x + right < WIDTH:
            wanted[y + down, x + right] = before[y, x]
    np.testing.assert_array_equal(np.reshape(after, before.shape), wanted)
    assert changed == (wanted != before).sum()


@pytest.mark.parametrize("name", STAMPS)
def test_a_model_has_the_stamps_of_its_classes(run, name):
    classes = ClassSpec.load(name).to_dict()["classes"]
    found = run("return stampsOf(given).map((one) => one.name.replace(' ', '_'));", classes)
    assert set(found) == STAMPS[name]


def test_every_stamp_lies_on_its_grid_and_fills_a_part_of_it(run):
    for stamp in run("return STAMPS;"):
        across, down = stamp["grid"]
        for _, path in stamp["parts"]:
            points = np.array([point for polygon in polygons(path) for point in polygon])
            assert (points >= -0.5).all(), stamp["name"]
            assert (points <= np.array((across, down)) + 0.5).all(), stamp["name"]
        height = np.ptp([y for polygon in polygons(stamp["parts"][-1][1]) for _, y in polygon])
        assert height > 0.05 * down
        assert all(names == names.lower() for names, _ in stamp["parts"])


@pytest.mark.parametrize(
    ("name", "flip", "scale"), [("car", False, 1), ("cyclist", True, 1.5), ("tree", False, 3)]
)
def test_a_stamp_is_its_outline(run, name, flip, scale):
    size, place = (48, 64), (30.3, 22.7)
    classes = ClassSpec.load("camvid").to_dict()["classes"]
    body = (
        "const [classes, name, place, scale, flip] = given;"
        "const stamp = stampsOf(classes).find((one) => one.name === name);"
        f"const masks = stampMasks(stamp, {size[1]}, {size[0]}, {{ place, scale, flip }});"
        f"const ids = new Uint16Array({size[0] * size[1]}).fill(3);"
        "const changed = paintStamp(ids, masks);"
        "const outline = STAMPS.find((one) => one.name === name);"
        "return [Array.from(ids), changed, masks.map((one) => one.id), outline];"
    )
    given = [classes, name, {"x": place[0], "y": place[1]}, scale, flip]
    ids, changed, (value,), stamp = run(body, given)
    wanted = stamped(np.full(size, 3), stamp, value, place, scale, flip)
    np.testing.assert_array_equal(np.reshape(ids, size), wanted)
    assert changed == (wanted != 3).sum() > 10
    assert value == {"car": 8, "cyclist": 10, "tree": 5}[name]
