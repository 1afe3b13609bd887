"""The effect of instance offsets on the photos of a model that reads them.

    python tools/show_instances.py --model outputs/mine/pipeline --data cityscapes/train

A row for each map: the map with the borders between objects of one class, the photo with the pair's objects,
the photo of the same noise where all pixels of a class are one object, and four times their difference.
Prints the share of the difference on objects.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from dpsims_hub import DPSIMSPipeline
from dpsims_hub.labels import ClassSpec, FolderDataset, instance_offsets
from dpsims_hub.labels.transforms.augment import resize_pair
from dpsims_hub.pictures.sheets import comparison_sheet, picture_of_map, save_picture


def borders(instance_ids: np.ndarray, label_map: np.ndarray) -> np.ndarray:
    """Pixels (H, W) whose right or lower neighbour has the same class and another object."""
    found = np.zeros(label_map.shape, dtype=bool)
    for axis in (0, 1):
        here, there = (slice(None, -1), slice(1, None)) if axis == 0 else (np.s_[:, :-1], np.s_[:, 1:])
        same = label_map[here] == label_map[there]
        found[here] |= same & (instance_ids[here] != instance_ids[there])
    return found


def photo_of(pipe: DPSIMSPipeline, label_map: np.ndarray, objects: np.ndarray, spec: ClassSpec) -> np.ndarray:
    """A photo (H, W, 3) in [0, 1] of noise 0 with these object numbers (H, W)."""
    offsets = torch.from_numpy(instance_offsets(objects, label_map, spec))[None]
    random = torch.Generator().manual_seed(0)
    return pipe(label_map, instance_offsets=offsets, generator=random, output_type="np").images[0]


def row_of(pipe: DPSIMSPipeline, label_map: np.ndarray, objects: np.ndarray) -> tuple[list, float]:
    """Four pictures of a map, and the share of the difference on things."""
    spec = pipe.spec
    own, merged = (photo_of(pipe, label_map, each, spec) for each in (objects, np.zeros_like(objects)))
    difference = np.abs(own - merged)
    things = np.isin(label_map, [info.id for info in spec.classes if info.kind == "thing"])
    drawn = np.asarray(picture_of_map(label_map, spec)).copy()
    drawn[borders(objects, label_map)] = 255
    photos = [np.uint8(np.clip(photo, 0, 1) * 255) for photo in (own, merged, 4 * difference)]
    share = float(difference[things].sum() / max(difference.sum(), 1e-9))
    return [Image.fromarray(picture) for picture in (drawn, *photos)], share


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True, help="a pipeline folder whose generator reads offsets")
    parser.add_argument("--data", type=Path, required=True, help="pairs with instances/")
    parser.add_argument("--output", type=Path, default=Path("outputs/instances.png"))
    parser.add_argument("--count", type=int, default=5, help="maps (default: 5)")
    arguments = parser.parse_args()
    pipe = DPSIMSPipeline.from_pretrained(arguments.model)
    folder, rows = FolderDataset(arguments.data), []
    for index in range(min(arguments.count, len(folder))):
        pair = resize_pair(folder[index], tuple(pipe.generator.config.sample_size))
        pictures, share = row_of(pipe, pair.label_map, pair.instance_ids)
        rows.append(pictures)
        print(f"{pair.stem}: {share:.0%} of the difference on objects")
    headers = ("map, borders of objects", "photo", "each class one object", "difference x 4")
    print(save_picture(comparison_sheet(rows, headers), arguments.output))


if __name__ == "__main__":
    main()
