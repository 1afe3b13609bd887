"""Spaces on ZeroGPU lend a GPU for the length of a decorated call; elsewhere the call is a plain one."""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Callable
from typing import TypeVar

Call = TypeVar("Call", bound=Callable)
SECONDS = 30  # of GPU time that one call may ask for; our choice: a photo takes well under one


def is_zero_gpu() -> bool:
    """Return whether this process runs on ZeroGPU, where models must be on "cuda" before the first call."""
    return bool(os.environ.get("SPACES_ZERO_GPU"))


def prepare() -> None:
    """Load the package `spaces` where it is installed: it must come before torch."""
    if importlib.util.find_spec("spaces") is not None:
        importlib.import_module("spaces")


def on_gpu(call: Call) -> Call:
    """Return the call as one that borrows a GPU, where the package `spaces` is installed.

    The package itself does nothing outside ZeroGPU.
    """
    if importlib.util.find_spec("spaces") is None:
        return call
    return importlib.import_module("spaces").GPU(duration=SECONDS)(call)
