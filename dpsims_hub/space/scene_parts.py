"""Parts of scenes: boxes, ovals and polygons, and objects composed of them.

Coordinates are in per cent of the width and of the height, from the top left corner.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Point = tuple[float, float]

NAMES = {  # short names that the scenes use, and the class names that they stand for, the best first
    "sky": "sky|clouds",
    "clouds": "clouds|cloud",
    "tree": "tree|vegetation|bush|plant",
    "grass": "grass|field|terrain|ground|earth",
    "mountain": "mountain|hill",
    "sea": "sea|water|lake|river",
    "lake": "lake|water|river|sea",
    "river": "river|water|lake|sea",
    "sand": "sand|earth|ground|dirt|gravel",
    "rock": "rock|stone|mountain",
    "flower": "flower|plant|bush",
    "building": "building|house|skyscraper",
    "house": "house|building|hovel",
    "tower": "skyscraper|tower|building",
    "road": "road|street|path",
    "path": "path|dirt track|road|gravel|dirt",
    "sidewalk": "sidewalk|pavement",
    "fence": "fence|railing|guard rail|wall",
    "car": "car|van",
    "bus": "bus|truck",
    "rider": "rider|bicyclist|person",
    "bicycle": "bicycle|motorcycle|minibike",
    "pole": "pole|streetlight|column",
    "light": "traffic light|streetlight|light",
    "sign": "traffic sign|signboard|street sign|sign",
    "boat": "boat|ship",
    "wall": "wall|wall-other",
    "floor": "floor|floor-wood|carpet",
    "window": "window|windowpane",
}


@dataclass(frozen=True)
class Part:
    """One shape in a scene.

    Args:
        names: a key of `NAMES`, or class names, the best first, separated by |.
        form: "box" and "oval" have two corners, "area" three or more.
        points: (x, y) in per cent.
    """

    names: str
    form: Literal["box", "oval", "area"]
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Scene:
    """A scene.

    Args:
        title: its name in the menu.
        needs: names of required classes, as in `Part`.
        parts: from back to front; the first covers everything.
    """

    title: str
    needs: tuple[str, ...]
    parts: tuple[Part, ...]


def box(names: str, left: float, top: float, right: float, bottom: float) -> Part:
    """A rectangle."""
    return Part(names, "box", ((left, top), (right, bottom)))


def oval(names: str, left: float, top: float, right: float, bottom: float) -> Part:
    """An ellipse that fills a rectangle."""
    return Part(names, "oval", ((left, top), (right, bottom)))


def area(names: str, corners: str) -> Part:
    """A polygon; its corners are written as "x,y x,y x,y"."""
    points = (corner.split(",") for corner in corners.split())
    return Part(names, "area", tuple((float(x), float(y)) for x, y in points))


def fill(names: str) -> Part:
    """The whole picture."""
    return box(names, 0, 0, 100, 100)


def tree(x: float, base: float, tall: float, broad: float) -> tuple[Part, ...]:
    """A tree: the position of its foot, its height and width."""
    crown = base - 0.2 * tall
    return (
        box("tree", x - 0.07 * broad, crown - 1, x + 0.07 * broad, base),
        oval("tree", x - broad / 2, base - tall, x + broad / 2, crown),
        oval("tree", x - 0.35 * broad, base - 1.12 * tall, x + 0.3 * broad, base - 0.45 * tall),
    )


def person(x: float, base: float, tall: float) -> tuple[Part, ...]:
    """A standing person: the position of the feet, the height."""
    return (
        oval("person", x - 0.08 * tall, base - tall, x + 0.08 * tall, base - 0.82 * tall),
        box("person", x - 0.14 * tall, base - 0.84 * tall, x + 0.14 * tall, base - 0.42 * tall),
        box("person", x - 0.12 * tall, base - 0.44 * tall, x - 0.02 * tall, base),
        box("person", x + 0.02 * tall, base - 0.44 * tall, x + 0.12 * tall, base),
    )


def car(x: float, base: float, broad: float, names: str = "car", tall: float = 0.75) -> tuple[Part, ...]:
    """A vehicle seen from behind or from the front; its height is `tall` times its width."""
    high = tall * broad
    left, right = x - broad / 2, x + broad / 2
    outline = ((-0.34, 1), (0.34, 1), (0.5, 0.55), (0.5, 0.12), (-0.5, 0.12), (-0.5, 0.55))
    return (
        Part(names, "area", tuple((x + across * broad, base - up * high) for across, up in outline)),
        box(names, left + 0.04 * broad, base - 0.2 * high, left + 0.22 * broad, base),
        box(names, right - 0.22 * broad, base - 0.2 * high, right - 0.04 * broad, base),
    )


def cyclist(x: float, base: float, tall: float) -> tuple[Part, ...]:
    """A cyclist seen from behind or from the front."""
    return (
        oval("bicycle", x - 0.1 * tall, base - 0.42 * tall, x + 0.1 * tall, base),
        oval("rider", x - 0.08 * tall, base - tall, x + 0.08 * tall, base - 0.82 * tall),
        box("rider", x - 0.15 * tall, base - 0.83 * tall, x + 0.15 * tall, base - 0.3 * tall),
    )


def street(left_wall: str, right_wall: str, edge: str = "sidewalk") -> tuple[Part, ...]:
    """Sky, two rows of houses or trees, a road to the horizon with an edge on both sides."""
    return (
        fill("sky"),
        box(left_wall, 36, 38, 64, 54),
        area(left_wall, "0,2  20,18  30,18  30,27  40,30  44,50  44,55  0,80"),
        area(right_wall, "100,0  84,14  72,14  72,26  62,30  56,50  56,55  100,80"),
        area(edge, "0,76  46,52  54,52  100,76  100,100  0,100"),
        area("road", "10,100  47.5,52  52.5,52  92,100"),
    )
