"""Photos of label maps in batches, and a sheet of them."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from dpsims_hub.generation.jobs import Job, plan_batches, read_map
from dpsims_hub.pictures.sheets import comparison_sheet, enlarge_photo, flow_legend, picture_of_map

if TYPE_CHECKING:
    from PIL import Image

    from dpsims_hub.pipelines.pipeline_dpsims import DPSIMSPipeline


def make_photos(
    pipe: "DPSIMSPipeline", jobs: Sequence[Job], *, seed: int, num_images: int, batch_size: int
) -> Iterator[tuple[Job, int, "Image.Image"]]:
    """Makes K = `num_images` photos of each map; yields (map, k, photo). Photo k has the seed `seed` + k."""
    import torch

    for batch, numbers in plan_batches(jobs, num_images, batch_size):
        order = [(job, number) for job in batch for number in numbers]
        photos = pipe(
            [read_map(job, pipe.spec) for job in batch],
            num_images_per_label=len(numbers),
            generator=[torch.Generator().manual_seed(seed + number) for _, number in order],
        ).images
        for (job, number), photo in zip(order, photos, strict=True):
            yield job, number, photo


def draw_sheet(pipe: "DPSIMSPipeline", shown: dict[Job, list["Image.Image"]], seed: int) -> "Image.Image":
    """A sheet of maps and their photos from `seed` on, with a legend of the classes that occur."""
    rows, captions, ids = [], [], set()
    for job, photos in shown.items():
        label_map = read_map(job, pipe.spec)
        scale = max(1, 256 // label_map.shape[1])
        rows.append([picture_of_map(label_map, pipe.spec, scale)] + [enlarge_photo(p, scale) for p in photos])
        captions.append([job.path.stem] + [f"seed {seed + number}" for number in range(len(photos))])
        ids.update(np.unique(label_map).tolist())
    width = max(sum(picture.width for picture in row) for row in rows)
    return comparison_sheet(rows, captions=captions, legend=flow_legend(pipe.spec, sorted(ids), width))
