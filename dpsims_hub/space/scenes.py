"""Example scenes, composed of the classes that a model has."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
from PIL import Image, ImageDraw

from dpsims_hub.labels import ClassSpec
from dpsims_hub.space.scene_book import SCENES
from dpsims_hub.space.scene_parts import NAMES, Part, Scene

WANTED = 6
MOST = 12  # our choice: the menu fits a screen, and the page grows by about 80 KB


def draw_scenes(spec: ClassSpec, size: tuple[int, int]) -> list[tuple[str, np.ndarray]]:
    """Return titles and label maps of a size (H, W) of the scenes that are possible with these classes.

    Classes are found by name and alias in any letter case. If there are fewer than `WANTED` scenes, maps with
    bands of classes are added.
    """
    drawn = [(scene.title, draw_scene(scene, spec, size)) for scene in SCENES if is_possible(scene, spec)]
    numbers = range(max(0, WANTED - len(drawn)))
    return [*drawn[:MOST], *((f"bands {number + 1}", draw_bands(spec, size, number)) for number in numbers)]


def is_possible(scene: Scene, spec: ClassSpec) -> bool:
    """Whether each required class exists, and no class is used for two of them."""
    found = [find_class(names, spec) for names in scene.needs]
    return None not in found and len(set(found)) == len(found)


def draw_scene(scene: Scene, spec: ClassSpec, size: tuple[int, int]) -> np.ndarray:
    """Return the scene's label map of a size (H, W), without the parts that no class fits."""
    canvas = Image.new("I", size[::-1], spec.ignore_index)
    brush = ImageDraw.Draw(canvas)
    for part in scene.parts:
        class_id = find_class(part.names, spec)
        if class_id is not None:
            _draw_part(brush, part, class_id, size)
    return np.asarray(canvas).astype(spec.dtype)


def find_class(names: str, spec: ClassSpec) -> int | None:
    """Return the id of the first class of `Part.names` that exists, or None."""
    for name in NAMES.get(names, names).split("|"):
        with suppress(KeyError):
            return spec.class_id(name)
    return None


def draw_bands(spec: ClassSpec, size: tuple[int, int], number: int) -> np.ndarray:
    """Return up to four horizontal bands of classes with a round patch of a fifth class, (H, W).

    Classes of the kind "stuff" are preferred. Maps of different `number`, from 0, start with different
    classes where possible.
    """
    stuff = [info.id for info in spec.classes if info.kind == "stuff"]
    ids = stuff if len(stuff) >= WANTED else list(range(spec.num_classes))
    chosen = [ids[(number + step * (1 + number // len(ids))) % len(ids)] for step in range(5)]
    rows, columns = (np.arange(side) / side for side in size)
    waves = rows[:, None] + 0.02 * np.sin(2 * np.pi * (columns + number / WANTED))
    label_map = np.array(chosen[:4])[np.clip(waves * 4, 0, 3).astype(int)]
    patch = ((rows[:, None] - 0.7) / 0.15) ** 2 + ((columns - 0.2 - 0.1 * number) / 0.12) ** 2 < 1
    label_map[patch] = chosen[4]
    return label_map.astype(spec.dtype)


def _draw_part(brush: ImageDraw.ImageDraw, part: Part, class_id: int, size: tuple[int, int]) -> None:
    """Draw one part; its coordinates are in per cent of width and height."""
    height, width = size
    points = [(x * width / 100, y * height / 100) for x, y in part.points]
    if part.form == "area":
        brush.polygon(points, fill=class_id)
        return
    (left, top), (right, bottom) = points
    inside = (left, top, max(left, right - 1), max(top, bottom - 1))  # Pillow draws the last pixel too
    if part.form == "box":
        brush.rectangle(inside, fill=class_id)
    else:
        brush.ellipse(inside, fill=class_id)
