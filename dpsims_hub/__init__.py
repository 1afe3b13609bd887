"""DP-SIMS: semantic image synthesis with pre-trained image backbones. A label map in, a photo out."""

from diffusers import ModelMixin  # noqa: F401  diffusers looks this name up here to load ["dpsims_hub", ...]

from dpsims_hub.bundled import bundled_examples, bundled_model
from dpsims_hub.labels import ClassSpec, LabelMapError, read_label_map
from dpsims_hub.models import DPSIMSDiscriminator, DPSIMSGenerator, PretrainedBackbone
from dpsims_hub.pipeline import DPSIMSPipeline

__version__ = "0.1.0"

# Published model_index.json files say ["dpsims_hub", "DPSIMSGenerator"] whatever file a class lives in.
for _class in (DPSIMSGenerator, DPSIMSDiscriminator, DPSIMSPipeline):
    _class.__module__ = "dpsims_hub"

__all__ = [
    "ClassSpec",
    "DPSIMSDiscriminator",
    "DPSIMSGenerator",
    "DPSIMSPipeline",
    "LabelMapError",
    "PretrainedBackbone",
    "bundled_examples",
    "bundled_model",
    "read_label_map",
]
