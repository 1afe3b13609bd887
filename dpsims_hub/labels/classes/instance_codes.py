"""Label maps with class and object in one number.

Cityscapes' instance ids, Mapillary Vistas and panoptic PNGs store `class * factor + n`, where n is the object
number. A panoptic PNG writes the number as a colour: red + 256 green + 65536 blue.
"""

from __future__ import annotations

import numpy as np

from dpsims_hub.labels.classes.errors import LabelMapError

CLASS_OR_CODE = "class or class*1000+n"
RULE = '"stored": {"instances":'  # start of the hint
FROM_0 = "class*1000+n from class 0"
CODINGS = {
    "class*1000+n": (1000, False),
    FROM_0: (1000, False),
    "class*256+n": (256, False),
    CLASS_OR_CODE: (1000, True),
}
"""Factor, and whether numbers below it are classes without objects, as in Cityscapes.

Because of such files "class*1000+n" refuses the numbers 1 to 999. `FROM_0` reads them as objects of class 0.
"""


def number_of_colours(pixels: np.ndarray, name: str) -> np.ndarray:
    """Return red + 256 green + 65536 blue of each pixel: shape (H, W), int64.

    `pixels` are (H, W, 3 or 4) uint8; `name` is for messages.

    Raises:
        LabelMapError: If a pixel is transparent.
    """
    if pixels.shape[-1] == 4 and (pixels[..., 3] != 255).any():
        raise LabelMapError(f"{name}: has transparent pixels; save the numbers as RGB without transparency.")
    return pixels[..., :3].astype(np.int64) @ np.array([1, 256, 65536])


def classes_of_numbers(numbers: np.ndarray, coding: str, name: str) -> np.ndarray:
    """Return the class in each of the (H, W) integers, by one of `CODINGS`; `name` is for messages.

    Raises:
        LabelMapError: If the numbers have too few bits for class and object, or if some seem to be a class
            alone, which this coding would read as class 0.
    """
    factor, plain = CODINGS[coding]
    if numbers.dtype.itemsize == 1 and not plain:
        raise LabelMapError(
            f"{name}: has 8 bits a pixel, too few for {coding}; give the maps that hold class and object, or "
            'take "instances" out of the stored-value rule.',
            "ids",
        )
    numbers = numbers.astype(np.int64)
    alone = numbers[(numbers > 0) & (numbers < factor)]
    if not plain and alone.size and factor == 1000 and coding != FROM_0:
        raise LabelMapError(
            f"{name}: number {alone[0]} is below 1000 and would be an object of class 0; where such numbers "
            f'are classes without objects, write {RULE} "{CLASS_OR_CODE}"}}, and where they are objects of '
            f'class 0, "{FROM_0}".',
            "code",
        )
    if not plain and alone.size and numbers.max() < factor and numbers.min() < numbers.max():
        raise LabelMapError(
            f"{name}: no number reaches {factor}, so that all would be objects of class 0; if these are "
            'plain ids, take "instances" out of the stored-value rule.',
            "ids",
        )
    return np.where(numbers < factor, numbers, numbers // factor) if plain else numbers // factor


def coding_hint(numbers: np.ndarray, valid: np.ndarray) -> str:
    """Return advice if numbers that are no classes fit one of `CODINGS`; else "".

    `numbers` are the distinct numbers of a map, ascending. `valid` (65536,) says of each value whether it is
    a class or unknown.
    """
    fitting = []
    for coding, (factor, plain) in CODINGS.items():
        if plain or coding == FROM_0 or numbers[0] < 0 or not factor <= numbers[-1] < factor * len(valid):
            continue
        classes, objects = np.divmod(numbers.astype(np.int64), factor)
        if valid[classes].all():
            fitting.append((int(objects.max()), coding))
    if not fitting:
        return ""
    coding = min(fitting)[1]  # objects are counted from 0, so the right factor gives the smallest numbers
    if CODINGS[coding][0] == 1000 and (alone := numbers[(numbers > 0) & (numbers < 1000)]).size:
        coding = CLASS_OR_CODE if valid[alone].all() else FROM_0
    return (
        f"the numbers look like {coding}, class and object in one; to read both, write "
        f'{RULE} "{coding}"}} into the classes.json'
    )
