"""Copy a data folder with white skies as unknown, so that a model does not learn burnt skies.

    python tools/white_skies.py outdoor/train outputs/outdoor_train
    python tools/white_skies.py outdoor/val --model outdoor     # without a destination: measure only

Without a destination it prints the share of the sky's pixels with all channels at 250 or more, the mean over
photos with sky: of the real photos and, with a model, of one generated photo of each map at the model's size.

Where more than two fifths of a photo's Sky are near white (all channels from 240 on), that photo's Sky
becomes unknown: the discriminator never sees it as Sky. Photos, other classes and other skies stay.
The numbers are our choice: clouds in a blue sky stay below them.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from dpsims_hub.commands.model_options import load_pipeline
from dpsims_hub.evaluation.exposure import CLIPPED
from dpsims_hub.evaluation.survey import read_pair
from dpsims_hub.labels import FolderDataset
from dpsims_hub.pipelines.pipeline_dpsims import DPSIMSPipeline

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


def burnt_share(photos: Iterable[tuple[np.ndarray, np.ndarray]]) -> float:
    """Share of a sky that is white as in `dpsims evaluate`, mean over photos with sky.

    Photos are (H, W, 3) uint8, each with its sky (H, W).
    """
    skies = [photo[sky] for photo, sky in photos if sky.any()]
    return float(np.mean([(sky >= 255 - CLIPPED).all(axis=1).mean() for sky in skies]))


def measured_shares(data: FolderDataset, pipe: DPSIMSPipeline | None) -> dict[str, float]:
    """`burnt_share` of the real photos, and with a model of the generated ones; photo k has the seed k."""
    sky_id = data.spec.class_id("sky")
    size = None if pipe is None else tuple(pipe.generator.config.sample_size)
    pairs = [data[k] if size is None else read_pair(data, k, size) for k in range(len(data))]
    skies = [pair.label_map == sky_id for pair in pairs]
    photos = {"real": [np.asarray(pair.image) for pair in pairs]}
    if pipe is not None:
        draws = [torch.Generator().manual_seed(k) for k in range(len(pairs))]
        made = [pipe(pair.label_map, generator=draw) for pair, draw in zip(pairs, draws, strict=True)]
        photos["generated"] = [np.asarray(one.images[0]) for one in made]
    return {kind: burnt_share(zip(shown, skies, strict=True)) for kind, shown in photos.items()}


def main() -> None:
    """Command line; says how many skies became unknown, or how white they are."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("destination", type=Path, nargs="?")
    parser.add_argument("--model", help="without a destination: measure its photos too")
    arguments = parser.parse_args()
    if arguments.destination is None:
        pipe = load_pipeline(arguments.model, None, "fp32") if arguments.model else None
        data = FolderDataset(arguments.source)
        for kind, share in measured_shares(data, pipe).items():
            print(f"{len(data)} {kind} photos: {share:.1%} of the sky at 250 or more")
        return
    changed = without_white_skies(arguments.source, arguments.destination)
    print(f"{arguments.destination}: {changed} skies are unknown now")


if __name__ == "__main__":
    main()
