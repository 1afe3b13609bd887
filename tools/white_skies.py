"""Copy a data folder with white skies as unknown, so that a model does not learn burnt skies.

    python tools/white_skies.py outdoor/train outputs/outdoor_train

Where more than two fifths of a photo's Sky are near white (all channels from 240 on), that photo's Sky
becomes unknown: the discriminator never sees it as Sky. Photos, other classes and other skies stay.
The numbers are our choice: clouds in a blue sky stay below them.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from dpsims_hub.labels import FolderDataset

WHITE = 240  # levels of 255
SHARE = 0.4


def is_white(photo: np.ndarray, sky: np.ndarray) -> bool:
    """Whether the sky (H, W) of a photo (H, W, 3) uint8 is near white."""
    return bool(sky.any()) and (photo[sky].min(axis=1) >= WHITE).mean() > SHARE


def without_white_skies(source: Path, destination: Path) -> int:
    """Copy the data and return the number of skies that became unknown.

    Raises:
        FileExistsError: the destination exists.
        KeyError: the data have no class Sky.
    """
    data = FolderDataset(source)
    sky_id = data.spec.class_id("sky")
    shutil.copytree(source, destination)
    changed = 0
    for sample in data:
        sky = sample.label_map == sky_id
        if is_white(np.asarray(sample.image), sky):
            ids = np.where(sky, data.spec.ignore_index, sample.label_map)
            Image.fromarray(ids.astype(np.uint8)).save(destination / "labels" / f"{sample.stem}.png")
            changed += 1
    return changed


def main() -> None:
    """Command line; says how many skies became unknown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("destination", type=Path)
    arguments = parser.parse_args()
    changed = without_white_skies(arguments.source, arguments.destination)
    print(f"{arguments.destination}: {changed} skies are unknown now")


if __name__ == "__main__":
    main()
