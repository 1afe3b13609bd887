"""Feature conditioning: what is done to backbone features before the discriminator's decoder reads them.

The paper's rule: F' = sigmoid(F), then F~ = (F' - mu) / sigma with the batch's statistics per channel. A few
strong channels would otherwise mask the weak ones. The other methods are its ablations and the fixed random
mixing of Projected GAN.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn

from dpsims_hub.models.initialization import unit_variance_

Conditioning = Literal["sigmoid_batchnorm", "sigmoid", "batchnorm", "standardize", "none", "projected"]
CONDITIONINGS: tuple[str, ...] = get_args(Conditioning)


def batch_standardize(features: Tensor, eps: float = 1e-5, over_processes: bool = False) -> Tensor:
    """(F - mu) / sigma per channel over batch and space; a constant channel gives 0.

    Statistics are always the batch's own, so that D and G steps see the same rule (our choice).

    Args:
        features: (B, C, H, W).
        eps: added to the variance.
        over_processes: statistics of the batches of all processes, which must all call this with as many
            places; gradients flow through them to every process. Several processes then compute what one
            would with the whole batch.
    """
    if not over_processes or _world_size() == 1:
        return F.batch_norm(features, None, None, training=True, eps=eps)
    mean = _mean_over_processes(features)
    centred = features - mean
    return centred * torch.rsqrt(_mean_over_processes(centred.square()) + eps)


class _SumOverProcesses(torch.autograd.Function):
    """Sum of a tensor over all processes; every process's loss depends on it, so the backward sums too."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, value: Tensor) -> Tensor:
        total = value.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, grad: Tensor) -> Tensor:
        total = grad.clone()
        dist.all_reduce(total)
        return total


def _mean_over_processes(features: Tensor) -> Tensor:
    """Mean of each channel, (1, C, 1, 1)."""
    local = features.mean((0, 2, 3), keepdim=True)
    return _SumOverProcesses.apply(local) / _world_size()


def _world_size() -> int:
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


class FeatureConditioning(nn.Module):
    """Condition a list of backbone features.

    Args:
        channels: C_l of each feature map, fine to coarse.
        method: "sigmoid_batchnorm" (the paper), "sigmoid", "batchnorm", "standardize" (fixed mean and
            deviation of real photos, set once by `calibrate`; our choice: unlike the batch's own statistics
            they leave a wrong global colour visible), "none" (raw features), "projected" (fixed random 1x1
            mixing across channels, then top-down across scales).

    Raises:
        ValueError: unknown method.
    """

    def __init__(self, channels: Sequence[int], method: Conditioning = "sigmoid_batchnorm") -> None:
        super().__init__()
        if method not in CONDITIONINGS:
            raise ValueError(f"feature_conditioning: {method!r} is not one of {', '.join(CONDITIONINGS)}.")
        self.method = method
        self.out_channels = list(channels)
        self.mix_channels = self.mix_scales = None
        if method == "standardize":
            for level, width in enumerate(channels):
                self.register_buffer(f"mean_{level}", torch.zeros(1, width, 1, 1))
                self.register_buffer(f"std_{level}", torch.ones(1, width, 1, 1))
        if method == "projected":
            width = 64
            self.out_channels = [width * 2 ** min(level, 3) for level in range(len(channels))]
            pairs = list(zip(channels, self.out_channels, strict=True))
            self.mix_channels = nn.ModuleList(_fixed_projection(a, b) for a, b in pairs)
            self.mix_scales = nn.ModuleList(
                _fixed_projection(coarse, fine)
                for fine, coarse in zip(self.out_channels[:-1], self.out_channels[1:], strict=True)
            )

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """(B, C_l, H_l, W_l) maps, fine to coarse -> conditioned maps, (B, out_channels[l], H_l, W_l)."""
        if self.method == "none":
            return list(features)
        if self.method == "projected":
            return self._project(features)
        if self.method == "standardize":
            return [(f - self.mean_(level)) / self.std_(level) for level, f in enumerate(features)]
        if self.method.startswith("sigmoid"):
            features = [torch.sigmoid(f) for f in features]
        if self.method.endswith("batchnorm"):
            features = [batch_standardize(f, over_processes=self.training) for f in features]
        return list(features)

    def mean_(self, level: int) -> Tensor:
        """Calibrated mean of a level, (1, C_l, 1, 1)."""
        return getattr(self, f"mean_{level}")

    def std_(self, level: int) -> Tensor:
        """Calibrated standard deviation of a level, (1, C_l, 1, 1)."""
        return getattr(self, f"std_{level}")

    @torch.no_grad()
    def calibrate(self, features: Sequence[Tensor]) -> None:
        """Take mean and deviation per channel from features of real photos; only for "standardize".

        Args:
            features: (B, C_l, H_l, W_l) maps, fine to coarse, of as many photos as fit.
        """
        if self.method != "standardize":
            return
        for level, feature in enumerate(features):
            std, mean = torch.std_mean(feature.float(), dim=(0, 2, 3), keepdim=True)
            self.mean_(level).copy_(mean)
            self.std_(level).copy_(std.clamp(min=1e-3))

    def _project(self, features: Sequence[Tensor]) -> list[Tensor]:
        mixed = [mix(f) for mix, f in zip(self.mix_channels, features, strict=True)]
        for level in reversed(range(len(mixed) - 1)):
            coarser = F.interpolate(self.mix_scales[level](mixed[level + 1]), size=mixed[level].shape[2:])
            mixed[level] = mixed[level] + coarser
        return mixed


def _fixed_projection(in_channels: int, out_channels: int) -> nn.Conv2d:
    layer = nn.Conv2d(in_channels, out_channels, 1)
    unit_variance_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer.requires_grad_(False)
