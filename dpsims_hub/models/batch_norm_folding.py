"""Batch norms of a frozen network, merged into the convolutions before them (our choice, for speed)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

TOLERANCE = 1e-3  # of the length of a feature map; rounding alone is below 1e-5
_PROBE_SIDE = 64  # pixels


@torch.no_grad()
def fold_batch_norms(network: nn.Module) -> int:
    """Merge each batch norm of a network in evaluation mode into the convolution registered before it.

    With fixed statistics a batch norm is a gain and an offset of each channel. The result is the same
    function up to rounding. Forward and backward pass of EfficientNet-Lite2 took 28 % less time on a CPU.

    Args:
        network: images (B, 3, H, W) to a list of feature maps; changed in place.

    Returns:
        The number of batch norms merged; 0 if there are none, or if the network does not use them in the
        order of registration. It is then as it was.
    """
    pairs = list(_pairs(network))
    if not pairs:
        return 0
    first = next(network.parameters())
    probe = torch.rand(1, 3, _PROBE_SIDE, _PROBE_SIDE, generator=torch.Generator().manual_seed(0)).to(first)
    before = network(probe)
    for (name, convolution), (norm_name, norm) in pairs:
        network.set_submodule(name, fuse_conv_bn_eval(convolution, norm))
        network.set_submodule(norm_name, getattr(norm, "act", nn.Identity()))  # that of timm's norms
    if all(map(_is_close, network(probe), before)):
        return len(pairs)
    for name, module in itertools.chain(*pairs):
        network.set_submodule(name, module)
    return 0


def _pairs(network: nn.Module) -> Iterator[tuple[tuple[str, nn.Module], tuple[str, nn.Module]]]:
    """Convolutions and batch norms, with their names, that follow each other in the order of registration."""
    last = ("", network)
    for named in network.named_modules():
        one, other = last[1], named[1]
        is_norm = isinstance(other, nn.BatchNorm2d)
        if is_norm and isinstance(one, nn.Conv2d) and one.out_channels == other.num_features:
            yield last, named
        if is_norm or not list(other.children()):  # not a container
            last = named


def _is_close(new: Tensor, old: Tensor) -> bool:
    return bool((new - old).norm() <= TOLERANCE * old.norm())
