"""A `PhotoMaker` in a child process.

torch and Gradio are imported at the same time, on two cores, and photos do not share Python's global
interpreter lock with the server. If the child process is killed, for example because memory ran out, another
one is started.

This module imports no large package, so that the process can be started before anything else.
"""

from __future__ import annotations

import itertools
import logging
import multiprocessing
import signal
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from dpsims_hub.processes.quick_start import stand_in_compiler, start_process
from dpsims_hub.space.photo_errors import ModelNotLoadedError, ProcessEndedError

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

    from dpsims_hub.space.model_registry import ModelInfo, ModelRegistry
    from dpsims_hub.space.photo_request import PhotoRequest

POLL = 0.05  # seconds
_LOG = logging.getLogger(__name__)


class PhotoProcess:
    """Does what `PhotoMaker` does, in a child process that starts at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # one request and its answer at a time
        self._numbers = itertools.count()
        self._closed = False
        self._start()

    def load(self, registry: ModelRegistry, model_info: ModelInfo, spare_core: bool) -> None:
        """Load a model while others make photos.

        Raises:
            ProcessEndedError: the process has ended; another one was started.
            ValueError: a weight file is damaged.
        """
        self._run_beside("load", registry, model_info, spare_core)

    def render(self, key: str, photo_request: PhotoRequest) -> tuple[Image.Image, float]:
        """Make a photo with a loaded model; see `PhotoRenderer.render`.

        Raises:
            ProcessEndedError: the process has ended; another one was started, without models.
            ModelNotLoadedError: this process has not loaded the model.
        """
        return self._ask("render", key, photo_request)

    def segment(self, name: str, photo: Image.Image) -> tuple[np.ndarray, dict[int, str]]:
        """Return ids and class names of a photo while others make photos, see `PhotoMaker.segment`.

        Raises:
            ProcessEndedError: the process has ended; another one was started.
        """
        return self._run_beside("segment", name, photo)

    def close(self) -> None:
        """End the process after its last photo."""
        self._closed = True
        self._pipe.close()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, other_end = context.Pipe()
        self._process = context.Process(target=_serve, args=(other_end,), name="photos", daemon=True)
        self._process.start()
        other_end.close()

    def _run_beside(self, name: str, *arguments: Any) -> Any:
        """Run a task that takes seconds in a thread of the process; photos are made at the same time."""
        number = next(self._numbers)
        self._ask("begin", number, name, arguments)
        while (result := self._ask("result", number)) is None:
            time.sleep(POLL)
        return result[0]

    def _ask(self, name: str, *arguments: Any) -> Any:
        with self._lock:
            try:
                self._pipe.send((name, arguments))
                answer, error = self._pipe.recv()
            except (EOFError, OSError) as ended:
                self._process.kill()
                self._process.join()
                if not self._closed:
                    self._start()
                raise ProcessEndedError("the process that makes photos has ended.") from ended
        if error is not None:
            raise error
        return answer


class _Answers:
    """The child process: a method for each request."""

    def __init__(self) -> None:
        with stand_in_compiler():
            import dpsims_hub.space.renderer  # noqa: F401  # before the first request for a model
            from dpsims_hub.processes.cpu_setup import prepare_cpu
            from dpsims_hub.space.photo_maker import PhotoMaker

        prepare_cpu()  # before the start of the threads, which inherit the setting
        self._maker = PhotoMaker()
        self._threads = ThreadPoolExecutor()
        self._results: dict[int, Future] = {}
        self.render = self._maker.render

    def begin(self, number: int, name: str, arguments: tuple) -> None:
        self._results[number] = self._threads.submit(getattr(self._maker, name), *arguments)

    def result(self, number: int) -> tuple[Any] | None:
        """(result,), once, or None while the task runs; raises the error of the task."""
        if number not in self._results:
            raise ProcessEndedError("the process that makes photos has ended.")  # an earlier one had the task
        if not self._results[number].done():
            return None
        return (self._results.pop(number).result(),)


def _serve(pipe: Connection) -> None:
    """Answer requests until the server closes its end of the pipe or ends; the server handles Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    start_process()
    answers = _Answers()
    with suppress(EOFError, BrokenPipeError):
        while True:
            name, arguments = pipe.recv()
            try:
                answer = getattr(answers, name)(*arguments), None
            except Exception as error:  # raised in the server
                answer = None, _plain(error)
            pipe.send(answer)


def _plain(error: Exception) -> Exception:
    """The error as a plain type: errors of packages may have constructors that prevent unpickling."""
    for kind in (ValueError, OSError, ProcessEndedError, ModelNotLoadedError):
        if isinstance(error, kind):
            return kind(str(error))
    _LOG.error("a photo cannot be made", exc_info=error)
    return RuntimeError(f"{type(error).__name__}: {error}")
