"""DP-SIMS: semantic image synthesis with pre-trained image backbones. A label map in, a photo out.

Names are loaded when they are first used, so that `dpsims --help` and `import dpsims_hub.labels` do not
wait for torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dpsims_hub.bundled import bundled_examples, bundled_model
    from dpsims_hub.labels import ClassSpec, LabelMapError, read_label_map
    from dpsims_hub.models import DPSIMSDiscriminator, DPSIMSGenerator, PretrainedBackbone
    from dpsims_hub.pipelines.latents import interpolate_latents
    from dpsims_hub.pipelines.pipeline_dpsims import DPSIMSPipeline

__version__ = "0.1.0"

_HOMES = {
    "ClassSpec": "dpsims_hub.labels",
    "LabelMapError": "dpsims_hub.labels",
    "read_label_map": "dpsims_hub.labels",
    "DPSIMSDiscriminator": "dpsims_hub.models",
    "DPSIMSGenerator": "dpsims_hub.models",
    "DPSIMSPipeline": "dpsims_hub.pipelines.pipeline_dpsims",
    "PretrainedBackbone": "dpsims_hub.models",
    "bundled_examples": "dpsims_hub.bundled",
    "bundled_model": "dpsims_hub.bundled",
    "interpolate_latents": "dpsims_hub.pipelines.latents",
    "ModelMixin": "diffusers",  # diffusers looks this name up here to load ["dpsims_hub", "DPSIMSGenerator"]
}

__all__ = [
    "ClassSpec",
    "DPSIMSDiscriminator",
    "DPSIMSGenerator",
    "DPSIMSPipeline",
    "LabelMapError",
    "PretrainedBackbone",
    "__version__",
    "bundled_examples",
    "bundled_model",
    "interpolate_latents",
    "read_label_map",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return globals().setdefault(name, getattr(import_module(_HOMES[name]), name))


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
