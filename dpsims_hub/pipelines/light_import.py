"""diffusers' pipeline base class without diffusers' networks.

`diffusers.pipelines.pipeline_utils` imports `AutoencoderKL` for one isinstance check, and with it every
autoencoder, UNet and transformer: a third of the time of importing `DPSIMSPipeline`.
"""

from importlib import import_module
from sys import modules

BASE = "diffusers.pipelines.pipeline_utils"
NETWORKS = "diffusers.models.autoencoders"


class _LoadedWhenAsked(type):
    """An isinstance check with diffusers' own class, imported at the check."""

    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, import_module(NETWORKS).AutoencoderKL)


class AutoencoderKL(metaclass=_LoadedWhenAsked):
    """Replaces diffusers' class of this name in `pipeline_utils`."""


def import_pipeline_base() -> None:
    """Import `diffusers.pipelines.pipeline_utils` without the networks, unless either is imported already."""
    if BASE in modules or NETWORKS in modules:
        return
    models = import_module("diffusers.models")
    models.AutoencoderKL = AutoencoderKL
    try:
        import_module(BASE)
    finally:
        del models.AutoencoderKL
