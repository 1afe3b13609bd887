"""Allowed values of settings of a training. The module imports nothing, so that `--help` is quick."""

RESIZE_MODES = ("crop", "stretch")
AUGMENTATIONS = ("color", "translation", "cutout")
CONDITIONINGS = ("sigmoid_batchnorm", "sigmoid", "batchnorm", "standardize", "none", "projected")
"""The same as `models.feature_conditioning.CONDITIONINGS`, which a test checks."""
