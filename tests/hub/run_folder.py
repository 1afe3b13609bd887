"""A folder as a training run leaves it, with tiny networks."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from PIL import Image

from dpsims_hub.labels import ClassSpec
from dpsims_hub.models import DPSIMSDiscriminator
from dpsims_hub.pipelines.pipeline_dpsims import DPSIMSPipeline
from tests.tiny import tiny_generator

CLASSES = {
    "name": "tiny-streets",
    "classes": [
        {"id": 0, "name": "road", "rgb": [10, 20, 30]},
        {"id": 1, "name": "sky|blue", "rgb": [0, 0, 255]},
        {"id": 2, "name": "car", "rgb": [250, 0, 1]},
    ],
}
CONFIG = {
    "train_data_dir": "/home/alice/secret project/streets",
    "dataset_name": "",
    "train_split": "",
    "preset": "small",
    "backbone": "test_resnet",
    "backbone_weights": "~/weights/net.safetensors",
    "resolution": "24x16",
    "learning_rate_g": 0.0002,
    "learning_rate_d": 0.0001,
    "train_batch_size": 3,
    "gradient_accumulation_steps": 2,
    "samples_per_map": 2,
    "seed": 7,
    "output_dir": "/home/alice/runs/streets",
    "resume_from_checkpoint": "latest",
    "push_to_hub": True,
    "hub_model_id": "someone/streets",
    "hub_private_repo": False,
}
LEFT_AT_HOME = (
    "log.jsonl",
    "logs/events.out.tfevents.0",
    "checkpoint-20/model.safetensors",
    "checkpoint-20/optimizer.bin",
    "checkpoint-20/data_0.pt",
    "pipeline/generator/diffusion_pytorch_model.bin",
    "sheets/step-000020.png",
)


def write_run(output_dir: Path, seed: int = 0) -> DPSIMSPipeline:
    """Write the folder of a run of 1200 steps in 4 processes; returns its pipeline."""
    spec = ClassSpec.from_dict(CLASSES)
    pipe = DPSIMSPipeline(tiny_generator(seed=seed, spectral_norm=False), class_spec=spec.to_dict())
    pipe.save_pretrained(output_dir / "pipeline")
    torch.manual_seed(seed)
    DPSIMSDiscriminator(
        3, feature_channels=(4, 6), feature_strides=(2, 4), decoder_widths=(8,)
    ).save_pretrained(output_dir / "discriminator")
    for name in LEFT_AT_HOME:
        (output_dir / name).parent.mkdir(parents=True, exist_ok=True)
        (output_dir / name).write_bytes(b"not for the Hub")
    Image.new("RGB", (4, 4), (1, 2, 3)).save(output_dir / "sheets" / "step-001200.png")
    (output_dir / "config.json").write_text(json.dumps(CONFIG))
    (output_dir / "run.json").write_text(json.dumps({"steps": 1200, "processes": 4, "torch": "2.15.0"}))
    return pipe
