"""Transformer backbones need gradient clipping (the paper's remark on Swin): both networks are clipped."""

from __future__ import annotations

import json
import math

import pytest

from dpsims_hub.training.command_line import parse_config
from dpsims_hub.training.data import collate
from dpsims_hub.training.loop import Trainer
from tests.training.tiny_run import log_lines
from train_accelerate import main

SWIN = {"embed_dim": 16, "depths": [1, 1, 1, 1], "num_heads": [1, 2, 4, 8]}
LIMIT = 0.05
BACKBONES = {
    "swin": ("--backbone", "swin_tiny_patch4_window7_224", "--backbone_kwargs", json.dumps(SWIN)),
    "vit": ("--backbone", "test_vit", "--contrastive_strides", "[16]", "--diversity_strides", "[16]"),
}


@pytest.mark.minutes
@pytest.mark.parametrize("kind", BACKBONES)
def test_thirty_clipped_steps_stay_finite_and_teach_the_discriminator(kind, flags, tmp_path):
    conditioning = ("--feature_conditioning", "sigmoid_batchnorm", "--learning_rate_d", 2e-3)
    argv = flags(*BACKBONES[kind], *conditioning, "--max_grad_norm", LIMIT, "--resolution", "64x32", steps=30)
    assert main(argv) == 0
    logs = log_lines(tmp_path / "out")
    assert [line["step"] for line in logs] == list(range(1, 31))
    for name in ("grad_norm_g", "grad_norm_d", "loss_d_real", "loss_g_adversarial"):
        assert all(math.isfinite(line[name]) for line in logs)
    for name in ("grad_norm_g", "grad_norm_d"):  # as they were before clipping
        assert max(line[name] for line in logs) > LIMIT
    fake = [line["loss_d_fake"] for line in logs]
    assert sum(fake[-5:]) < 0.9 * sum(fake[:5])


@pytest.mark.parametrize("name", ["g", "d"])
def test_both_networks_get_gradients_of_the_limits_length(name, flags):
    config = parse_config(flags(*BACKBONES["swin"], "--max_grad_norm", LIMIT, "--report_to", "none"))
    trainer = Trainer(config)
    optimizer = {"g": trainer.networks.optimizer_g, "d": trainer.networks.optimizer_d}[name].optimizer
    lengths = []
    optimizer.register_step_pre_hook(
        lambda optimizer, *_: lengths.append(
            math.sqrt(sum(float(p.grad.square().sum()) for g in optimizer.param_groups for p in g["params"]))
        )
    )
    batch = collate([trainer.data_loader.pairs[position] for position in range(2)])
    del batch["skipped"], batch["left_out"]
    logs = trainer.step_function(batch)
    assert float(logs[f"grad_norm_{name}"]) > 2 * LIMIT
    assert lengths == [pytest.approx(LIMIT, rel=1e-3)]
