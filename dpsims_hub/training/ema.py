"""Exponential moving average of the generator, over parameters AND buffers.

The average is kept of the effective weights, spectral norm already folded in: averaging the raw weights and
the power iteration's vectors apart would average two halves of one number. Reading them makes no step of the
power iteration: how training goes does not depend on whether it is averaged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from dpsims_hub.models import DPSIMSGenerator


class ExponentialMovingAverage:
    """Averaged copy of a generator, in the form in which it is published.

    Args:
        generator: the model in training, unwrapped.
        decay: weight of the past.
        warmup: use min(decay, (1 + t) / (10 + t)) at step t, so that early weights are soon forgotten (our
            choice). It reaches a decay of 0.999 at step 8,990 and 0.9999 at step 89,990.
    """

    def __init__(self, generator: DPSIMSGenerator, decay: float, warmup: bool = True) -> None:
        # Not a deepcopy: torch's parametrized copies share one class, and folding one unmakes the other.
        settings = {name: value for name, value in generator.config.items() if not name.startswith("_")}
        plain = DPSIMSGenerator(**{**settings, "spectral_norm": False})
        plain.to(generator.device, memory_format=torch.channels_last)
        self.model = plain.eval().requires_grad_(False)
        self.decay = decay
        self.warmup = warmup
        self.num_updates = 0
        self._blend(generator, decay=0.0)

    def update(self, generator: DPSIMSGenerator) -> None:
        """Move the average towards the generator's present state."""
        self.num_updates += 1
        self._blend(generator, self.present_decay)

    @property
    def present_decay(self) -> float:
        """Weight of the past at the last update."""
        warming = (1 + self.num_updates) / (10 + self.num_updates)
        return min(self.decay, warming) if self.warmup else self.decay

    @property
    def horizon(self) -> float:
        """Steps over which the average reaches at present: 1 / (1 - decay)."""
        return 1 / (1 - self.present_decay)

    @torch.no_grad()
    def _blend(self, generator: DPSIMSGenerator, decay: float) -> None:
        for name, average in self.model.state_dict().items():
            module_name, _, attribute = name.rpartition(".")
            value = _effective(generator.get_submodule(module_name), attribute)
            if average.is_floating_point():
                average.lerp_(value.to(average.dtype), 1 - decay)
            else:
                average.copy_(value)

    @contextmanager
    def refreshed(
        self, inputs: Iterable[Mapping[str, Tensor]], precision: AbstractContextManager | None = None
    ) -> Iterator[DPSIMSGenerator]:
        """The averaged model with fresh batch-norm statistics, for looking at it or for saving it.

        Afterwards the buffers are as before: how often a run is looked at changes nothing in it.

        Args:
            inputs: see `refresh_batch_norm`.
            precision: autocast for the refreshing alone; None for full precision.
        """
        before = {name: buffer.clone() for name, buffer in self.model.named_buffers()}
        try:
            with precision or nullcontext():
                self.refresh_batch_norm(inputs)
            yield self.model
        finally:
            for name, buffer in self.model.named_buffers():
                buffer.copy_(before[name])

    @torch.no_grad()
    def refresh_batch_norm(self, inputs: Iterable[Mapping[str, Tensor]]) -> None:
        """Recompute the batch-norm statistics of the averaged weights, as OASIS does before evaluation.

        Args:
            inputs: arguments of the generator; the statistics are the mean over these batches.
        """
        norms = [m for m in self.model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
        momenta = [norm.momentum for norm in norms]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # cumulative mean
        self.model.train()
        for arguments in inputs:
            self.model(**arguments)
        self.model.eval()
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum

    def state_dict(self) -> dict:
        """State for the checkpoint."""
        return {"model": self.model.state_dict(), "num_updates": self.num_updates}

    def load_state_dict(self, state: dict) -> None:
        """Restore what `state_dict` gave."""
        self.model.load_state_dict(state["model"])
        self.num_updates = state["num_updates"]


def _effective(module: nn.Module, attribute: str) -> Tensor:
    """A weight as the next forward pass sees it, spectral norm included, without a step of its iteration."""
    if not parametrize.is_parametrized(module, attribute):
        return getattr(module, attribute)
    module.parametrizations.eval()
    value = getattr(module, attribute)
    module.parametrizations.train(module.training)
    return value
