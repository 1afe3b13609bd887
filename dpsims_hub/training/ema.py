"""Exponential moving average of the generator's parameters and buffers.

It averages effective weights, with spectral norm folded in: raw weights and power-iteration vectors cannot be
averaged separately. Reading effective weights makes no power iteration, so averaging does not affect the
training.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.optim.swa_utils import get_ema_multi_avg_fn

from dpsims_hub.models import DPSIMSGenerator
from dpsims_hub.storage.stored_settings import own_settings


class ExponentialMovingAverage:
    """Averaged copy of a generator, in its exported form.

    Args:
        generator: the model in training, unwrapped.
        decay: weight of the past.
        warmup: use min(decay, (1 + t) / (10 + t)) at step t, so that early weights are soon forgotten (our
            choice). This reaches 0.999 at step 8,990 and 0.9999 at step 89,990.
    """

    def __init__(self, generator: DPSIMSGenerator, decay: float, warmup: bool = True) -> None:
        # Not a deepcopy: parametrized copies share one class, and folding one breaks the other.
        plain = DPSIMSGenerator(**{**own_settings(generator.config), "spectral_norm": False})
        plain.to(generator.device, memory_format=torch.channels_last)
        self.model = plain.eval().requires_grad_(False)
        self.decay = decay
        self.warmup = warmup
        self.num_updates = 0
        self._blend(generator, decay=0.0)

    def update(self, generator: DPSIMSGenerator) -> None:
        """Move the average towards the generator's weights."""
        self.num_updates += 1
        self._blend(generator, self.present_decay)

    @property
    def present_decay(self) -> float:
        """Weight of the past at the last update."""
        warming = (1 + self.num_updates) / (10 + self.num_updates)
        return min(self.decay, warming) if self.warmup else self.decay

    @property
    def horizon(self) -> float:
        """Effective number of steps in the average: 1 / (1 - decay)."""
        return 1 / (1 - self.present_decay)

    @torch.no_grad()
    def _blend(self, generator: DPSIMSGenerator, decay: float) -> None:
        averages, values = [], []
        for name, average in self.model.state_dict().items():
            module_name, _, attribute = name.rpartition(".")
            value = _effective(generator.get_submodule(module_name), attribute)
            if average.is_floating_point():
                averages.append(average)
                values.append(value.to(average.dtype))
            else:
                average.copy_(value)
        get_ema_multi_avg_fn(decay)(averages, values, None)  # on CUDA a few kernels for all tensors

    @contextmanager
    def refreshed(
        self, inputs: Iterable[Mapping[str, Tensor]], precision: AbstractContextManager | None = None
    ) -> Iterator[DPSIMSGenerator]:
        """Give the averaged model new batch-norm statistics, and restore the old ones afterwards.

        `precision` is the autocast in which they are computed; None for float32.
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
        """Recompute batch-norm statistics for the averaged weights, as OASIS does before evaluation.

        They become the mean of the statistics of these inputs of the generator.
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
        """The state for a checkpoint."""
        return {"model": self.model.state_dict(), "num_updates": self.num_updates}

    def load_state_dict(self, state: dict) -> None:
        """Restore what `state_dict` returned."""
        self.model.load_state_dict(state["model"])
        self.num_updates = state["num_updates"]


def _effective(module: nn.Module, attribute: str) -> Tensor:
    """A weight as the next forward pass uses it, spectral norm included, without a power iteration."""
    if not parametrize.is_parametrized(module, attribute):
        return getattr(module, attribute)
    module.parametrizations.eval()
    value = getattr(module, attribute)
    module.parametrizations.train(module.training)
    return value
