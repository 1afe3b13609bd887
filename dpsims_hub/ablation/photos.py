"""Photos of all arms of a study for the same label maps, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from dpsims_hub.ablation.plan import Run
from dpsims_hub.ablation.runner import Outcome
from dpsims_hub.evaluation.scenes import offsets_for
from dpsims_hub.evaluation.survey import read_pair
from dpsims_hub.labels import FolderDataset
from dpsims_hub.pictures.sheets import comparison_sheet, enlarge_photo, picture_of_map, save_picture
from dpsims_hub.pipelines.pipeline_dpsims import DPSIMSPipeline

MAPS = 5
COLUMN_WIDTH = 250  # pixels, approximately: photos are enlarged by whole factors


def draw_photos(outcomes: Sequence[Outcome], data: FolderDataset, path: Path) -> bool:
    """Draws label maps, real photos and one photo of each arm, all from the same latents.

    Of each arm it takes the finished run with the lowest seed, and of the data five pairs at equal distances.

    Args:
        outcomes: of the study.
        data: pairs that no run was trained on.
        path: of the PNG.

    Returns:
        False if no run is finished.
    """
    runs: dict[str, Run] = {}
    for outcome in outcomes:  # the lowest seed of every arm comes before the others
        if outcome.report is not None:
            runs.setdefault(outcome.run.arm.name, outcome.run)
    if not runs:
        return False
    pipes = [DPSIMSPipeline.from_pretrained(run.folder / "pipeline") for run in runs.values()]
    size = tuple(pipes[0].generator.config.sample_size)
    scale = max(1, round(COLUMN_WIDTH / size[1]))
    count = min(MAPS, len(data))
    rows = []
    for row in range(count):
        pair = read_pair(data, row * len(data) // count, size)
        photos = [pair.image]
        for pipe in pipes:
            random, offsets = torch.Generator().manual_seed(row), offsets_for(pipe, [pair], data.spec)
            photos += pipe(pair.label_map, generator=random, instance_offsets=offsets).images
        enlarged = [enlarge_photo(photo, scale) for photo in photos]
        rows.append([picture_of_map(pair.label_map, data.spec, scale), *enlarged])
    seeds = ", ".join(str(run.seed) for run in runs.values())
    footer = f"One photo of each arm for each map, from the same latents. Seeds of the runs: {seeds}."
    save_picture(comparison_sheet(rows, ["label map", "real photo", *runs], footer=footer), path)
    return True
