"""The pipeline class loads none of diffusers' networks, and leaves diffusers as it was."""

import json
import subprocess
import sys

FACTS = """
import json, sys
from dpsims_hub import DPSIMSPipeline
import diffusers.models
from diffusers.pipelines import pipeline_utils

facts = {
    "networks before": "diffusers.models.autoencoders" in sys.modules,
    "placeholder left": "AutoencoderKL" in vars(diffusers.models),
    "number": isinstance(3, pipeline_utils.AutoencoderKL),
}
from diffusers import AutoencoderKL

vae = AutoencoderKL(block_out_channels=(32,), down_block_types=("DownEncoderBlock2D",),
                    up_block_types=("UpDecoderBlock2D",))
facts["autoencoder"] = isinstance(vae, pipeline_utils.AutoencoderKL)
facts["class of diffusers"] = type(vae).__module__
print(json.dumps(facts))
"""


def test_networks_of_diffusers_are_loaded_when_asked_for() -> None:
    done = subprocess.run([sys.executable, "-c", FACTS], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {
        "networks before": False,
        "placeholder left": False,
        "number": False,
        "autoencoder": True,
        "class of diffusers": "diffusers.models.autoencoders.autoencoder_kl",
    }
