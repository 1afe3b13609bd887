"""What scenes are made of: boxes, ovals and areas, and things that occur in many of them.

Coordinates are per cent of the width and of the height, from the top left corner.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Point = tuple[float, float]

SKY = "sky|clouds"
CLOUDS = "clouds|cloud"
TREE = "tree|vegetation|bush|plant"
GRASS = "grass|field|terrain|ground|earth"
GROUND = "earth|ground|dirt|land|terrain|sand|gravel"
MOUNTAIN = "mountain|hill"
SEA = "sea|water|lake|river"
LAKE = "lake|water|river|sea"
RIVER = "river|water|lake|sea"
SAND = "sand|earth|ground|dirt|gravel"
ROCK = "rock|stone|mountain"
SNOW = "snow"
FLOWER = "flower|plant|bush"
BUILDING = "building|house|skyscraper"
HOUSE = "house|building|hovel"
TOWER = "skyscraper|tower|building"
ROAD = "road|street|path"
PATH = "path|dirt track|road|gravel|dirt"
SIDEWALK = "sidewalk|pavement"
FENCE = "fence|railing|guard rail|wall"
CAR = "car|van"
BUS = "bus|truck"
PERSON = "person"
RIDER = "rider|bicyclist|person"
BICYCLE = "bicycle|motorcycle|minibike"
POLE = "pole|streetlight|column"
LIGHT = "traffic light|streetlight|light"
SIGN = "traffic sign|signboard|street sign|sign"
BOAT = "boat|ship"
WALL = "wall|wall-other"
FLOOR = "floor|floor-wood|carpet"
CEILING = "ceiling"
WINDOW = "window|windowpane"


@dataclass(frozen=True)
class Part:
    """One thing in a scene.

    Args:
        names: classes that could fill it, the best first, separated by |.
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
        title: what the menu shows.
        needs: names of classes without which it would make no sense.
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
    """A polygon with its corners written as "x,y x,y x,y"."""
    points = (corner.split(",") for corner in corners.split())
    return Part(names, "area", tuple((float(x), float(y)) for x, y in points))


def everywhere(names: str) -> Part:
    """The whole picture."""
    return box(names, 0, 0, 100, 100)


def tree(x: float, base: float, tall: float, broad: float) -> tuple[Part, ...]:
    """A tree on a trunk: where its foot stands, how tall and broad it is."""
    crown = base - 0.2 * tall
    return (
        box(TREE, x - 0.07 * broad, crown - 1, x + 0.07 * broad, base),
        oval(TREE, x - broad / 2, base - tall, x + broad / 2, crown),
        oval(TREE, x - 0.35 * broad, base - 1.12 * tall, x + 0.3 * broad, base - 0.45 * tall),
    )


def person(x: float, base: float, tall: float) -> tuple[Part, ...]:
    """Somebody standing: where the feet are, how tall."""
    return (
        oval(PERSON, x - 0.08 * tall, base - tall, x + 0.08 * tall, base - 0.82 * tall),
        box(PERSON, x - 0.14 * tall, base - 0.84 * tall, x + 0.14 * tall, base - 0.42 * tall),
        box(PERSON, x - 0.12 * tall, base - 0.44 * tall, x - 0.02 * tall, base),
        box(PERSON, x + 0.02 * tall, base - 0.44 * tall, x + 0.12 * tall, base),
    )


def car(x: float, base: float, broad: float, names: str = CAR, tall: float = 0.75) -> tuple[Part, ...]:
    """A vehicle from behind or in front, `tall` widths high."""
    high = tall * broad
    left, right = x - broad / 2, x + broad / 2
    return (
        Part(
            names,
            "area",
            (
                (left + 0.16 * broad, base - high),
                (right - 0.16 * broad, base - high),
                (right, base - 0.55 * high),
                (right, base - 0.12 * high),
                (left, base - 0.12 * high),
                (left, base - 0.55 * high),
            ),
        ),
        box(names, left + 0.04 * broad, base - 0.2 * high, left + 0.22 * broad, base),
        box(names, right - 0.22 * broad, base - 0.2 * high, right - 0.04 * broad, base),
    )


def cyclist(x: float, base: float, tall: float) -> tuple[Part, ...]:
    """Somebody on a bicycle, from behind or in front."""
    return (
        oval(BICYCLE, x - 0.1 * tall, base - 0.42 * tall, x + 0.1 * tall, base),
        oval(RIDER, x - 0.08 * tall, base - tall, x + 0.08 * tall, base - 0.82 * tall),
        box(RIDER, x - 0.15 * tall, base - 0.83 * tall, x + 0.15 * tall, base - 0.3 * tall),
    )


def street(left_wall: str, right_wall: str, edge: str = SIDEWALK) -> tuple[Part, ...]:
    """Sky, two rows of houses or trees, a road to the horizon with an edge on both sides."""
    return (
        everywhere(SKY),
        box(left_wall, 36, 38, 64, 54),
        area(left_wall, "0,2  20,18  30,18  30,27  40,30  44,50  44,55  0,80"),
        area(right_wall, "100,0  84,14  72,14  72,26  62,30  56,50  56,55  100,80"),
        area(edge, "0,76  46,52  54,52  100,76  100,100  0,100"),
        area(ROAD, "10,100  47.5,52  52.5,52  92,100"),
    )
