"""Batches and weights of a tiny run's training step."""

from __future__ import annotations

import torch

from dpsims_hub.training.data import collate
from dpsims_hub.training.loop import Trainer
from dpsims_hub.training.transform import network_inputs


def batch(trainer: Trainer, count: int = 2) -> dict[str, torch.Tensor]:
    items = collate([trainer.data_loader.pairs[position] for position in range(count)])
    del items["skipped"], items["left_out"]
    return network_inputs(items, "cpu")


def clones(module: torch.nn.Module) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in module.parameters()]


def same(before: list[torch.Tensor], module: torch.nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(before, module.parameters(), strict=True))
