"""The tiny generator that tests of every room share: milliseconds a photo, no two neighbouring widths alike.

Its stride is 4. The blocks in the middle keep their width, so that both kinds of shortcut occur.
"""

from __future__ import annotations

from pathlib import Path

import timm
import torch
from safetensors.torch import save_file
from torch import nn

from dpsims_hub.models import DPSIMSGenerator

SIZE = (16, 24)  # height, width of its photos
STRIDE = 4
LATENT_DIM = 6
TINY = {
    "latent_dim": LATENT_DIM,
    "image_widths": (16, 12, 12, 8),
    "encoder_widths": (8, 16, 16),
    "modulation_widths": (8, 16, 16),
    "mapping_width": 12,
    "num_noise_tokens": 2,
    "attention_dim": 4,
}


def tiny_generator(num_classes: int = 3, seed: int = 0, **settings) -> DPSIMSGenerator:
    """A generator in evaluation, with batch-norm statistics as after some training."""
    torch.manual_seed(seed)
    generator = DPSIMSGenerator(
        **{"num_classes": num_classes, "sample_size": SIZE, **TINY, **settings}
    ).eval()
    for module in generator.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(std=0.3)
            module.running_var.uniform_(0.5, 2.0)
    return generator


def save_tiny_backbone(path: Path) -> Path:
    """Writes random weights of timm's tiny residual network, always the same."""
    torch.manual_seed(1)
    save_file(timm.create_model("test_resnet").state_dict(), path)
    return path
