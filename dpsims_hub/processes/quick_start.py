"""A quick start: a model is imported and built without packages that it does not need.

diffusers imports transformers where it finds it, and both import torch's compiler, `torch._dynamo`, with
inductor; torch itself imports the compiler when it first initializes a weight without storage. None of them
takes part in a photo, and they are a large part of the time to the first one (docs/benchmarks.md).
"""

from __future__ import annotations

import gc
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Any

COMPILER = "torch._dynamo"
PIPELINE = "dpsims_hub.pipelines.pipeline_dpsims"


@contextmanager
def light_imports() -> Iterator[None]:
    """Inside, the pipeline is imported without transformers, and torch goes without its compiler.

    diffusers then takes transformers for not installed, as long as the process lives; transformers itself can
    be imported afterwards. What was imported before stays as it is.
    """
    with stand_in_compiler():
        if PIPELINE not in sys.modules and "diffusers" not in sys.modules:
            with hidden("transformers"):
                import_module(PIPELINE)
        yield


@contextmanager
def quick_imports(*unneeded: str) -> Iterator[None]:
    """Inside, imports take a fifth less time: their objects stay, so that no garbage is looked for.

    Args:
        unneeded: packages that seem not to be installed meanwhile.
    """
    gc.disable()
    try:
        with ExitStack() as stack:
            for name in unneeded:
                stack.enter_context(hidden(name))
            yield
    finally:
        gc.enable()
        gc.freeze()  # later collections skip what was imported


@contextmanager
def hidden(name: str) -> Iterator[None]:
    """Inside, a package that was not imported yet seems not to be installed."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]  # Python's own sign for "not to be found"
    try:
        yield
    finally:
        if sys.modules.get(name, "") is None:
            del sys.modules[name]


@contextmanager
def stand_in_compiler() -> Iterator[None]:
    """Inside, a stand-in takes the place of `torch._dynamo`, unless it was imported before."""
    if COMPILER in sys.modules:
        yield
        return
    stand_in = StandIn(COMPILER)
    stand_in.__path__ = find_spec(COMPILER).submodule_search_locations  # its modules can still be imported
    sys.modules[COMPILER] = stand_in
    try:
        yield
    finally:
        if sys.modules.get(COMPILER) is stand_in:
            del sys.modules[COMPILER]


class NeverCompiled:
    """The class of compiled modules, of which there are none yet."""


class StandIn(types.ModuleType):
    """Marks for the compiler do nothing, as nothing is compiled; all else is asked of the compiler itself."""

    eval_frame = types.SimpleNamespace(OptimizedModule=NeverCompiled)

    @staticmethod
    def allow_in_graph(function: Any) -> Any:
        """Return the function as it is."""
        return function

    @staticmethod
    def disable(
        function: Callable | None = None, recursive: bool = True, **options: Any
    ) -> Callable[..., Any]:
        """Return the function as it is, or a decorator that does."""
        return StandIn.allow_in_graph if function is None else function

    def __getattr__(self, name: str) -> Any:
        """The compiler's own attribute, for another thread that needs it meanwhile; it stays from then on."""
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules.get(COMPILER) is self:
            del sys.modules[COMPILER]
        return getattr(import_module(COMPILER), name)
