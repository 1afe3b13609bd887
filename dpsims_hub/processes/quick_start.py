"""Faster start of this package's own processes, which leave out packages that they do not need.

diffusers imports transformers where it is installed, and both import torch's compiler, `torch._dynamo`, with
inductor. torch itself imports the compiler when it first initializes a weight without storage. A photo needs
none of them, and a training needs only the compiler, with `--compile`. They take a third to a half of the
time of a start (docs/benchmarks.md). `import dpsims_hub` in other programs changes none of this.
"""

from __future__ import annotations

import gc
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from typing import Any

COMPILER = "torch._dynamo"
ASKS_FOR_TRANSFORMERS = ("diffusers", "diffusers.quantizers.pipe_quant_config")


def start_process() -> None:
    """Call first in a process of our own: diffusers will not import transformers, and imports take less time.

    For the rest of the process diffusers treats transformers as not installed; other code can import it.
    Garbage is collected after 50,000 new objects instead of Python's default (700 in Python 3.11), because
    imported objects are not freed.
    """
    gc.set_threshold(50_000)
    if "diffusers" not in sys.modules:
        sys.meta_path.insert(0, _DiffusersAlone())


class _DiffusersAlone(MetaPathFinder):
    """Hides transformers during the import of those modules of diffusers that look for it."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path, target) if name in ASKS_FOR_TRANSFORMERS else None
        if spec is not None:
            spec.loader.exec_module = hidden("transformers")(spec.loader.exec_module)
        return spec


@contextmanager
def hidden(name: str) -> Iterator[None]:
    """Inside the block, a package that was not imported before seems not to be installed."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]  # Python then raises ModuleNotFoundError
    try:
        yield
    finally:
        if sys.modules.get(name, "") is None:
            del sys.modules[name]


@contextmanager
def stand_in_compiler() -> Iterator[None]:
    """Inside the block, a stand-in replaces `torch._dynamo`, unless that was imported before."""
    if COMPILER in sys.modules:
        yield
        return
    stand_in = StandIn(COMPILER)
    stand_in.__path__ = find_spec(COMPILER).submodule_search_locations  # its submodules can still be imported
    sys.modules[COMPILER] = stand_in
    try:
        yield
    finally:
        if sys.modules.get(COMPILER) is stand_in:
            del sys.modules[COMPILER]


class NeverCompiled:
    """Stands for the class of compiled modules; nothing is an instance of it."""


class StandIn(types.ModuleType):
    """Decorators for the compiler do nothing, as nothing is compiled; other names import the compiler."""

    eval_frame = types.SimpleNamespace(OptimizedModule=NeverCompiled)

    @staticmethod
    def allow_in_graph(function: Any) -> Any:
        """Return the function unchanged."""
        return function

    @staticmethod
    def disable(
        function: Callable | None = None, recursive: bool = True, **options: Any
    ) -> Callable[..., Any]:
        """Return the function unchanged, or a decorator that returns it unchanged."""
        return StandIn.allow_in_graph if function is None else function

    def __getattr__(self, name: str) -> Any:
        """The compiler's own attribute, for another thread that needs it now; the compiler stays imported."""
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules.get(COMPILER) is self:
            del sys.modules[COMPILER]
        return getattr(import_module(COMPILER), name)
