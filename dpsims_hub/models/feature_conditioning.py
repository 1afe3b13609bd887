"""Feature conditioning: normalises backbone features before the discriminator's decoder reads them.

The paper's rule is F' = sigmoid(F), then F~ = (F' - mu) / sigma with the batch's statistics of each channel.
Otherwise a few strong channels would mask the weak ones. The other methods are ablations of this rule and the
fixed random mixing of Projected GAN.
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

_EPS = 1e-5  # added to the variance


def batch_standardize(features: Tensor, over_processes: bool) -> Tensor:
    """(F - mu) / sigma of each channel of (B, C, H, W), over batch and space; a constant channel gives 0.

    Statistics are always those of the batch, so that the updates of D and G follow one rule (our choice).
    With `over_processes` they are those of the batches of all processes, which must be equally large.
    Gradients flow through them to every process, so that several processes compute the same as one with the
    whole batch.
    """
    if not over_processes or _world_size() == 1:
        return F.batch_norm(features, None, None, training=True, eps=_EPS)
    mean = _mean_over_processes(features)
    centred = features - mean
    return centred * torch.rsqrt(_mean_over_processes(centred.square()) + _EPS)


class _SumOverProcesses(torch.autograd.Function):
    """Sum over all processes; the loss of every process depends on it, so the backward pass sums too."""

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
            standard deviation of real photos, set once by `calibrate`; our choice: unlike the batch's own
            statistics they leave a wrong global colour visible), "none" (raw features) or "projected" (fixed
            random 1x1 mixing across channels, then top-down across scales). ValueError for any other.
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
            statistics = map(self._statistics, range(len(features)))
            return [(f - mean) / std for f, (mean, std) in zip(features, statistics, strict=True)]
        if self.method.startswith("sigmoid"):
            features = [torch.sigmoid(f) for f in features]
        if self.method.endswith("batchnorm"):
            features = [batch_standardize(f, over_processes=self.training) for f in features]
        return list(features)

    def _statistics(self, level: int) -> tuple[Tensor, Tensor]:
        """Calibrated mean and standard deviation of a level, (1, C_l, 1, 1)."""
        return getattr(self, f"mean_{level}"), getattr(self, f"std_{level}")

    @torch.no_grad()
    def calibrate(self, features: Sequence[Tensor]) -> None:
        """With "standardize", set the mean and standard deviation of each channel from real photos."""
        if self.method != "standardize":
            return
        for level, feature in enumerate(features):
            std, mean = torch.std_mean(feature.float(), dim=(0, 2, 3), keepdim=True)
            stored_mean, stored_std = self._statistics(level)
            stored_mean.copy_(mean)
            stored_std.copy_(std.clamp(min=1e-3))

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
