"""Settings of arms: OASIS, the paper and a trained encoder of D, at the widths of the preset small."""

from __future__ import annotations

from dpsims_hub.models import DISCRIMINATOR_PRESETS, GENERATOR_PRESETS
from dpsims_hub.training.presets import PRESETS

WITHOUT_FEATURE_LOSSES = {
    "weight_contrastive": 0.0,
    "diversity_strides": (),
    "diversity_threshold": 0.15,
    "weight_diversity": 10.0,
}
"""Without backbone features: no contrastive term, diversity by the L1 distance of images (as recalled)."""

EQUAL_TRAINING = {"resize_mode": "crop", "max_zoom": 1.4, "ema_warmup": True}
"""Data and EMA of all arms of a comparison with OASIS; the user's flags override these settings."""

OASIS_METHOD = {name: value for name, value in PRESETS["oasis"].items() if name not in EQUAL_TRAINING}
"""The preset oasis without the settings of `EQUAL_TRAINING`."""

OWN_ENCODER = {
    "backbone": "none",
    "feature_conditioning": "none",
    "discriminator_config": {"image_encoder_widths": [16, 24, 48, 120, 352]},
}
"""A trained encoder with the channels of EfficientNet-Lite2's feature maps instead of a frozen backbone."""

SMALL_OASIS_GENERATOR = {
    **GENERATOR_PRESETS["oasis"],
    "image_widths": list(GENERATOR_PRESETS["small"]["image_widths"]),
    "modulation_widths": [40],  # 128 * 320 / 1024
}
"""OASIS's generator with the image widths of the preset small; the modulation is scaled in proportion."""

SMALL_OASIS_DISCRIMINATOR = {
    "image_encoder_widths": [32, 32, 64, 64, 128, 128],
    "decoder_widths": [128, 64, 64, 32, 32, 16],
    "initialization": "xavier",
}
"""OASIS's discriminator with a quarter of its widths."""

SMALL_OASIS = {
    **OASIS_METHOD,
    "preset": "oasis",
    "generator_config": SMALL_OASIS_GENERATOR,
    "discriminator_config": SMALL_OASIS_DISCRIMINATOR,
    "train_batch_size": 8,  # as many generated photos per step as 4 label maps with 2 latents each
    "ema_decay": 0.999,
}

SMALL_PAPER = {
    "generator_config": {
        **{name: GENERATOR_PRESETS["small"][name] for name in ("image_widths", "encoder_widths")},
        **{name: GENERATOR_PRESETS["small"][name] for name in ("mapping_width", "num_noise_tokens")},
        "attention_dim": 32,
        "modulation_widths": [48] * 6,
        "modulation_hidden": 48,
    },
    "discriminator_config": dict(DISCRIMINATOR_PRESETS["small"]),
    "backbone": "tf_efficientnet_lite2",
    "contrastive_backbone": "",  # does not depend on whether VGG's weights are installed
    "train_batch_size": 4,
    "learning_rate_g": 2e-4,
    "learning_rate_d": 1e-4,
    "ema_decay": 0.999,
    "ema_warmup": True,  # 1000 steps are too few for an average without warm-up
}
"""Over the preset paper: the widths, learning rates and EMA of the preset small."""
