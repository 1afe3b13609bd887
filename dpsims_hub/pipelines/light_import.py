"""diffusers' pipeline base class without diffusers' networks.

`diffusers.pipelines.pipeline_utils` imports `AutoencoderKL` for one isinstance check, and with it every
autoencoder, UNet and transformer. This takes a third of the time of importing `DPSIMSPipeline`.
"""

from importlib import import_module
from sys import modules

BASE = "diffusers.pipelines.pipeline_utils"
NETWORKS = "diffusers.models.autoencoders"


class _LoadedWhenAsked(type):
    """Makes isinstance checks use diffusers' own class, which is imported at the first check."""

    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, import_module(NETWORKS).AutoencoderKL)


class AutoencoderKL(metaclass=_LoadedWhenAsked):
    """Replaces diffusers' class of this name in `pipeline_utils`."""


def import_pipeline_base() -> None:
    """Import `diffusers.pipelines.pipeline_utils` without the networks, unless either was imported before."""
    if BASE in modules or NETWORKS in modules:
        return
    models = import_module("diffusers.models")
    models.AutoencoderKL = AutoencoderKL
    try:
        import_module(BASE)
    finally:
        del models.AutoencoderKL
