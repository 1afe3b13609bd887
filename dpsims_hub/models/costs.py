"""Costs of networks: parameters, multiply-adds, memory of their tensors and of the process.

All but the memory of the process can be found without computing values, on tensors of the device "meta".
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode


def count_parameters(module: nn.Module) -> int:
    """Number of values in the module's parameters, including frozen ones."""
    return sum(parameter.numel() for parameter in module.parameters())


def tensor_bytes(module: nn.Module) -> int:
    """Bytes of the module's parameters and buffers."""
    return sum(tensor.nbytes for tensor in (*module.parameters(), *module.buffers()))


def count_multiply_adds(call: Callable[[], object]) -> int:
    """Multiply-adds of the matrix products and convolutions in a call, including backward passes.

    Other operations, such as norms and interpolation, are not counted, as is usual in papers.
    """
    with FlopCounterMode(display=False) as counter:
        call()
    return counter.get_total_flops() // 2


def peak_memory(device: torch.device) -> int:
    """Peak memory so far in bytes: of the tensors on a CUDA device, otherwise of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if sys.platform == "win32":
        import psutil  # a dependency of accelerate

        return psutil.Process().memory_info().peak_wset
    import resource  # not available on Windows

    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes, Linux KiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


class LiveMemory(TorchDispatchMode):
    """As a context, tracks the current and the peak number of bytes of all live tensors.

    It counts the results of operations, also in backward passes, but neither their workspaces nor reserves of
    the allocator.
    """

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0
        self.peak = 0
        self._sizes: dict[int, int] = {}

    def __torch_dispatch__(
        self, func: Callable, types: Sequence[type], args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run the operation and track the storage of its results."""
        results = func(*args, **(kwargs or {}))
        for result in tree_leaves(results):
            if isinstance(result, Tensor):
                self._follow(result.untyped_storage())
        return results

    def _follow(self, storage: torch.UntypedStorage) -> None:
        key = id(storage)
        if key not in self._sizes:
            self._sizes[key] = storage.nbytes()
            self.bytes += self._sizes[key]
            self.peak = max(self.peak, self.bytes)
            weakref.finalize(storage, self._forget, key)

    def _forget(self, key: int) -> None:
        self.bytes -= self._sizes.pop(key)
