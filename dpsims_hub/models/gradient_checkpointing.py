"""Gradient checkpointing of blocks with state.

A checkpointed block runs twice in training, and both results must be equal. So the second run must make no
power iteration of spectral norm, and batch norm must not count the batch again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.parametrize import ParametrizationList


@contextmanager
def state_kept(block: nn.Module) -> Iterator[None]:
    """Inside, forward passes leave batch-norm statistics and power iterations unchanged."""
    norms = [m for m in block.modules() if isinstance(m, _BatchNorm)]
    before = [(norm.momentum, norm.num_batches_tracked) for norm in norms]
    iterations = [m for m in block.modules() if isinstance(m, ParametrizationList) and m.training]
    for norm in norms:
        norm.momentum, norm.num_batches_tracked = 0.0, None
    for iteration in iterations:
        iteration.eval()
    try:
        yield
    finally:
        for norm, (momentum, count) in zip(norms, before, strict=True):
            norm.momentum, norm.num_batches_tracked = momentum, count
        for iteration in iterations:
            iteration.train()


class RepeatableBlock:
    """A block for one checkpointed pass, whose runs after the first do not change its norms."""

    def __init__(self, block: nn.Module) -> None:
        self.block = block
        self.has_run = False

    def __call__(self, *inputs: Any) -> Tensor:
        """Run the block."""
        if not self.has_run:
            self.has_run = True
            return self.block(*inputs)
        with state_kept(self.block):
            return self.block(*inputs)
