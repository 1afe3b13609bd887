"""Validation sheets: label map, real photo, two samples of the averaged generator."""

from __future__ import annotations

import torch
from PIL import Image
from torch import Tensor

from dpsims_hub.labels import ClassSpec, colorize
from dpsims_hub.models import DPSIMSGenerator
from dpsims_hub.pictures.sheets import comparison_sheet, fold_rows, photo_from_array

NUM_PREVIEWS = 12  # pairs on a sheet, always the same crops
_GROUPS = 2  # rows that are placed side by side


@torch.no_grad()
def validation_sheet(
    generator: DPSIMSGenerator, pairs: list[dict[str, Tensor]], spec: ClassSpec
) -> Image.Image:
    """A sheet with one row for each example; the latents are the same in every call."""
    device = next(generator.parameters()).device
    rng = torch.Generator().manual_seed(0)
    groups = min(_GROUPS, len(pairs))
    rows = []
    for pair in pairs:
        latents = torch.randn(2, generator.config.latent_dim, generator=rng).to(device)
        inputs = {
            name: pair[name][None].to(device) for name in ("label_map", "instance_offsets") if name in pair
        }
        photos = generator(**inputs, latents=latents).sample.float().cpu().numpy()
        colours = Image.fromarray(colorize(pair["label_map"].numpy(), spec))
        real = Image.fromarray(pair["real_images"].permute(1, 2, 0).numpy())
        rows.append([colours, real, *map(photo_from_array, photos)])
    return comparison_sheet(fold_rows(rows, groups), ["labels", "real", "sample 1", "sample 2"] * groups)
