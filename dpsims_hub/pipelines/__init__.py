"""`DPSIMSPipeline`, and what goes in and out of it: maps, latents, model folders."""
