"""Initialisation of weights."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import spectral_norm


def unit_variance_(weight: Tensor, gain: float = 1.0) -> None:
    """Draw an (out, in, ...) weight; inputs of variance 1 give outputs of deviation `gain` (our choice)."""
    nn.init.normal_(weight, std=gain / weight[0].numel() ** 0.5)


def xavier_(network: nn.Module) -> None:
    """OASIS's initialisation, in place: trained weights become Xavier normal, and their biases 0.

    With spectral norm the power iteration starts again. Layers that are not trained keep their values.
    """
    for module in list(network.modules()):
        weight = getattr(module, "weight", None)
        if not isinstance(weight, Tensor) or weight.ndim < 2:
            continue
        normed = parametrize.is_parametrized(module, "weight")
        if normed:
            parametrize.remove_parametrizations(module, "weight", leave_parametrized=False)
        if module.weight.requires_grad:
            nn.init.xavier_normal_(module.weight, gain=0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        if normed:
            spectral_norm(module)
