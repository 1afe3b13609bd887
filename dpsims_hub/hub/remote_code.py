"""The self-contained layout: a model folder with its own code.

`DiffusionPipeline.from_pretrained(repo, trust_remote_code=True)` loads it without this package. It is never
the default: diffusers requires `trust_remote_code` for every way of loading this layout, so that all users
have to trust the code.
"""

from __future__ import annotations

import json
from pathlib import Path

from dpsims_hub import __version__
from dpsims_hub.hub.single_file import single_file

PIPELINE_FILE = "pipeline"
NETWORK_FILE = "modeling_dpsims"
_HEADER = """{what} of the package dpsims_hub {version} in one file, for use without that package.

Made from its sources by `dpsims export --remote-code`; where a name ends in _in_MODULE it is NAME of that
module there. Apache-2.0.
"""
_PLAIN_NETWORK = """
from diffusers import ConfigMixin, ModelMixin

class CheckedModel(ModelMixin, ConfigMixin):
    '''Saved and loaded as diffusers does.'''
"""
_PLAIN_LOADING = "from diffusers import DiffusionPipeline as StoredPipeline"
_ANY_NETWORK = "from diffusers import ModelMixin as DPSIMSGenerator"


def write_remote_code(folder: Path) -> None:
    """Add the code to a folder in Hub layout, which becomes the self-contained layout."""
    (folder / f"{PIPELINE_FILE}.py").write_text(pipeline_source())
    (folder / "generator" / f"{NETWORK_FILE}.py").write_text(network_source())
    path = folder / "model_index.json"
    index = json.loads(path.read_text())
    index |= {
        "_class_name": [PIPELINE_FILE, "DPSIMSPipeline"],
        "generator": [NETWORK_FILE, "DPSIMSGenerator"],
    }
    path.write_text(json.dumps(index, indent=2) + "\n")


def brings_code(folder: Path) -> bool:
    """Whether a folder has the self-contained layout."""
    path = folder / "model_index.json"
    return path.is_file() and isinstance(json.loads(path.read_text()).get("_class_name"), list)


def pipeline_source() -> str:
    """The source of the pipeline and its parts, without the network."""
    instead = {"StoredPipeline": _PLAIN_LOADING, "DPSIMSGenerator": _ANY_NETWORK}
    header = _HEADER.format(what="The pipeline", version=__version__)
    return single_file("dpsims_hub.pipelines.pipeline_dpsims", "DPSIMSPipeline", header, instead)


def network_source() -> str:
    """The source of the generator and its parts."""
    header = _HEADER.format(what="The generator", version=__version__)
    return single_file(
        "dpsims_hub.models.generator", "DPSIMSGenerator", header, {"CheckedModel": _PLAIN_NETWORK}
    )
