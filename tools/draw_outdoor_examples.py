"""Draws the example layouts of dpsims_hub/bundled/examples/outdoor: landscapes, villages and streets.

    python tools/draw_outdoor_examples.py [--output FOLDER]

Every scene is a few lines that place land, trees, houses, animals and boats, see `landscape_painter.py`.
Nothing is copied from a data set.
"""

from pathlib import Path

from landscape_painter import GRASS, OBJECT, ROAD, TREE, WATER, Landscape
from street_painter import HATCHBACK, SALOON, VAN, draw_layouts

FOLDER = Path(__file__).parents[1] / "dpsims_hub" / "bundled" / "examples" / "outdoor"
CLASSES: dict[str, tuple[int, int, int]] = {  # in the order of the ids, with their colours
    "Sky": (135, 206, 235), "Tree": (34, 110, 45), "Road": (120, 110, 115), "Grass": (120, 190, 70),
    "Water": (40, 110, 190), "Building": (178, 120, 90), "Mountain": (120, 115, 160), "Object": (220, 60, 60),
}  # fmt: skip


def lake_and_mountains() -> Landscape:
    """A lake below steep mountains, woods on the far shore, firs and a meadow in front."""
    scene = Landscape(seed=1, horizon=126, eye=3.6)
    scene.ridge((0, 88), (32, 58), (58, 76), (104, 22), (142, 66), (176, 46), (214, 84), (256, 62))
    scene.wood((-8, 128), (30, 122), (60, 133), (118, 138), (132, 138), height=13, firs=0.6)
    scene.wood((150, 138), (186, 136), (222, 126), (262, 118), height=16, firs=0.6)
    scene.ground(TREE, (-8, 122), (30, 118), (60, 129), (118, 138), (150, 138), (222, 122), (262, 114))
    scene.ground(GRASS, (40, 139), (96, 136), (130, 135), (168, 138), (200, 140))
    scene.ground(WATER, (0, 139), (60, 140), (120, 138), (180, 139), (256, 138), rough=0.5)
    scene.figure("rowing boat", 150, 162)
    scene.ground(GRASS, (0, 196), (50, 203), (100, 222), (150, 236), (200, 231), (256, 214), rough=1.6)
    scene.fir(14, 218, 6.0, 0.4)
    scene.fir(47, 228, 4.0, 0.42)
    scene.fir(240, 238, 4.4, 0.4)
    return scene


def meadow_with_trees() -> Landscape:
    """A meadow with single old trees in front of a wood; a path leads to them."""
    scene = Landscape(seed=2, horizon=138, eye=2.6)
    scene.ridge((0, 130), (60, 116), (120, 127), (190, 110), (256, 124), rough=0.05)
    scene.ground(GRASS, (0, 140), (128, 138), (256, 140))
    scene.wood((-6, 146), (60, 144), (104, 143), height=18)
    scene.wood((186, 143), (220, 145), (262, 146), height=15)
    scene.ground(GRASS, (0, 145), (128, 141), (256, 145))
    scene.ribbon(ROAD, (139, 143, 0.6), (148, 154, 2), (142, 178, 5), (108, 216, 13), (78, 262, 25))
    scene.tree(118, 151, 7.5, 0.9)
    scene.tree(168, 150, 8.5, 0.6, 0.2)
    scene.tree(216, 162, 9.0, 0.9, 0.22)
    scene.tree(56, 170, 9.5, 0.95, 0.22)
    return scene


def beach() -> Landscape:
    """A bay with a headland; people and a sunshade on the sand, sailing boats on the sea."""
    scene = Landscape(seed=3, horizon=104, eye=5.5)
    scene.ridge((118, 105), (150, 92), (178, 78), (206, 72), (232, 56), (256, 50), rough=0.12)
    scene.wood((190, 112), (226, 117), (262, 123), height=12)
    scene.fill(WATER, [(0, 104), (186, 104), (205, 113), (256, 123), (256, 256), (0, 256)])
    scene.ground(ROAD, (0, 226), (56, 200), (112, 174), (166, 152), (206, 136), (256, 123), rough=1.2)
    scene.figure("sailing boat", 56, 116, 1.5)
    scene.figure("sailing boat", 120, 109, -1.7)
    scene.people((208, 144), (214, 145), (232, 136), (128, 178), (135, 180), (84, 196), (48, 212))
    for x, y in ((172, 194), (236, 172)):
        scene.block(OBJECT, (x, y), (-0.06, 0.06, 0, 2.3))
        scene.shape(OBJECT, (x, y), ((-1.5, 1.7), (-0.8, 2.3), (0, 2.55), (0.8, 2.3), (1.5, 1.7)))
    scene.people((214, 204), (206, 202))
    scene.ground(GRASS, (150, 260), (186, 244), (222, 226), (256, 212), rough=2.4)
    return scene


def forest_road() -> Landscape:
    """A winding road through a wood, trunks on both sides, a walker ahead."""
    scene = Landscape(seed=4, horizon=142, eye=2.0)
    scene.wood((60, 147), (128, 146), (190, 147), height=40)
    scene.ground(GRASS, (0, 147), (128, 146), (256, 147))
    for x, y, high in ((92, 149, 20), (150, 150, 15), (76, 153, 19), (172, 154, 20), (66, 160, 12)):
        scene.tree(x, y, high, 0.6, 0.3)
    scene.wood((-6, 176), (40, 160), (76, 152), (104, 148), height=38)
    scene.wood((142, 148), (176, 153), (214, 164), (262, 180), height=38)
    bends = (110, 147, 3), (124, 151, 6), (134, 158, 10), (132, 176, 22), (112, 212, 48)
    scene.ribbon(ROAD, *bends, (66, 262, 88))
    scene.tree(204, 164, 15, 0.7, 0.4)
    scene.tree(36, 166, 14, 0.75, 0.35)
    scene.tree(8, 186, 12, 0.8, 0.45)
    scene.tree(240, 188, 12, 0.75, 0.5)
    scene.people((136, 166), (142, 166))
    return scene


def hills_at_dusk() -> Landscape:
    """Rolling hills with hedges, mountains behind, a lone tree and two horses."""
    scene = Landscape(seed=5, horizon=126, eye=3.2)
    scene.ridge((0, 100), (44, 70), (92, 94), (148, 58), (200, 90), (256, 72), rough=0.09)
    scene.ground(GRASS, (0, 122), (60, 106), (130, 124), (190, 112), (256, 100), rough=0.8)
    scene.wood((-6, 122), (30, 114), (60, 107), (84, 113), height=7)
    scene.wood((146, 124), (190, 114), (230, 107), height=8, firs=0.4)
    scene.wood((-6, 138), (40, 134), (90, 132), (130, 124), height=8)
    scene.ground(GRASS, (-4, 152), (60, 142), (120, 130), (190, 138), (260, 124), rough=0.8)
    scene.wood((60, 146), (110, 138), (160, 140), (210, 139), (262, 129), height=9)
    scene.ground(GRASS, (-4, 192), (50, 168), (110, 150), (180, 156), (260, 182), rough=1.0)
    scene.tree(188, 164, 6.5, 0.95, 0.25)
    scene.tree(26, 176, 3.2, 0.9, 0.2)
    scene.figure("horse", 62, 180)
    scene.figure("horse", 158, 190, -1)
    return scene


def village() -> Landscape:
    """A village with a church at the foot of a hill; a lane leads in."""
    scene = Landscape(seed=6, horizon=132, eye=5.5)
    scene.ridge((0, 86), (60, 58), (120, 78), (190, 46), (256, 72), rough=0.07)
    scene.ground(TREE, (0, 116), (60, 102), (130, 112), (200, 98), (256, 104), rough=2.0)
    scene.ground(GRASS, (0, 136), (60, 130), (128, 138), (200, 128), (256, 132))
    scene.house(84, 150, 7, 4.2, 4, gable=True)
    scene.wood((-6, 154), (40, 152), (84, 151), height=16)
    scene.church(126, 154, 12, 11)
    scene.wood((196, 154), (230, 153), (262, 154), height=16)
    scene.ground(GRASS, (0, 155), (128, 152), (256, 156))
    scene.tree(114, 157, 5.5, 0.8)
    scene.house(212, 161, 7, 3.8, 3.8, gable=True)
    scene.tree(176, 160, 6.0, 0.85)
    scene.ribbon(ROAD, (140, 153, 3), (144, 160, 6), (154, 180, 14), (146, 214, 32), (112, 262, 60))
    scene.house(22, 168, 9, 3.6, 3.6)
    scene.tree(10, 178, 6.0, 0.85)
    scene.tree(92, 172, 4.5, 0.85)
    scene.wood((190, 170), (226, 174), (262, 180), height=8)
    scene.car(156, 172, outline=HATCHBACK)
    scene.people((122, 176), (128, 177))
    return scene


def city_street() -> Landscape:
    """A street between tall houses with cars, people, street trees and lamp posts."""
    scene = Landscape(seed=7, horizon=148, eye=2.0, vanishing_x=122)
    scene.wood((100, 150), (144, 150), height=12)
    scene.ground(ROAD, (0, 149), (128, 149), (256, 149), rough=0)
    scene.terrace(12, 190, (6, 10), (10, 13), (9, 10), (14, 14), (12, 11), (20, 17), (30, 13))
    scene.terrace(234, 190, (7, 12), (9, 9), (12, 13), (14, 10), (16, 16), (24, 12), (30, 14))
    for x, y in ((98, 157), (148, 157), (162, 164), (194, 175)):
        scene.tree(x, y, 7, 0.7, 0.35)
    scene.car(134, 158)
    for x, y in ((101, 158), (92, 163), (76, 172), (160, 162)):
        scene.car(x, y, outline=HATCHBACK)
    scene.car(114, 166, outline=VAN)
    scene.people((44, 180), (51, 182), (212, 186), (198, 178), (58, 170))
    scene.post(60, 180, 7.0, arm=1.2)
    scene.post(176, 176, 7.0, arm=-1.2)
    scene.car(152, 190)
    scene.car(36, 206, outline=HATCHBACK)
    scene.people((228, 204))
    return scene


def harbour() -> Landscape:
    """Boats in front of the houses of a small port, a hill behind."""
    scene = Landscape(seed=8, horizon=108, eye=4.2)
    scene.ridge((0, 76), (60, 44), (118, 66), (180, 34), (256, 62), rough=0.09)
    scene.wood((-8, 116), (40, 92), (70, 84), (110, 98), (180, 82), (262, 96), height=12)
    scene.ground(TREE, (-8, 112), (40, 87), (70, 79), (110, 94), (180, 77), (262, 92))
    for x, width, eaves, roof, gable in (
        (2, 8, 8, 3, False), (31, 6, 11, 3.5, True), (53, 8, 8, 3, False), (84, 7, 12, 3.5, True),
        (109, 9, 9, 3, False), (142, 6, 11, 3, True), (163, 7, 8, 3, False), (200, 6, 10, 3.5, True),
        (221, 11, 9, 3, False),
    ):  # fmt: skip
        scene.house(x, 122, width, eaves, roof, gable)
    scene.fill(ROAD, [(0, 121), (256, 121), (256, 127), (0, 127)])
    scene.people((62, 124), (94, 124.5), (182, 124), (187, 124.5))
    scene.shape(OBJECT, (148, 124.5), SALOON)
    scene.fill(WATER, [(0, 127), (256, 127), (256, 256), (0, 256)])
    for x, y, size in ((24, 136, 1), (62, 134, -1), (196, 134, 1), (236, 140, -1)):
        scene.figure("moored boat", x, y, size)
    scene.figure("fishing boat", 126, 168)
    scene.figure("rowing boat", 206, 186, -1)
    scene.fill(ROAD, [(0, 206), (54, 220), (92, 256), (0, 256)])
    scene.shape(OBJECT, (42, 226), ((-0.2, 0), (-0.16, 0.4), (-0.3, 0.5), (0.3, 0.5), (0.16, 0.4), (0.2, 0)))
    return scene


def cows_on_a_pasture() -> Landscape:
    """Cows graze behind each other on a pasture below hills."""
    scene = Landscape(seed=9, horizon=110, eye=2.3)
    scene.ridge((0, 86), (50, 60), (110, 80), (170, 48), (220, 70), (256, 62), rough=0.08)
    scene.wood((-8, 119), (90, 115), (170, 116), (262, 119), height=14)
    scene.ground(GRASS, (0, 117), (128, 112), (256, 117))
    for x, y, size in ((22, 124, 1), (186, 127, -1), (252, 123, -1)):
        scene.figure("cow", x, y, size)
    for x, y, size in ((74, 127, -1), (112, 124, 1), (214, 131, 1), (84, 156, -1)):
        scene.figure("grazing cow", x, y, size)
    scene.figure("cow", 92, 216)
    fence = [(264, 194), (238, 178), (220, 166), (207, 157), (198, 151)]
    for x, y in fence:
        scene.post(x, y, 1.2)
    for up in (0.6, 1.1):
        scene.line(OBJECT, [scene.spot(foot, 0, up) for foot in fence], 1.2)
    return scene


def riverside() -> Landscape:
    """A river between meadows and trees, people on the path beside it."""
    scene = Landscape(seed=10, horizon=118, eye=5.0)
    scene.ridge((0, 100), (70, 84), (150, 98), (256, 80), rough=0.06)
    scene.wood((-6, 130), (60, 124), (120, 121), (190, 123), (262, 128), height=16)
    scene.ground(GRASS, (0, 127), (128, 118), (256, 126))
    scene.house(182, 140, 8, 4, 3.8, gable=True)
    scene.wood((206, 141), (232, 142), height=9)
    bends = (146, 123, 2), (120, 128, 8), (112, 136, 14), (124, 152, 26), (104, 186, 50), (92, 222, 66)
    scene.ribbon(WATER, *bends, (62, 262, 108))
    scene.tree(84, 138, 9, 0.85)
    scene.tree(52, 148, 8, 0.9)
    scene.tree(14, 166, 9, 0.95)
    scene.tree(164, 140, 8, 0.6)
    scene.ribbon(ROAD, (172, 142, 1), (168, 152, 3), (178, 176, 9), (214, 214, 20), (260, 262, 36))
    scene.tree(246, 172, 7, 0.9)
    scene.people((170, 160), (188, 184), (196, 185))
    scene.figure("rowing boat", 112, 172)
    return scene


SCENES = (
    lake_and_mountains, meadow_with_trees, beach, forest_road, hills_at_dusk,
    village, city_street, harbour, cows_on_a_pasture, riverside,
)  # fmt: skip

if __name__ == "__main__":
    draw_layouts(SCENES, [value for colour in CLASSES.values() for value in colour], FOLDER)
