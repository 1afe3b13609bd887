"""Tiny random models of any class list, as folders that a Space can open."""

from __future__ import annotations

from pathlib import Path

from dpsims_hub.labels import ClassSpec
from dpsims_hub.pipelines.pipeline_dpsims import DPSIMSPipeline
from tests.tiny import tiny_generator


def save_tiny(folder: Path, spec: ClassSpec, size: tuple[int, int] = (32, 48), **settings: object) -> Path:
    """Write a tiny random model of a class list, and return its folder."""
    network = tiny_generator(
        spec.num_classes, spectral_norm=False, sample_size=size, ignore_index=spec.ignore_index, **settings
    )
    DPSIMSPipeline(network, spec.to_dict()).save_pretrained(folder)
    return folder
