"""Named architectures: constructor settings of the generator and of the discriminator.

They do not include the number of classes and the size. tests/models/test_costs.py checks their numbers of
parameters and multiply-adds.
"""

from __future__ import annotations

GENERATOR_PRESETS: dict[str, dict] = {
    "paper": {
        "image_widths": (1024, 1024, 1024, 512, 256, 128, 64),
        "encoder_widths": (64, 128, 128, 256, 256, 256),
        "modulation_widths": (128,) * 6,
        "encoder_full_resolution": True,
        "encoder_upsample": "nearest",
        "label_resize": "corner",
        "noise_at": "encoder",
        "rms_normalization": False,
        "modulation_kernel": 3,
        "modulation_hidden": 128,
        "modulated_shortcut": True,
        "upsample": "nearest",
        "padding_mode": "zeros",
    },
    "dpsims": {},
    "base": {
        "image_widths": (512, 512, 512, 256, 128, 64, 32),
        "encoder_widths": (32, 64, 64, 128, 128, 128),
        "modulation_widths": (32, 48, 64, 64, 64, 64),
        "mapping_width": 256,
        "num_noise_tokens": 16,
        "attention_dim": 32,
    },
    "small": {
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
    },
    "oasis": {
        "label_encoder": "none",
        "noise_injection": "spatial",
        "modulation_widths": (128,),
        "modulation_kernel": 3,
        "modulated_shortcut": True,
        "upsample": "nearest",
        "padding_mode": "zeros",
        "label_resize": "corner",
        "initialization": "xavier",
    },
}
"""Settings of DPSIMSGenerator by preset name.

"paper" is DP-SIMS as far as it is known; docs/paper_to_code.md explains each value. "dpsims" is our version
of the same size. "oasis" is the baseline as published.
"""

DISCRIMINATOR_PRESETS: dict[str, dict] = {
    "paper": {
        "decoder_widths": (512, 256, 256, 128, 64),
        "bounded_blocks": False,
        "bounded_head": False,
        "head_activation": False,
    },
    "dpsims": {"decoder_widths": (512, 256, 256, 128, 64)},
    "base": {"decoder_widths": (256, 128, 128, 64, 32)},
    "small": {"decoder_widths": (256, 128, 128, 64, 32)},
    "oasis": {"decoder_widths": (512, 256, 256, 128, 128, 64), "initialization": "xavier"},
}
"""Settings of DPSIMSDiscriminator by preset name."""

OASIS_ENCODER_WIDTHS = (128, 128, 256, 256, 512, 512)
"""Channels of OASIS's own encoder, fine to coarse."""
