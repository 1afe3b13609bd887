"""A `PhotoMaker` in a child process.

torch and Gradio are imported at the same time, on two cores, and photos do not share Python's lock with the
server. If the child process is killed, as for want of memory, the next request starts another one.

This module imports no large package, so that the process can be started first of all.
"""

from __future__ import annotations

import logging
import multiprocessing
import signal
import threading
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from dpsims_hub.processes.quick_start import stand_in_compiler, start_process

if TYPE_CHECKING:
    from PIL import Image

    from dpsims_hub.space.model_registry import ModelInfo, ModelRegistry
    from dpsims_hub.space.photo_request import PhotoRequest

LOADING_POLL = 0.05  # seconds
_LOG = logging.getLogger(__name__)


class ProcessEndedError(RuntimeError):
    """The child process has ended before it answered."""


class PhotoProcess:
    """Does what `PhotoMaker` does, in a child process that starts at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # a question and its answer belong together
        self._start()

    def load(self, registry: ModelRegistry, model_info: ModelInfo, spare_core: bool) -> None:
        """Load a model while others make photos; in a new process if the last one has ended.

        Raises:
            ProcessEndedError: the process ended meanwhile.
            ValueError: a weight file is damaged.
        """
        with self._lock:
            if not self._process.is_alive():
                self._start()
        self._ask("begin_loading", registry, model_info, spare_core)
        while not self._ask("is_loaded", model_info.key):
            time.sleep(LOADING_POLL)

    def render(self, key: str, photo_request: PhotoRequest) -> tuple[Image.Image, float]:
        """Make a photo with a loaded model; see `PhotoRenderer.render`.

        Raises:
            ProcessEndedError: the process has ended.
        """
        return self._ask("render", key, photo_request)

    def close(self) -> None:
        """End the process after the photo that it is making."""
        self._pipe.close()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, other_end = context.Pipe()
        self._process = context.Process(target=_serve, args=(other_end,), name="photos", daemon=True)
        self._process.start()
        other_end.close()

    def _ask(self, name: str, *arguments: Any) -> Any:
        with self._lock:
            try:
                self._pipe.send((name, arguments))
                answer, error = self._pipe.recv()
            except (EOFError, OSError) as ended:
                self._process.kill()
                self._process.join()
                raise ProcessEndedError("the process that makes photos has ended.") from ended
        if error is not None:
            raise error
        return answer


class _Answers:
    """What the child process does when it is asked."""

    def __init__(self) -> None:
        with stand_in_compiler():
            import dpsims_hub.space.renderer  # noqa: F401  # before the first model is asked for
            from dpsims_hub.space.photo_maker import PhotoMaker

        self._maker = PhotoMaker()
        self._loaders: dict[str, threading.Thread] = {}
        self._errors: dict[str, Exception] = {}
        self.render = self._maker.render

    def begin_loading(self, registry: ModelRegistry, model_info: ModelInfo, spare_core: bool) -> None:
        def load() -> None:
            try:
                self._maker.load(registry, model_info, spare_core)
            except Exception as error:  # the server hears of it when it asks
                self._errors[model_info.key] = error

        self._loaders[model_info.key] = threading.Thread(target=load, daemon=True)
        self._loaders[model_info.key].start()

    def is_loaded(self, key: str) -> bool:
        if self._loaders[key].is_alive():
            return False
        if key in self._errors:
            raise self._errors.pop(key)
        return True


def _serve(pipe: Connection) -> None:
    """Answer until the server closes its end or is gone; Ctrl-C is the server's to handle."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    start_process()
    answers = _Answers()
    with suppress(EOFError, BrokenPipeError):
        while True:
            name, arguments = pipe.recv()
            try:
                answer = getattr(answers, name)(*arguments), None
            except Exception as error:  # the server raises it
                answer = None, _plain(error)
            pipe.send(answer)


def _plain(error: Exception) -> Exception:
    """The error as one that can be sent: errors of packages may not be rebuilt from their arguments."""
    for kind in (ValueError, OSError):
        if isinstance(error, kind):
            return kind(str(error))
    _LOG.error("a photo cannot be made", exc_info=error)
    return RuntimeError(f"{type(error).__name__}: {error}")
