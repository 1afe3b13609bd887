"""The words that settings of a training choose from. Imports nothing, so that `--help` is quick."""

RESIZE_MODES = ("crop", "stretch")
AUGMENTATIONS = ("color", "translation", "cutout")
CONDITIONINGS = ("sigmoid_batchnorm", "sigmoid", "batchnorm", "standardize", "none", "projected")
"""As `models.feature_conditioning.CONDITIONINGS`; a test holds them equal."""
