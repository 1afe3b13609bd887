"""Draws outdoor scenes of class ids, for `draw_outdoor_examples.py`.

Land is given by contours in pixels; objects on it are given by their foot in pixels and their shape in
metres. The lower the foot is below the horizon, the closer and larger is the object. The picture is drawn at
six times its size and reduced by a weighted vote of the ids.
"""

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw
from street_painter import SALOON, WALKER, reduced

SIZE, FINE = 256, 6
FOCAL = 1.1 * SIZE  # the camera sees 49 degrees
SKY, TREE, ROAD, GRASS, WATER, BUILDING, MOUNTAIN, OBJECT = range(8)
VOTE_WEIGHTS = {OBJECT: 1.4, TREE: 1.1}

Points = Sequence[tuple[float, float]]
Foot = tuple[float, float]

BACK: Points = ((0.04, 0.95), (0.02, 1.2), (0.1, 1.39), (0.3, 1.42), (0.75, 1.35), (1.2, 1.36), (1.55, 1.42))
BELLY: Points = ((1.45, 0.54), (1.1, 0.52), (0.8, 0.6), (0.5, 0.74), (0.2, 0.75))
HEAD: Points = (
    (1.82, 1.38), (2.0, 1.42), (2.16, 1.44), (2.3, 1.34), (2.44, 1.12), (2.56, 0.98), (2.55, 0.86),
    (2.42, 0.81), (2.28, 0.88), (2.12, 0.96), (2.02, 0.86), (1.94, 0.7), (1.78, 0.58),
)  # fmt: skip
LOW_HEAD: Points = (
    (1.85, 1.3), (2.1, 1.02), (2.24, 0.76), (2.36, 0.66), (2.44, 0.5), (2.52, 0.2), (2.5, 0.06), (2.36, 0.02),
    (2.27, 0.12), (2.18, 0.36), (2.06, 0.5), (1.92, 0.64), (1.76, 0.66),
)  # fmt: skip
LEGS: tuple[Points, ...] = (  # with tail and udder
    ((0.06, 1), (0.56, 0.85), (0.42, 0.62), (0.33, 0.48), (0.35, 0.1), (0.39, 0), (0.2, 0), (0.2, 0.45)),
    ((0.36, 0.85), (0.74, 0.8), (0.62, 0.6), (0.55, 0.45), (0.58, 0.05), (0.44, 0.05), (0.42, 0.5)),
    ((1.5, 0.85), (1.86, 0.9), (1.76, 0.45), (1.75, 0.1), (1.8, 0), (1.61, 0), (1.61, 0.45)),
    ((1.26, 0.8), (1.6, 0.8), (1.5, 0.45), (1.47, 0.14), (1.51, 0.05), (1.35, 0.05), (1.35, 0.45)),
    ((0.09, 1.36), (-0.04, 1.28), (-0.09, 0.8), (-0.12, 0.5), (-0.04, 0.38), (0.02, 0.55), (0.02, 1.0)),
    ((0.55, 0.7), (0.6, 0.52), (0.74, 0.5), (0.9, 0.66)),
)
FIGURES: dict[str, tuple[Points, ...]] = {  # metres (across, up); the first outline is drawn smooth
    "cow": (
        (*BACK, *HEAD, *BELLY), *LEGS,
        ((2.1, 1.4), (1.96, 1.42), (1.8, 1.5), (1.78, 1.42), (1.9, 1.3), (2.08, 1.26)),
        ((2.12, 1.42), (2.15, 1.52), (2.25, 1.6), (2.28, 1.57), (2.24, 1.5), (2.24, 1.38)),
    ),
    "grazing cow": (
        (*BACK, *LOW_HEAD, *BELLY), *LEGS,
        ((2.22, 0.7), (2.1, 0.8), (1.98, 0.78), (2.02, 0.66), (2.2, 0.58)),
        ((2.28, 0.68), (2.4, 0.86), (2.48, 0.84), (2.4, 0.6)),
    ),
    "horse": (
        ((0, 1.3), (0.15, 1.52), (0.4, 1.58), (0.9, 1.48), (1.3, 1.58), (1.55, 1.78), (1.78, 2.12),
         (1.96, 2.26), (2.16, 2.1), (2.42, 1.74), (2.38, 1.62), (2.24, 1.6), (2.05, 1.8), (1.95, 1.7),
         (1.86, 1.4), (1.7, 1.1), (1.45, 0.93), (1.1, 0.88), (0.6, 0.95), (0.3, 0.95), (0.04, 1.05)),
        ((0.05, 1.3), (0.5, 1.1), (0.3, 0.7), (0.28, 0), (0.12, 0), (0.13, 0.65)),
        ((0.3, 1.1), (0.7, 1.05), (0.52, 0.7), (0.56, 0.05), (0.41, 0.05), (0.38, 0.65)),
        ((1.42, 1.2), (1.76, 1.2), (1.66, 0.6), (1.66, 0), (1.51, 0), (1.52, 0.6)),
        ((1.25, 1.1), (1.55, 1.1), (1.42, 0.6), (1.38, 0.05), (1.25, 0.05), (1.28, 0.6)),
        ((0.08, 1.5), (-0.08, 1.4), (-0.2, 0.7), (-0.08, 0.55), (0.05, 1.1)),
        ((1.86, 2.18), (1.9, 2.42), (2.0, 2.2)),
    ),
    "rowing boat": (
        ((-2, 0.5), (-1.95, 0.2), (-1.75, 0), (1.5, 0), (1.9, 0.25), (2.2, 0.62), (1.2, 0.45), (-1.2, 0.42)),
        *(((x - 0.25, 0.3), (x - 0.26, 0.9), (x - 0.1, 1.05), (x - 0.12, 1.2), (x, 1.3), (x + 0.12, 1.2),
           (x + 0.1, 1.05), (x + 0.26, 0.85), (x + 0.3, 0.3)) for x in (-0.9, 0.6)),
        ((0.4, 0.75), (1.5, 0.35), (2.1, 0.02), (2.1, 0.12), (1.5, 0.48), (0.5, 0.9)),
    ),
    "sailing boat": (
        ((-2.9, 0.75), (-2.7, 0.1), (-2.5, 0), (2.2, 0), (2.5, 0.1), (3.2, 0.95), (0.5, 0.75)),
        ((0.2, 0.7), (0.2, 8.2), (0.34, 8.2), (0.34, 0.7)),
        ((0.25, 1.2), (0.2, 8.0), (-0.9, 4.8), (-2.5, 1.35)),
        ((0.45, 1.3), (0.4, 7.0), (1.6, 4.0), (3.0, 1.1)),
    ),
    "moored boat": (
        ((-3, 0.9), (-2.8, 0.1), (-2.6, 0), (2.3, 0), (2.6, 0.1), (3.4, 1.15), (0.5, 0.9)),
        ((-1.2, 0.8), (-1.0, 1.5), (1.1, 1.4), (1.8, 0.9)),
        ((0.3, 0.8), (0.3, 8.5), (0.5, 8.5), (0.5, 0.8)),
        ((-2.6, 1.6), (-2.6, 1.9), (0.4, 1.95), (0.4, 1.6)),
    ),
    "fishing boat": (
        ((-4.2, 1.4), (-4.1, 0.2), (-3.9, 0), (3.2, 0), (3.6, 0.2), (4.8, 2.3), (3, 1.6), (0.5, 1.3)),
        ((-2.9, 1), (-2.9, 3.3), (-3.1, 3.3), (-3.1, 3.6), (-0.4, 3.6), (-0.4, 3.3), (-0.6, 3.2), (-0.3, 1)),
        ((-2.2, 3.4), (-2.2, 6.0), (-2.0, 6.0), (-1.95, 3.4)),
        ((1.5, 1.2), (1.5, 5.4), (1.75, 5.4), (1.75, 1.2)),
        ((1.6, 5.2), (-1.6, 4.5), (-1.6, 4.3), (1.6, 4.9)),
    ),
}  # fmt: skip


def curve(points: Points, closed: bool = False, steps: int = 10) -> list[tuple[float, float]]:
    """A smooth line (Catmull-Rom) through points."""
    p = np.asarray(points, float)
    p = np.concatenate([p[-1:], p, p[:2]]) if closed else np.concatenate([p[:1], p, p[-1:]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    pieces = [
        b + t * (c - a) / 2 + t**2 * (a - 2.5 * b + 2 * c - d / 2) + t**3 * (1.5 * (b - c) + (d - a) / 2)
        for a, b, c, d in zip(p, p[1:], p[2:], p[3:], strict=False)
    ]
    return [(x, y) for x, y in np.concatenate([*pieces, p[-2:-1]]).tolist()]


class Landscape:
    """A picture of class ids, painted from far to near. Places are pixels, y grows downwards.

    Args:
        seed: of the irregular outlines.
        horizon: the horizon's y.
        eye: the camera's height above the ground in metres.
        vanishing_x: where lines straight ahead vanish.
    """

    def __init__(self, seed: int, horizon: float = 120, eye: float = 1.7, vanishing_x: float = 128) -> None:
        self.random = np.random.default_rng(seed)
        self.horizon, self.eye, self.vanishing_x = horizon, eye, vanishing_x
        self.image = Image.new("L", (SIZE * FINE, SIZE * FINE), SKY)
        self.draw = ImageDraw.Draw(self.image)

    def fill(self, class_id: int, points: Points) -> None:
        """Paints a polygon."""
        self.draw.polygon([(x * FINE, y * FINE) for x, y in points], fill=class_id)

    def disc(self, x: float, y: float, radius: float) -> None:
        """Paints a clump of leaves."""
        box = (x - radius, y - radius, x + radius, y + radius)
        self.draw.ellipse([value * FINE for value in box], fill=TREE)

    def line(self, class_id: int, points: Points, width: float) -> None:
        """Paints a line."""
        self.draw.line([(x * FINE, y * FINE) for x, y in points], class_id, max(1, round(width * FINE)))

    def scale(self, y: float) -> float:
        """How many pixels a metre has where the ground lies at y."""
        return max(y - self.horizon, 1.0) / self.eye

    def spot(self, foot: Foot, across: float, up: float, along: float = 0.0) -> tuple[float, float]:
        """The pixel of a place given in metres from a foot: to the right, up and away from the camera."""
        near = self.scale(foot[1])
        far = 1 / (1 / near + along / FOCAL)
        x = self.vanishing_x + (foot[0] + across * near - self.vanishing_x) * far / near
        return x, self.horizon + (foot[1] - self.horizon) * far / near - up * far

    def shape(self, class_id: int, foot: Foot, outline: Points, size: float = 1.0) -> None:
        """Paints an outline given in metres (across, up), mirrored where size is negative."""
        self.fill(class_id, [self.spot(foot, size * across, abs(size) * up) for across, up in outline])

    def block(self, class_id: int, foot: Foot, box: Sequence[float], along: float = 0.0) -> None:
        """Paints an upright rectangle (left, right, low, top) in metres that faces the camera."""
        corners = ((box[0], box[2]), (box[0], box[3]), (box[1], box[3]), (box[1], box[2]))
        self.fill(class_id, [self.spot(foot, across, up, along) for across, up in corners])

    def wavy(self, points: Points, rough: float) -> list[tuple[float, float]]:
        """A smooth line from left to right through points, with irregular waves of `rough` pixels."""
        line = np.asarray(curve(points, steps=24))
        for length in (47.0, 23.0, 11.0, 5.0):
            phase = self.random.uniform(0, 2 * math.pi)
            line[:, 1] += rough * length / 47 * np.sin(line[:, 0] * 2 * math.pi / length + phase)
        return [(x, y) for x, y in line.tolist()]

    def ground(self, class_id: int, *points: tuple[float, float], rough: float = 0.4) -> None:
        """Paints everything below a line from left to right: meadow, water, sand."""
        self.fill(class_id, [*self.wavy(points, rough), (points[-1][0], SIZE), (points[0][0], SIZE)])

    def ridge(self, *points: tuple[float, float], rough: float = 0.16) -> None:
        """Paints a mountain ridge through summits and passes, broken up by midpoint displacement."""
        line = np.asarray(points, float)
        for _ in range(5):
            middle = (line[1:] + line[:-1]) / 2
            lengths = np.hypot(*np.diff(line, axis=0).T)
            middle[:, 1] += rough * lengths * self.random.uniform(-1, 1, len(middle))
            middle[:, 0] += 0.4 * rough * lengths * self.random.uniform(-1, 1, len(middle))
            line = np.insert(line, range(1, len(line)), middle, axis=0)
        self.fill(MOUNTAIN, [*map(tuple, line.tolist()), (points[-1][0], SIZE), (points[0][0], SIZE)])

    def ribbon(self, class_id: int, *places: tuple[float, float, float]) -> None:
        """Paints a road, a path or a river through places (x, y, half its width in pixels)."""
        left = curve([(x - half, y) for x, y, half in places], steps=20)
        right = curve([(x + half, y) for x, y, half in places], steps=20)
        self.fill(class_id, left + right[::-1])

    def crown(self, x: float, y: float, wide: float, high: float) -> None:
        """Paints leaves: boughs inside an ellipse with half axes in pixels, each with a ragged rim."""
        small = min(wide, high)
        count = round(8 * (max(wide, high) / small) ** 0.5)
        for i in range(3 * count):
            inner = i < 2 * count
            turn = 2 * math.pi * (i + self.random.uniform(-0.4, 0.4)) / count
            size = small * self.random.uniform(*((0.3, 0.42) if inner else (0.14, 0.34)))
            reach = self.random.uniform(0.3, 0.75) if inner else self.random.uniform(0.8, 1.08)
            across = x + (wide - size) * reach * math.cos(turn)
            down = y + (high - size) * reach * math.sin(turn) * (0.85 if math.sin(turn) > 0 else 1)
            self.disc(across, down, size)
            for angle in np.arange(0, 6.28, 0.5):
                out, clump = size * self.random.uniform((0.8, 0.1), (1.1, 0.3))
                self.disc(across + out * math.cos(angle), down + out * math.sin(angle), clump)

    def tree(self, x: float, y: float, height: float, width: float = 0.8, stem: float = 0.25) -> None:
        """Paints a broad-leaved tree: height in metres, width and bare stem as shares of the height."""
        tall = height * self.scale(y)
        thick = max(0.9, 0.022 * tall)
        crown = y - tall * (0.5 + stem / 2)
        root = [(x - 1.5 * thick, y), (x - thick, y - 0.05 * tall), (x - 0.7 * thick, crown)]
        self.fill(TREE, [*root, *((2 * x - across, up) for across, up in root[::-1])])
        for tip in (x - 0.24 * width * tall, x + 0.24 * width * tall):
            self.line(TREE, [(x, y - 0.8 * stem * tall), (tip, crown)], 0.7 * thick)
        self.crown(x, crown, width * tall / 2, tall * (1 - stem) / 2)

    def fir(self, x: float, y: float, height: float, width: float = 0.36) -> None:
        """Paints a fir: a stem and drooping tiers that grow narrower to the top."""
        tall = height * self.scale(y)
        self.fill(TREE, [(x - 0.02 * tall, y), (x - 0.01 * tall, y - tall), (x + 0.02 * tall, y)])
        tiers = max(5, min(11, round(tall / 7)))
        for i in range(tiers):
            low, top = 0.06 + 0.86 * i / tiers, 0.06 + 0.94 * min(1, (i + 1.9) / tiers)
            left, right = width * tall / 2 * (1 - low) ** 0.9 * self.random.uniform(0.75, 1.1, 2)
            droop, foot, top = (low - 0.04 * self.random.uniform(0.3, 1)) * tall, low * tall, top * tall
            tier = [(0, top), (-0.45 * left, foot + 0.05 * tall), (-left, droop), (0, foot)]
            tier += [(right, droop), (0.45 * right, foot + 0.05 * tall)]
            self.fill(TREE, [(x + across, y - up) for across, up in tier])

    def wood(self, *points: tuple[float, float], height: float, firs: float = 0.0) -> None:
        """Paints the edge of a wood or a hedge along its foot line; height in pixels, firs as a share."""
        line = np.asarray(curve(points, steps=24))
        x = points[0][0]
        while x < points[-1][0]:
            y = float(np.interp(x, line[:, 0], line[:, 1]))
            tall = height * self.random.uniform(0.68, 1.15)
            if self.random.random() < firs:
                self.fir(x, y, 1.25 * tall / self.scale(y), 0.42)
            else:
                self.crown(x, y - 0.55 * tall, 0.42 * tall, 0.45 * tall)
            x += height * self.random.uniform(0.3, 0.62)
        foot = self.wavy(points, 0.3)
        self.fill(TREE, [*foot, *((across, up - 0.5 * height) for across, up in foot[::-1])])

    def house(self, x: float, y: float, width: float, eaves: float, roof: float, gable: bool = False) -> None:
        """Paints a house with eaves and roof height in metres, seen from its long side or from a gable."""
        top, slope = eaves + roof, width / 2 if gable else 0.25 * roof
        self.block(BUILDING, (x, y), (0, width, 0, eaves))
        rim = ((-0.35, eaves - 0.2), (slope, top), (width - slope, top), (width + 0.35, eaves - 0.2))
        self.shape(BUILDING, (x, y), rim)
        chimney = width * (0.62 if gable else self.random.choice([0.16, 0.72]))
        self.block(BUILDING, (x, y), (chimney, chimney + 0.8, eaves, top + 0.7))

    def church(self, x: float, y: float, tower: float, spire: float) -> None:
        """Paints a church: a tower with a spire and a nave to its right; heights in metres."""
        steeple = ((0, 0), (0, tower), (-0.4, tower), (2.5, tower + spire), (5.4, tower), (5, tower), (5, 0))
        nave = ((4, 0), (4, 0.75 * tower), (17, 0.75 * tower), (18.5, 0.42 * tower), (18.5, 0))
        self.shape(BUILDING, (x, y), steeple)
        self.shape(BUILDING, (x, y), nave)
        self.block(BUILDING, (x, y), (2.35, 2.65, tower, tower + spire + 2))

    def terrace(self, x: float, y: float, *houses: tuple[float, float]) -> None:
        """Paints houses (length, height in metres) along the street, the first begins at the foot."""
        start = sum(length for length, _ in houses)
        outward = math.copysign(60, x - self.vanishing_x)
        for length, height in houses[::-1]:
            start -= length
            wall = ((0, start), (height, start), (height, start + length), (0, start + length))
            self.fill(BUILDING, [self.spot((x, y), 0, up, along) for up, along in wall])
            self.block(BUILDING, (x, y), (0, outward, 0, height), start)

    def car(self, x: float, y: float, outline: Points = SALOON) -> None:
        """Paints a car that stands along the street, its near end at the foot."""
        for left in (-0.88, 0.63):
            self.block(OBJECT, (x, y), (left, left + 0.25, 0, 0.6), 0.75)

        def corner(side: int, along: float, up: float) -> tuple[float, float]:
            return self.spot((x, y), side * (0.88 - 0.4 * max(0.0, up - 0.9)), up, along)

        for start, end in zip(outline, [*outline[1:], outline[0]], strict=True):
            self.fill(OBJECT, [corner(-1, *start), corner(1, *start), corner(1, *end), corner(-1, *end)])
        for side in (-1, 1):
            self.fill(OBJECT, [corner(side, *place) for place in outline])

    def people(self, *places: tuple[float, float]) -> None:
        """Paints people who stand or walk, a little different in height and step."""
        for place in places:
            self.shape(OBJECT, place, WALKER, self.random.choice([-1, 1]) * self.random.uniform(0.94, 1.05))

    def figure(self, name: str, x: float, y: float, size: float = 1.0) -> None:
        """Paints an animal or a boat of FIGURES, mirrored where size is negative."""
        smooth, *others = FIGURES[name]
        for outline in (curve(smooth, closed=True), *others):
            self.shape(OBJECT, (x, y), outline, size)

    def post(self, x: float, y: float, height: float, arm: float = 0.0) -> None:
        """Paints a post or a lamp post with an arm, at least one pixel wide."""
        wide = max(1.1, 0.12 * self.scale(y))
        top = self.spot((x, y), 0, height)
        self.line(OBJECT, [(x, y), top], wide)
        if arm:
            tip = self.spot((x, y), arm, height + 0.3)
            self.line(OBJECT, [top, tip, (tip[0] + arm * 0.5 * self.scale(y), tip[1])], 1.3 * wide)

    def ids(self) -> np.ndarray:
        """Return the picture as (SIZE, SIZE) uint8 ids."""
        return reduced(self.image, FINE, VOTE_WEIGHTS)
