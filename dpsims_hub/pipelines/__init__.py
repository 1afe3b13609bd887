"""`DPSIMSPipeline`, and its inputs and outputs: label maps, latents, model folders."""

from dpsims_hub.pipelines.light_import import import_pipeline_base

import_pipeline_base()  # before any module imports diffusers' pipeline classes
