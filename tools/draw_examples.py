"""Draws the example layouts of dpsims_hub/bundled/examples/camvid: street scenes in the CamVid classes.

    python tools/draw_examples.py [--output FOLDER]

Every scene is a few lines that place walls, trees, cars and people in metres, see `street_painter.py`.
Nothing is copied from a data set.
"""

from pathlib import Path

from street_painter import (
    BUILDING,
    FENCE,
    HATCHBACK,
    PAVEMENT,
    ROAD,
    SALOON,
    SIGN,
    TREE,
    VAN,
    Street,
    draw_layouts,
)

from dpsims_hub.labels import ClassSpec

FOLDER = Path(__file__).parents[1] / "dpsims_hub" / "bundled" / "examples" / "camvid"


def park_side() -> Street:
    """Shops on the left; a fence, a park and two cyclists ahead on the right."""
    scene = Street(seed=2, vanishing_x=0.45)
    scene.skyline(BUILDING, -14, 8, 120, 7, 0.3)
    scene.street(walls=(-4.8, 7.2))
    scene.wall(TREE, 10.5, 5, 90, 4.2)
    for z, height, radius in ((64, 9, 7), (46, 9, 7), (33, 8.5, 6.5), (24, 7.5, 5.6), (16, 6.5, 5)):
        scene.tree(11.5, z, height, radius)
    scene.wall(BUILDING, 8.2, 5, 90, 0.8)
    scene.wall(FENCE, 7.2, 5, 70, 1.8)
    scene.terrace(-4.8, 4, 100, 9.5)
    scene.sign(-4.4, 20, 3.6, 0.8, 0.9)
    scene.sign(5.4, 26, 3.0, 0.35, 0.9)
    scene.car(3.0, 38)
    scene.walkers((-3.6, 21), (6.6, 17))
    scene.rider(-1.1, 15)
    scene.pole(5.0, 14, 5.5)
    scene.rider(0.1, 12)
    return scene


def quiet_street() -> Street:
    """Two terraces, three parked cars, one pedestrian."""
    scene = Street(seed=1, vanishing_x=0.47)
    scene.skyline(TREE, -14, 16, 110, 7, 0.25)
    scene.street()
    scene.terrace(-5.0, 5, 90, 8.0)
    scene.terrace(7.4, 6, 95, 7.5)
    scene.car(3.6, 34, HATCHBACK)
    scene.pole(-2.6, 30, 6.5, arm=1.2)
    scene.sign(-4.6, 26, 3.2)
    scene.car(3.6, 24)
    scene.pole(5.1, 19, 6.5, arm=-1.2)
    scene.walkers((-3.6, 15))
    scene.car(3.7, 12, HATCHBACK)
    return scene


def city_traffic() -> Street:
    """Tall buildings and cars behind a van."""
    scene = Street(seed=3, vanishing_x=0.52)
    scene.skyline(BUILDING, -20, 20, 120, 10, 0.3)
    scene.street(left=-2.6, right=5.6, walls=(-5.8, 8.6))
    scene.terrace(-5.8, 5, 100, 11.5, house=10)
    scene.terrace(8.6, 6, 100, 10.0, house=9)
    scene.car(3.6, 44, VAN, 2.0)
    scene.car(0.3, 40, HATCHBACK)
    scene.walkers((-4.8, 34), (-4.3, 27), (7.2, 26))
    scene.car(3.6, 28)
    scene.sign(6.2, 22, 3.0, 0.4, 1.0)
    scene.pole(-3.1, 22, 7.0, arm=1.5)
    scene.car(0.0, 19, VAN, 2.0)
    scene.walkers((7.6, 19))
    scene.sign(-4.9, 17, 3.4, 0.9, 1.0)
    scene.car(4.0, 13, HATCHBACK)
    scene.car(-0.9, 10)
    return scene


def tree_avenue() -> Street:
    """Trees on both sides, little sky between them."""
    scene = Street(seed=4, vanishing_x=0.5)
    scene.skyline(BUILDING, -16, 18, 130, 7, 0.3)
    scene.street(left=-3.0, right=4.4, walls=(-7.4, 9.6))
    scene.terrace(-13.0, 8, 80, 7.0)
    scene.wall(FENCE, -7.4, 5, 90, 1.3)
    scene.terrace(12.6, 8, 60, 6.5)
    scene.wall(BUILDING, 9.6, 5, 90, 1.2)
    scene.car(-0.6, 46, HATCHBACK)
    for z in (78, 62, 49, 38, 29, 22, 16):
        scene.tree(-6.4, z, 6.4, 4.2)
        scene.tree(7.2, z + 3, 6.0, 4.0)
    scene.car(3.5, 32)
    scene.pole(-3.5, 24, 6.0, arm=1.0)
    scene.walkers((-4.6, 18))
    scene.rider(-1.7, 16)
    scene.sign(4.9, 15, 2.4, 0.6, 0.6)
    return scene


def junction_lights() -> Street:
    """A crossroads: traffic lights, cars from the side, buildings across the end."""
    scene = Street(seed=5, vanishing_x=0.5, horizon=0.54)
    scene.ground(PAVEMENT, -90, 90, far=64)
    scene.ground(ROAD, -90, 90, far=40)
    scene.skyline(BUILDING, -40, 40, 56, 13, 0.14)
    scene.tree(-15, 50, 6, 5)
    scene.tree(14, 48, 6, 5.4)
    scene.tree(21, 46, 5, 4.4)
    for x in (-7.0, 1.5, 9.0):
        scene.sign(x, 41, 2.9, 0.45, 1.1)
    scene.walkers((-2.2, 42), (-1.2, 43), (11.5, 42))
    scene.crossing_car(-10.5, 33, HATCHBACK)
    scene.crossing_car(1.0, 30, VAN)
    scene.crossing_car(7.5, 27)
    scene.terrace(-8.0, 5, 22, 9.0, house=6)
    scene.terrace(10.0, 5, 21, 8.5, house=6)
    for left, right in ((-90.0, -3.4), (5.6, 90.0)):
        inner = left if left > 0 else right
        edge = inner + (1.8 if left > 0 else -1.8)
        outer = right if left > 0 else left
        scene.face(PAVEMENT, (outer, 0, 20), (edge, 0, 20), (inner, 0, 15), (inner, 0, 1), (outer, 0, 1))
    scene.wall(BUILDING, -8.0, 2, 19, 8.0)
    scene.wall(BUILDING, 10.0, 2, 18, 8.0)
    scene.walkers((7.6, 16.5), (-6.2, 17))
    scene.sign(6.7, 16, 2.9, 0.4, 1.1)
    scene.sign(-4.3, 15, 2.9, 0.4, 1.1)
    scene.rider(-1.2, 11)
    return scene


def crossing_cyclist() -> Street:
    """A cyclist crosses the street; another comes along on the right."""
    scene = Street(seed=6, vanishing_x=0.55)
    scene.skyline(TREE, -18, 18, 100, 8, 0.3)
    scene.street(left=-2.8, right=4.2, walls=(-6.2, 7.6))
    scene.tree(-8.6, 62, 7.5, 5.0)
    scene.terrace(-6.2, 5, 58, 7.5)
    scene.terrace(7.6, 34, 95, 8.0)
    for x, z in ((11, 33), (11.5, 26), (11, 20), (11, 15)):
        scene.tree(x, z, 6.5, 4.2)
    scene.wall(FENCE, 7.4, 5, 36, 1.5)
    scene.car(2.8, 40)
    scene.walkers((5.6, 24), (6.2, 22))
    scene.sign(-4.6, 21, 2.7, 0.6, 0.6)
    scene.rider(3.2, 19)
    scene.pole(4.7, 14, 6.5, arm=-1.0)
    scene.crossing_rider(-1.2, 10.5)
    return scene


def narrow_lane() -> Street:
    """High walls close on both sides, one car far off, people on foot."""
    scene = Street(seed=7, vanishing_x=0.5)
    scene.skyline(BUILDING, -8, 8, 80, 9, 0.25)
    scene.street(left=-1.9, right=2.2, walls=(-3.2, 3.5))
    scene.terrace(-3.2, 4, 70, 7.0, house=9)
    scene.terrace(3.5, 4.5, 75, 8.0, house=8)
    scene.car(-0.2, 42, HATCHBACK)
    scene.walkers((-2.4, 26))
    scene.rider(0.9, 24)
    scene.sign(3.2, 22, 3.6, 0.6, 0.8)
    scene.walkers((2.7, 19))
    scene.sign(-2.9, 14, 3.4, 0.5, 0.6)
    scene.walkers((-2.5, 11))
    scene.pole(2.5, 12, 1.0)
    scene.pole(2.5, 9.5, 1.0)
    return scene


def wide_road() -> Street:
    """A broad road under an open sky, with fences, lamp posts and trees."""
    scene = Street(seed=8, vanishing_x=0.53, horizon=0.55)
    scene.skyline(TREE, -90, 90, 140, 9.5, 0.3)
    scene.skyline(BUILDING, 25, 75, 120, 8.5, 0.08)
    scene.street(left=-4.2, right=9.0, walls=(-6.6, 11.4))
    scene.ground(TREE, -60, -6.6)
    scene.ground(TREE, 11.4, 60)
    for x, z, radius in ((-22, 70, 7), (-15, 44, 6), (-13, 27, 5), (24, 60, 7), (17, 33, 5)):
        scene.tree(x, z, radius + 0.6, radius)
    scene.wall(FENCE, -6.8, 6, 120, 1.1)
    scene.wall(FENCE, 11.6, 6, 120, 1.2)
    for z in (52, 34, 21):
        scene.pole(9.8, z + 6, 8.0, arm=-1.8)
        scene.pole(-4.8, z, 8.0, arm=1.8)
    scene.car(5.6, 48, VAN, 2.0)
    scene.car(-1.8, 36)
    scene.car(5.8, 24)
    scene.car(1.2, 18, HATCHBACK)
    scene.sign(10.4, 17, 2.8, 1.1, 1.4)
    return scene


def parked_cars() -> Street:
    """A residential road with cars parked on both sides and front gardens behind low walls."""
    scene = Street(seed=9, vanishing_x=0.49)
    scene.skyline(TREE, -18, 18, 120, 9, 0.3)
    scene.street(left=-4.0, right=4.4, walls=(-9.0, 9.4))
    scene.terrace(-9.0, 5, 90, 8.0)
    scene.terrace(9.4, 5, 95, 7.5)
    for x, z in ((-7.8, 46), (8.4, 40), (-8.0, 24), (8.6, 20)):
        scene.tree(x, z, 4.0, 3.0)
    scene.wall(FENCE, -6.2, 5, 80, 1.1)
    scene.wall(BUILDING, 6.6, 5, 80, 0.9)
    for z in (62, 52, 43, 35, 28, 21.5):
        scene.car(-3.1, z, SALOON if z > 40 else HATCHBACK)
        scene.car(3.5, z - 3, HATCHBACK if z > 40 else SALOON)
    scene.pole(4.8, 26, 6.5, arm=-1.0)
    scene.walkers((5.4, 17))
    scene.pole(-4.4, 17, 6.5, arm=1.0)
    scene.car(-3.1, 11.5)
    scene.car(3.6, 11, HATCHBACK)
    return scene


def market_street() -> Street:
    """A shopping street with many people, shop signs and two cyclists."""
    scene = Street(seed=10, vanishing_x=0.44)
    scene.skyline(BUILDING, -14, 14, 100, 11, 0.3)
    scene.street(left=-1.8, right=3.8, walls=(-5.0, 7.0))
    scene.terrace(-5.0, 4, 85, 9.5, house=8)
    scene.terrace(7.0, 5, 90, 9.0, house=8)
    for x, z in ((-4.6, 34), (6.6, 30), (-4.6, 22), (6.6, 17)):
        scene.block(SIGN, x - 0.5, x + 0.5, z, 4.4, 3.5)
    scene.car(0.4, 46, VAN, 2.0)
    scene.walkers((-3.9, 40), (5.4, 36), (-2.9, 30), (4.6, 28), (5.8, 27))
    scene.rider(2.2, 26)
    scene.walkers((-3.8, 23), (4.9, 21))
    scene.rider(-0.9, 18)
    scene.walkers((5.7, 17), (-3.2, 16), (4.7, 13), (5.4, 12))
    scene.pole(4.1, 15, 5.5, arm=-0.8)
    return scene


SCENES = (
    park_side, quiet_street, city_traffic, tree_avenue, junction_lights,
    crossing_cyclist, narrow_lane, wide_road, parked_cars, market_street,
)  # fmt: skip

if __name__ == "__main__":
    draw_layouts(SCENES, ClassSpec.load("camvid").palette.flatten().tolist(), FOLDER)
