"""diffusers' pipeline base class without the networks of diffusers.

`diffusers.pipelines.pipeline_utils` imports `AutoencoderKL` for one isinstance check, and with it every
autoencoder, UNet and transformer of diffusers: a third of the time of importing `DPSIMSPipeline`.
"""

from importlib import import_module
from sys import modules

BASE = "diffusers.pipelines.pipeline_utils"
NETWORKS = "diffusers.models.autoencoders"


class _LoadedWhenAsked(type):
    """An isinstance check that imports diffusers' own class first, so that its answer is the same."""

    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, import_module(NETWORKS).AutoencoderKL)


class AutoencoderKL(metaclass=_LoadedWhenAsked):
    """Stands for diffusers' class of this name in `pipeline_utils`."""


def import_pipeline_base() -> None:
    """Imports `diffusers.pipelines.pipeline_utils`, the networks only when something asks for them.

    Everything is left as it is where either has been imported before.
    """
    if BASE in modules or NETWORKS in modules:
        return
    models = import_module("diffusers.models")
    models.AutoencoderKL = AutoencoderKL
    try:
        import_module(BASE)
    finally:
        del models.AutoencoderKL
