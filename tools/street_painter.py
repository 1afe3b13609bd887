"""Draws street scenes of class ids in perspective, for `draw_examples.py`.

Objects are placed in metres on a flat street in front of a camera at car-roof height and drawn from far to
near. The picture is drawn at four times its size and reduced by a weighted vote of the ids: thin poles stay.
"""

import argparse
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

WIDTH, HEIGHT, FINE = 256, 192, 4
FOCAL = 1.0 * WIDTH * FINE  # the camera sees 53 degrees, about as CamVid's do
CAMERA_HEIGHT = 1.4
SKY, BUILDING, POLE, ROAD, PAVEMENT, TREE, SIGN, FENCE, CAR, PERSON, CYCLIST = range(11)
VOTE_WEIGHTS = {POLE: 1.8, SIGN: 1.5, PERSON: 1.3, CYCLIST: 1.3}

Outline = Sequence[tuple[float, float]]  # metres: (across, up) of people, (along, up) of cars
WALKER: Outline = (
    (-0.18, 0), (-0.24, 0.45), (-0.2, 0.85), (-0.3, 0.95), (-0.3, 1.35), (-0.2, 1.46), (-0.08, 1.5),
    (-0.13, 1.62), (-0.08, 1.75), (0.08, 1.75), (0.13, 1.62), (0.08, 1.5), (0.2, 1.46), (0.3, 1.35),
    (0.28, 0.95), (0.2, 0.85), (0.26, 0.4), (0.3, 0), (0.12, 0), (0.04, 0.7), (-0.04, 0),
)  # fmt: skip
RIDER: Outline = (
    (-0.05, 0), (-0.07, 0.45), (-0.24, 0.5), (-0.26, 0.95), (-0.33, 1.1), (-0.3, 1.45), (-0.1, 1.6),
    (-0.14, 1.75), (-0.08, 1.88), (0.08, 1.88), (0.14, 1.75), (0.1, 1.6), (0.3, 1.45), (0.33, 1.1),
    (0.26, 0.95), (0.2, 0.5), (0.07, 0.45), (0.05, 0),
)  # fmt: skip
SALOON: Outline = (
    (0.0, 0.25), (0.05, 0.8), (0.75, 0.95), (1.35, 1.4), (2.7, 1.45), (3.5, 1.0), (4.3, 0.85), (4.3, 0.25),
)  # fmt: skip
HATCHBACK: Outline = ((0.0, 0.25), (0.0, 0.9), (0.4, 1.45), (2.2, 1.5), (3.0, 0.98), (3.9, 0.8), (3.9, 0.25))
VAN: Outline = ((0.0, 0.3), (0.0, 2.15), (3.9, 2.25), (4.6, 1.3), (5.3, 1.05), (5.3, 0.3))


class Street:
    """A picture of class ids, painted from far to near.

    Metres: x to the right of the camera, up from the ground, z ahead of the camera.

    Args:
        seed: of the irregular outlines.
        vanishing_x: where the street vanishes, as a share of the width.
        horizon: the horizon's distance from the top, as a share of the height.
    """

    def __init__(self, seed: int, vanishing_x: float = 0.5, horizon: float = 0.53) -> None:
        self.random = np.random.default_rng(seed)
        self.centre = (vanishing_x * WIDTH * FINE, horizon * HEIGHT * FINE)
        self.image = Image.new("L", (WIDTH * FINE, HEIGHT * FINE), SKY)
        self.draw = ImageDraw.Draw(self.image)

    def point(self, x: float, up: float, z: float) -> tuple[float, float]:
        """The pixel of a place in the street."""
        return self.centre[0] + FOCAL * x / z, self.centre[1] + FOCAL * (CAMERA_HEIGHT - up) / z

    def face(self, class_id: int, *corners: tuple[float, float, float]) -> None:
        """Paints a flat face given by its corners (x, up, z)."""
        self.draw.polygon([self.point(*corner) for corner in corners], fill=class_id)

    def block(
        self, class_id: int, left: float, right: float, z: float, top: float, bottom: float = 0.0
    ) -> None:
        """Paints an upright rectangle that faces the camera."""
        self.face(class_id, (left, bottom, z), (left, top, z), (right, top, z), (right, bottom, z))

    def disc(self, class_id: int, x: float, up: float, z: float, radius: float) -> None:
        """Paints a disc that faces the camera."""
        (across, down), size = self.point(x, up, z), FOCAL * radius / z
        self.draw.ellipse((across - size, down - size, across + size, down + size), fill=class_id)

    def wall(self, class_id: int, x: float, near: float, far: float, height: float) -> None:
        """Paints an upright wall along the street."""
        self.face(class_id, (x, 0, near), (x, height, near), (x, height, far), (x, 0, far))

    def ground(self, class_id: int, left: float, right: float, near: float = 1.0, far: float = 150.0) -> None:
        """Paints a strip of ground along the street."""
        self.face(class_id, (left, 0, near), (right, 0, near), (right, 0, far), (left, 0, far))

    def street(
        self, left: float = -2.2, right: float = 4.6, walls: tuple[float, float] = (-5.0, 7.4)
    ) -> None:
        """Paints road between two kerbs, and pavement up to the walls."""
        self.ground(PAVEMENT, walls[0] - 0.3, walls[1] + 0.3)
        self.ground(ROAD, left, right)

    def terrace(self, x: float, near: float, far: float, height: float, house: float = 7.0) -> None:
        """Paints a row of houses along the street: eaves of uneven height, sloping roofs, chimneys."""
        outward = math.copysign(1.0, x)
        step = house * self.random.uniform(0.9, 1.1)
        for start in np.arange(far - step, near - step, -step):
            z0, z1 = max(start, near), max(start, near) + step * 1.02
            eaves = height * self.random.uniform(0.86, 1.14)
            ridge = eaves + self.random.uniform(1.0, 2.2)
            back = x + outward * 3.5
            self.block(BUILDING, back - 0.5, back + 0.5, z1, ridge + 1.1, ridge - 0.5)
            self.face(BUILDING, (x, eaves, z0), (back, ridge, z0), (back, ridge, z1), (x, eaves, z1))
            self.face(BUILDING, (x, 0, z0), (x, eaves, z0), (back, ridge, z0), (back, 0, z0))
            self.block(BUILDING, *sorted((back, back + outward * 30)), z0, ridge)
            self.wall(BUILDING, x, z0, z1, eaves)

    def skyline(
        self, class_id: int, left: float, right: float, z: float, height: float, rough: float
    ) -> None:
        """Paints distant, irregular roofs or tree tops across the end of the street."""
        width = 0.05 * z if class_id == BUILDING else 0.02 * z
        for start in np.arange(left, right, width):
            self.block(class_id, start, start + width, z, height * self.random.uniform(1 - rough, 1 + rough))

    def tree(self, x: float, z: float, height: float, radius: float) -> None:
        """Paints a trunk and a crown made of a few boughs, each with a ragged rim of leaf clumps."""
        self.block(TREE, x - 0.17, x + 0.17, z, height)
        for _ in range(9):
            angle, reach = self.random.uniform(0, 2 * math.pi), radius * self.random.uniform(0.2, 0.65)
            bough = (x + reach * math.cos(angle), height + 0.8 * reach * math.sin(angle))
            size = radius * self.random.uniform(0.28, 0.46)
            self.disc(TREE, *bough, z, size)
            for turn in np.arange(0, 2 * math.pi, 0.35):
                out = size * self.random.uniform(0.85, 1.2)
                clump = (bough[0] + out * math.cos(turn), bough[1] + out * math.sin(turn))
                self.disc(TREE, *clump, z, size * self.random.uniform(0.08, 0.22))

    def pole(self, x: float, z: float, height: float, arm: float = 0.0, thickness: float = 0.14) -> None:
        """Paints a lamp post, with an arm over the street, or a bollard; one pixel wide where it is far."""
        (across, top), bottom = self.point(x, height, z), self.point(x, 0, z)[1]
        width = FOCAL * thickness / z
        if width < 1.5 * FINE:  # align with the pixel grid, or the pole would be lost in two half pixels
            width, across = FINE - 1, (across // FINE + 0.5) * FINE
        self.draw.rectangle((across - width / 2, top, across + width / 2, bottom), fill=POLE)
        if arm:
            tip, thick = across + FOCAL * arm / z, max(FINE, FOCAL * 0.15 / z)
            self.draw.polygon(
                [(across, top), (tip, top - thick), (tip, top), (across, top + thick)], fill=POLE
            )

    def sign(self, x: float, z: float, up: float = 2.4, width: float = 0.7, height: float = 0.7) -> None:
        """Paints a sign or a traffic light on its pole."""
        self.pole(x, z, up, thickness=0.09)
        self.block(SIGN, x - width / 2, x + width / 2, z, up + height / 2, up - height / 2)

    def figure(self, class_id: int, outline: Outline, x: float, z: float, size: float = 1.0) -> None:
        """Paints an upright figure that faces the camera, from its outline in metres."""
        self.face(class_id, *((x + size * across, abs(size) * up, z) for across, up in outline))

    def walkers(self, *places: tuple[float, float]) -> None:
        """Paints pedestrians at (x, z), a little different in height and step."""
        for x, z in places:
            self.figure(PERSON, WALKER, x, z, self.random.choice([-1, 1]) * self.random.uniform(0.94, 1.04))

    def rider(self, x: float, z: float) -> None:
        """Paints a cyclist along the street: rider above, one wheel below."""
        self.figure(CYCLIST, RIDER, x, z)

    def crossing_rider(self, x: float, z: float) -> None:
        """Paints a cyclist seen from the side: two wheels, thin tubes, a back that leans forward."""
        bike = (((-0.5, 0.34), (-0.15, 0.85)), ((-0.15, 0.85), (0.42, 0.85)), ((0.42, 1.05), (0.52, 0.34)))
        body = (((-0.18, 0.98), (0.05, 0.3)), ((-0.18, 1.0), (0.22, 1.42)), ((0.2, 1.38), (0.45, 1.02)))
        for wheel in (-0.5, 0.52):
            self.disc(CYCLIST, x + wheel, 0.34, z, 0.34)
        for tubes, thickness in ((bike, 0.1), (body, 0.22)):
            for start, end in tubes:
                ends = [self.point(x + across, up, z) for across, up in (start, end)]
                self.draw.line(ends, fill=CYCLIST, width=max(FINE, round(FOCAL * thickness / z)))
        self.disc(CYCLIST, x - 0.18, 0.98, z, 0.15)
        self.disc(CYCLIST, x + 0.32, 1.62, z, 0.14)

    def car(self, x: float, z: float, outline: Outline = SALOON, width: float = 1.75) -> None:
        """Paints a car along the street: its side outline extruded over its width, narrower at the roof.

        `x` is its middle, `z` the distance of its rear end.
        """
        length = outline[-1][0]
        for side in (-1, 1):
            for axle in (0.75, length - 0.75):
                wheel = [(0.32 + 0.32 * math.sin(a), 0.32 * math.cos(a)) for a in np.arange(0, 6.28, 0.4)]
                self.face(CAR, *((x + side * width / 2, up, z + axle + along) for up, along in wheel))
            outer, inner = x + side * width / 2, x + side * (width / 2 - 0.25)
            self.block(CAR, *sorted((outer, inner)), z + 0.3, 0.6)

        def corner(side: int, along: float, up: float) -> tuple[float, float, float]:
            return x + side * (width / 2 - 0.3 * max(0.0, min(up, 1.5) - 0.9)), up, z + along

        for side in (-1, 1):
            self.face(CAR, *(corner(side, *place) for place in outline))
        for start, end in zip(outline, outline[1:], strict=False):
            self.face(CAR, corner(-1, *start), corner(1, *start), corner(1, *end), corner(-1, *end))

    def crossing_car(self, x: float, z: float, outline: Outline = SALOON) -> None:
        """Paints a car seen from the side; x is its rear end."""
        self.face(CAR, *((x + along, up, z) for along, up in outline))
        for axle in (0.8, outline[-1][0] - 0.8):
            self.disc(CAR, x + axle, 0.32, z, 0.32)

    def ids(self) -> np.ndarray:
        """Return the picture as (HEIGHT, WIDTH) uint8 ids."""
        return reduced(self.image, FINE, VOTE_WEIGHTS)


def reduced(image: Image.Image, times: int, weights: Mapping[int, float]) -> np.ndarray:
    """Return an image of ids smaller by a factor: each square of pixels votes for its id, with weights."""
    pixels = np.asarray(image)
    height, width = pixels.shape
    squares = pixels.reshape(height // times, times, width // times, times)
    votes = [(squares == one).sum(axis=(1, 3)) * weights.get(one, 1.0) for one in range(pixels.max() + 1)]
    return np.argmax(votes, axis=0).astype(np.uint8)


def draw_layouts(scenes: Sequence[Callable], palette: list[int], folder: Path) -> None:
    """Writes each scene as an 8-bit palette PNG into the folder, or into that of --output."""
    parser = argparse.ArgumentParser(description="Draw the bundled example layouts.")
    parser.add_argument("--output", type=Path, default=folder, help="folder for the PNGs")
    folder = parser.parse_args().output
    folder.mkdir(parents=True, exist_ok=True)
    for scene in scenes:
        layout = Image.fromarray(scene().ids())
        layout.putpalette(palette)
        layout.save(folder / f"{scene.__name__}.png", bits=8, optimize=True)
    print(f"drew {len(scenes)} layouts of {layout.width}x{layout.height} into {folder}")
