"""Where the photos of a Space are made: one at a time, in the order of asking, the line kept short.

Server functions and queue events run in threads of their own; all of them hand their wishes to one worker
thread. So there is one lock for everybody, whoever came first is served first (a page has one wish under way
at a time, so painters take turns), and torch keeps one set of threads however many visitors come.
"""

from __future__ import annotations

import contextvars
import logging
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image

from dpsims_hub.space.shelf import Exhibit, Shelf
from dpsims_hub.space.wish import Wish
from dpsims_hub.space.zero_gpu import is_zero_gpu, on_gpu

if TYPE_CHECKING:
    from dpsims_hub.space.exposure import Exposure

MAX_LINE = 24  # wishes; our choice: below the 40 threads of the server, so that other requests get one
MIN_LINE = 8  # so that eight painters take turns even on a very slow model or a busy machine
LONGEST_WAIT = 1500.0  # milliseconds; our choice: who would wait longer is asked to come back
LOADING_RETRY = 400  # milliseconds
_LOG = logging.getLogger(__name__)


class BusyError(RuntimeError):
    """No photo now: too many others are waiting, or the model is still being loaded.

    Args:
        why: "crowd" or "loading".
        retry_ms: when to ask again, in milliseconds.
    """

    def __init__(self, why: Literal["crowd", "loading"], retry_ms: int) -> None:
        super().__init__(
            "many people are painting; try again in a moment."
            if why == "crowd"
            else "the model is being loaded; try again in a moment."
        )
        self.why = why
        self.retry_ms = retry_ms


class Darkroom:
    """Makes photos for everybody, one after another.

    Args:
        shelf: the models.
        beside_browser: whether the browser runs on this machine too; quick models then leave it a core.
    """

    def __init__(self, shelf: Shelf, *, beside_browser: bool = False) -> None:
        self._shelf = shelf
        self._beside_browser = beside_browser
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="darkroom")
        self._expose = on_gpu(self._expose_now)
        self._exposures: dict[str, Exposure] = {}
        self._loaders: dict[str, Future[None]] = {}
        self._lock = threading.Lock()  # guards the line and the loaders
        self._line = 0
        self._pace = 50.0  # milliseconds per photo, measured as we go

    def prepare(self, exhibit: Exhibit) -> Future[None]:
        """Start loading a model in the background, once; the future ends when it is ready for photos."""
        with self._lock:
            if exhibit.key not in self._loaders:
                done = self._loaders[exhibit.key] = Future()
                if is_zero_gpu():  # models must be there before the GPU is lent
                    self._load(exhibit, done)
                else:
                    threading.Thread(target=self._load, args=(exhibit, done), daemon=True).start()
            return self._loaders[exhibit.key]

    def photo(self, exhibit: Exhibit, wish: Wish, *, wait: bool = False) -> tuple[Image.Image, float]:
        """Make one photo.

        Args:
            exhibit: the model.
            wish: map, latents and regions.
            wait: stand in line however long it is, and wait for the model, instead of being refused.

        Returns:
            The photo, and the milliseconds that the network took.

        Raises:
            BusyError: too many are waiting, or the model is being loaded.
            ValueError: the model cannot be loaded.
        """
        ready = self.prepare(exhibit)
        if not wait and not ready.done():
            raise BusyError("loading", LOADING_RETRY)
        ready.result()
        self._join(wait)
        try:
            context = contextvars.copy_context()  # ZeroGPU finds the visitor's request in it
            photo, ms = self._worker.submit(context.run, self._expose, exhibit.key, wish).result()
            self._pace += 0.2 * (ms - self._pace)
            return photo, ms
        finally:
            with self._lock:
                self._line -= 1

    def close(self) -> None:
        """Let the worker go when its last photo is made."""
        self._worker.shutdown(wait=True)

    def _join(self, wait: bool) -> None:
        with self._lock:
            longest = min(MAX_LINE, max(MIN_LINE, int(LONGEST_WAIT / max(self._pace, 1.0))))
            if not wait and self._line >= longest:
                raise BusyError("crowd", int(min(5000.0, max(100.0, self._line * self._pace / 2))))
            self._line += 1

    def _expose_now(self, key: str, wish: Wish) -> tuple[Image.Image, float]:
        return self._exposures[key].expose(wish)

    def _load(self, exhibit: Exhibit, done: Future[None]) -> None:
        """Load a model and make one photo of it in the worker, whose threads are then warm too."""
        try:
            from dpsims_hub.space.exposure import Exposure

            exposure = self._exposures[exhibit.key] = Exposure(self._shelf.load(exhibit))
            if not is_zero_gpu():
                blank = Wish(np.zeros(exhibit.size, dtype=np.uint16))
                for _ in range(2):
                    self._worker.submit(self._expose, exhibit.key, blank).result()
                if self._beside_browser:
                    self._worker.submit(exposure.spare_a_core, blank).result()
            done.set_result(None)
        except Exception as error:  # whatever it is, visitors get one sentence and the log gets the rest
            expected = isinstance(error, ValueError | OSError)
            _LOG.error("%s cannot be loaded: %s", exhibit.name, error, exc_info=not expected)
            done.set_exception(ValueError("this model cannot be loaded here; choose another one."))
