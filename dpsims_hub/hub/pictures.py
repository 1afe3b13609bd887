"""Example layouts, and the sheet of photos of label maps that a folder to publish contains."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image

from dpsims_hub.bundled import NAMES, bundled_examples
from dpsims_hub.labels import ClassSpec, read_label_map
from dpsims_hub.labels.reading.resizing import resize_label_map
from dpsims_hub.pictures.sheets import comparison_sheet, enlarge_photo, picture_of_map
from dpsims_hub.pipelines.pipeline_dpsims import DPSIMSPipeline

MAX_MAPS = 4
PHOTOS = 3
SEED = 0
SHOWN_HEIGHT = 192  # pixels; small photos are enlarged by a whole factor to about this height


def example_maps(spec: ClassSpec) -> list[Path]:
    """The bundled example layouts with these classes; an empty list for other classes."""
    fitting = (name for name in NAMES if ClassSpec.load(name).names == spec.names)
    return [path for name in fitting for path in bundled_examples(name)]


def sample_sheet(pipe: DPSIMSPipeline, maps: Sequence[str | Path]) -> Image.Image:
    """One row for each of the first `MAX_MAPS` label maps: the map in the class colours, and photos of it.

    Maps are resized to the model's training size. A model with instance offsets gets zeros, which stand for a
    map without objects.

    Raises:
        FileNotFoundError: a path does not exist.
        ValueError: a map cannot be read, or there is none.
    """
    size = tuple(pipe.generator.config.sample_size)
    scale = max(1, round(SHOWN_HEIGHT / size[0]))
    rows = []
    for number, path in enumerate(maps[:MAX_MAPS]):
        ids = resize_label_map(read_label_map(path, pipe.spec), size)
        offsets = torch.zeros(1, 2, *size) if pipe.generator.config.use_instance_offsets else None
        random = torch.Generator().manual_seed(SEED + number)
        photos = pipe(ids, PHOTOS, random, instance_offsets=offsets).images
        rows.append([picture_of_map(ids, pipe.spec, scale), *(enlarge_photo(one, scale) for one in photos)])
    return comparison_sheet(rows, ["label map", *(f"photo {number + 1}" for number in range(PHOTOS))])
