"""ZeroGPU: a Space there has a GPU during decorated calls; elsewhere the decorator does nothing."""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Callable
from typing import TypeVar

Call = TypeVar("Call", bound=Callable)
SECONDS = 30  # of GPU time requested for one call; our choice: a photo takes well under one


def is_zero_gpu() -> bool:
    """Whether this process runs on ZeroGPU, where models must be on "cuda" before the first call."""
    return bool(os.environ.get("SPACES_ZERO_GPU"))


def prepare() -> None:
    """Import the package `spaces` if it is installed; it must be imported before torch."""
    if importlib.util.find_spec("spaces") is not None:
        importlib.import_module("spaces")


def on_gpu(call: Call) -> Call:
    """Return the call decorated with `spaces.GPU` if the package `spaces` is installed."""
    if importlib.util.find_spec("spaces") is None:
        return call
    return importlib.import_module("spaces").GPU(duration=SECONDS)(call)
