"""The ceiling of a machine: the multiply-adds per second of its fastest convolution."""

from __future__ import annotations

import torch

from dpsims_hub.benchmark.timing import Call, seconds_of

CHANNELS, SIDE = 256, 64
BATCH = {"cuda": 32}
WHAT = f"3x3 convolution, {CHANNELS} channels at {SIDE}x{SIDE}"
"""The fastest of the sizes that were tried; the batch is 1, or 32 on CUDA."""


@torch.no_grad()
def best_convolution(dtype: torch.dtype, device: torch.device) -> tuple[Call, int]:
    """A call of the convolution `WHAT`, after warm-up, and its multiply-adds."""
    batch = BATCH.get(device.type, 1)
    layer = torch.nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, bias=False).requires_grad_(False)
    layer.to(device, dtype).to(memory_format=torch.channels_last)
    inputs = torch.randn(batch, CHANNELS, SIDE, SIDE, device=device, dtype=dtype)
    inputs = inputs.contiguous(memory_format=torch.channels_last)
    for _ in range(3):
        layer(inputs)
    return lambda: layer(inputs), batch * 9 * CHANNELS**2 * SIDE**2


def convolution_rates(dtype: torch.dtype, device: torch.device, calls: int) -> list[float]:
    """Multiply-adds per second of each of `calls` calls of `best_convolution`."""
    call, work = best_convolution(dtype, device)
    return [work / seconds_of(call, device) for _ in range(calls)]
