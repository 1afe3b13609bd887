"""`DPSIMSPipeline`, and what goes in and out of it: maps, latents, model folders."""

from dpsims_hub.pipelines.light_import import import_pipeline_base

import_pipeline_base()  # before any module of this room names diffusers' pipeline classes
