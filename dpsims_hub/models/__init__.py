"""Networks: generator, discriminator, frozen backbone."""

from dpsims_hub.models.backbone import PretrainedBackbone
from dpsims_hub.models.discriminator import DPSIMSDiscriminator
from dpsims_hub.models.generator import DPSIMSGenerator, DPSIMSGeneratorOutput, MapEncoding
from dpsims_hub.models.presets import DISCRIMINATOR_PRESETS, GENERATOR_PRESETS, OASIS_ENCODER_WIDTHS

__all__ = [
    "DISCRIMINATOR_PRESETS",
    "GENERATOR_PRESETS",
    "OASIS_ENCODER_WIDTHS",
    "DPSIMSDiscriminator",
    "DPSIMSGenerator",
    "DPSIMSGeneratorOutput",
    "MapEncoding",
    "PretrainedBackbone",
]

# Published model_index.json files name ["dpsims_hub", "DPSIMSGenerator"], independent of the class's module.
for _class in (DPSIMSGenerator, DPSIMSDiscriminator):
    _class.__module__ = "dpsims_hub"
