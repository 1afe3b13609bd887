"""Named architectures: constructor settings of the generator and of the discriminator's decoder.

Every preset leaves the number of classes and the size to its user. Parameter and multiply-add counts are
asserted in tests/models/test_costs.py.
"""

from __future__ import annotations

_HALF = {
    "image_widths": (512, 512, 512, 256, 128, 64, 32),
    "encoder_widths": (32, 64, 64, 128, 128, 128),
    "modulation_widths": (32, 48, 64, 64, 64, 64),
    "mapping_width": 256,
    "num_noise_tokens": 16,
    "attention_dim": 32,
}

_SMALL = {
    "image_widths": (320, 320, 256, 128, 64, 32, 16),
    "encoder_widths": (16, 32, 48, 64, 96, 128),
    "modulation_widths": (16, 32, 48, 64, 80, 96),
    "encoder_convolutions": 1,
    "mapping_width": 128,
    "num_noise_tokens": 8,
    "attention_dim": 32,
    "noise_fields": 2,
    "noise_from_stride": 2,
    "smooth_output": True,
}

_OASIS = {
    "label_encoder": "none",
    "noise_injection": "spatial",
    "modulation_widths": (128,),
    "modulation_kernel": 3,
    "modulated_shortcut": True,
    "upsample": "nearest",
    "padding_mode": "zeros",
}

GENERATOR_PRESETS: dict[str, dict] = {"dpsims": {}, "base": _HALF, "small": _SMALL, "oasis": _OASIS}
"""Settings of DPSIMSGenerator by name; "oasis" is the baseline."""

DECODER_WIDTHS: dict[str, tuple[int, ...]] = {
    "dpsims": (512, 256, 256, 128, 64),
    "base": (256, 128, 128, 64, 32),
    "small": (256, 128, 128, 64, 32),
    "oasis": (512, 256, 256, 128, 128, 64),
}
"""Channels of the discriminator's decoder, coarse to fine, by preset name."""
