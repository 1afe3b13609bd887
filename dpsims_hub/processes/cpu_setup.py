"""Settings of a process that computes on a CPU for a long time: subnormal numbers and freed memory."""

from __future__ import annotations

import ctypes
import sys

import torch

_MALLOPT = {"M_TRIM_THRESHOLD": (-1, 2**31 - 1), "M_TOP_PAD": (-2, 2**28), "M_MMAP_MAX": (-4, 0)}
"""Parameter numbers and values for glibc's mallopt(3)."""


def prepare_cpu() -> None:
    """Flush subnormal numbers to zero, and keep freed memory for the next tensor.

    Subnormal numbers: dead channels of EfficientNets hold numbers below 1e-38. Some processors take a hundred
    times as long for them (AMD EPYC: 12 times as long for a whole forward and backward pass; the Xeon that we
    measured: no difference). Threads inherit the flag from the thread that starts them, so call this function
    before anything is computed.

    Memory: glibc returns the memory of every large tensor to the system, and requests it again, page by page,
    for the next tensor. This is switched off here, so the process keeps its peak memory.
    """
    torch.set_flush_denormal(True)
    if sys.platform == "linux" and hasattr(ctypes.CDLL(None), "gnu_get_libc_version"):
        for parameter, value in _MALLOPT.values():
            ctypes.CDLL(None).mallopt(parameter, value)
