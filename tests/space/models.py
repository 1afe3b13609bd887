"""Tiny random models of any class list, as folders that a Space can open."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

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


def save_segmenter(folder: Path, names: dict[int, str], half: bool = False) -> Path:
    """Write a tiny random segmenter of transformers, and return its folder; needs that package."""
    transformers = pytest.importorskip("transformers")
    config = transformers.SegformerConfig(
        num_labels=len(names),
        id2label=names,
        depths=[1, 1, 1, 1],
        hidden_sizes=[4, 4, 8, 8],
        num_attention_heads=[1, 1, 1, 1],
        decoder_hidden_size=8,
    )
    torch.manual_seed(0)
    network = transformers.SegformerForSemanticSegmentation(config)
    (network.half() if half else network).save_pretrained(folder)
    transformers.SegformerImageProcessor(size={"height": 64, "width": 64}).save_pretrained(folder)
    return folder
