"""Run settings of the presets; their architectures are in dpsims_hub.models.presets."""

from __future__ import annotations

from typing import Any

PRESETS: dict[str, dict[str, Any]] = {
    "paper": {
        "backbone": "convnext_large.fb_in22k",
        "resize_mode": "stretch",
        "max_zoom": 286 / 256,
        "weight_contrastive": 1.0,
        "contrastive_backbone": "vgg19.tv_in1k",
        "contrastive_backbone_weights": "if_found",
        "contrastive_strides": (2, 4, 8, 16),
        "contrastive_places": 128,
        "contrastive_temperature": 0.3,
        "contrastive_normalize": False,
        "contrastive_reduction": "sum",
        "contrastive_head": 256,
        "weight_diversity": 10.0,
        "diversity_threshold": 0.15,
        "diversity_distance": "images_l1",
        "learning_rate_g": 1e-3,
        "learning_rate_d": 1e-3,
        "power_iterations": "pass",
        "ema_warmup": False,
        "train_batch_size": 8,
    },
    "dpsims": {"backbone": "convnext_large.fb_in22k", "learning_rate_g": 1e-3, "learning_rate_d": 1e-3},
    "base": {"backbone": "convnext_base.fb_in22k"},
    "small": {
        "backbone": "tf_efficientnet_lite2",
        "feature_conditioning": "none",
        "learning_rate_g": 2e-4,
        "learning_rate_d": 1e-4,
        "weight_contrastive": 0.5,
        "weight_diversity": 10.0,
        "diversity_threshold": 0.45,
        "diversity_strides": (8, 16, 32),
        "ema_decay": 0.999,
    },
    "oasis": {
        "backbone": "none",
        "resize_mode": "stretch",
        "max_zoom": 286 / 256,
        "feature_conditioning": "none",
        "focal_gamma": 0.0,
        "weight_contrastive": 0.0,
        "weight_diversity": 0.0,
        "weight_labelmix": 10.0,
        "samples_per_map": 1,
        "learning_rate_g": 1e-4,
        "learning_rate_d": 4e-4,
        "adam_beta2": 0.999,
        "power_iterations": "pass",
        "ema_warmup": False,
        "train_batch_size": 8,
    },
}
"""Settings of TrainConfig that differ from its defaults.

docs/paper_to_code.md explains each value of "paper". "oasis" has the released values for ADE20K and
COCO-Stuff, with their batch of 32 as 8 on each of 4 GPUs; docs/training.md has those for Cityscapes.
"""

BATCH_OF_RATES: dict[str, int] = {"paper": 64, "dpsims": 64, "oasis": 32}
"""Label maps per update, over all processes, for which the learning rates of a preset were chosen."""
