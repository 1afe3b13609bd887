"""Settings that make the tiny generator one of every kind, and maps and latents for it."""

from __future__ import annotations

import torch
from torch import Tensor

from dpsims_hub.models import GENERATOR_PRESETS
from tests.tiny import LATENT_DIM

NUM_CLASSES = 3
IGNORE = 255


def _without_widths(preset: str) -> dict:
    settings = GENERATOR_PRESETS[preset].items()
    return {name: value for name, value in settings if not name.endswith("_widths")}


OASIS = {**_without_widths("oasis"), "modulation_widths": (10,)}
OASIS.pop("initialization")  # its weights are too small to compare photos

PAPER = {
    **_without_widths("paper"),
    "encoder_widths": (8, 16, 12),
    "modulation_widths": (8, 8, 8),
    "modulation_hidden": 10,
}

KINDS = {
    "paper": PAPER,
    "noise at modulation": {},
    "noise at encoder": {"noise_at": "encoder"},
    "noise fields": {"noise_fields": 2},
    "noise fields at encoder": {"noise_fields": 2, "noise_at": "encoder"},
    "spatial noise": {"noise_injection": "spatial", "padding_mode": "zeros", "modulation_kernel": 3},
    "no noise": {"noise_injection": "none"},
    "smooth output": {"smooth_output": True},
    "oasis": OASIS,
}


def some_maps(count: int, height: int = 8, width: int = 12, seed: int = 0) -> Tensor:
    """Maps (count, height, width) with every class and some ignored pixels."""
    random = torch.Generator().manual_seed(seed)
    ids = torch.randint(0, NUM_CLASSES + 1, (count, height, width), generator=random)
    return ids.where(ids < NUM_CLASSES, IGNORE)


def assert_same(result: Tensor, expected: Tensor) -> None:
    """Equal up to rounding: the order of sums depends on where in memory a tensor happens to lie."""
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-5)


def some_latents(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, LATENT_DIM, generator=torch.Generator().manual_seed(seed))
