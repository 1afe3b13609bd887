"""Losses of DP-SIMS and of its baseline: tensors in, scalars out."""

from dpsims_hub.losses.class_weights import balancing_weights, class_pixel_counts
from dpsims_hub.losses.contrastive import PatchProjection, patch_contrastive_loss
from dpsims_hub.losses.diversity import diversity_hinge, feature_distance, l1_distance
from dpsims_hub.losses.labelmix import class_mask, labelmix_loss, mix
from dpsims_hub.losses.pixel import class_pixel_loss, fake_pixel_loss, pixel_accuracy

__all__ = [
    "PatchProjection",
    "balancing_weights",
    "class_mask",
    "class_pixel_counts",
    "class_pixel_loss",
    "diversity_hinge",
    "fake_pixel_loss",
    "feature_distance",
    "l1_distance",
    "labelmix_loss",
    "mix",
    "patch_contrastive_loss",
    "pixel_accuracy",
]
