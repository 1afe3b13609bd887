"""Where the photos of a Space are made: one at a time, from a queue of limited length.

Server functions and queue events run in threads of their own; all of them hand their requests to one worker
thread. Requests are served in the order in which they came. A page has one request under way at a time, so
painters take turns. Torch keeps one set of threads however many visitors come.
"""

from __future__ import annotations

import contextvars
import logging
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Literal

import numpy as np
from PIL import Image

from dpsims_hub.space.model_registry import ModelInfo, ModelRegistry
from dpsims_hub.space.photo_maker import PhotoMaker
from dpsims_hub.space.photo_process import PhotoProcess, ProcessEndedError
from dpsims_hub.space.photo_request import PhotoRequest
from dpsims_hub.space.zero_gpu import is_zero_gpu, on_gpu

MAX_LINE = 24  # requests; our choice: below the 40 threads of the server, so that other requests get one
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


class PhotoWorker:
    """Makes photos for everybody, one after another.

    Args:
        registry: the models.
        maker: makes the photos; None: in this process.
        beside_browser: whether the browser runs on this machine too; quick models then leave it a core.
    """

    def __init__(
        self,
        registry: ModelRegistry,
        maker: PhotoMaker | PhotoProcess | None = None,
        *,
        beside_browser: bool = False,
    ) -> None:
        self._registry = registry
        self._maker = maker or PhotoMaker()
        self._beside_browser = beside_browser
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="photo-worker")
        self._render = on_gpu(self._render_now)
        self._loaders: dict[str, Future[None]] = {}
        self._lock = threading.Lock()  # guards the line and the loaders
        self._line = 0
        self._pace = 50.0  # milliseconds per photo, measured as we go

    def prepare(self, model_info: ModelInfo) -> Future[None]:
        """Start loading a model in the background, once; the future ends when it is ready for photos."""
        with self._lock:
            if model_info.key not in self._loaders:
                done = self._loaders[model_info.key] = Future()
                if is_zero_gpu():  # models must be there before the GPU is lent
                    self._load(model_info, done)
                else:
                    threading.Thread(target=self._load, args=(model_info, done), daemon=True).start()
            return self._loaders[model_info.key]

    def photo(
        self,
        model_info: ModelInfo,
        photo_request: PhotoRequest,
        *,
        wait: bool = False,
        background: bool = False,
    ) -> tuple[Image.Image, float]:
        """Make one photo.

        Args:
            model_info: the model.
            photo_request: map, latents and regions.
            wait: stand in line however long it is, and wait for the model, instead of being refused.
            background: be refused while there is a line at all.

        Returns:
            The photo, and the milliseconds that the network took.

        Raises:
            BusyError: too many are waiting, or the model is being loaded.
            ValueError: the model cannot be loaded.
        """
        ready = self.prepare(model_info)
        if not wait and not ready.done():
            raise BusyError("loading", LOADING_RETRY)
        ready.result()
        self._join(wait, background)
        try:
            context = contextvars.copy_context()  # ZeroGPU finds the visitor's request in it
            photo, ms = self._worker.submit(context.run, self._render, model_info.key, photo_request).result()
            self._pace += 0.2 * (ms - self._pace)
            return photo, ms
        except ProcessEndedError as error:
            _LOG.error("%s Another one is started.", error)
            with self._lock:
                self._loaders.clear()
            raise BusyError("loading", LOADING_RETRY) from None
        finally:
            with self._lock:
                self._line -= 1

    def close(self) -> None:
        """Let the worker go when its last photo is made."""
        self._worker.shutdown(wait=True)
        self._maker.close()

    def _join(self, wait: bool, background: bool) -> None:
        with self._lock:
            longest = min(MAX_LINE, max(MIN_LINE, int(LONGEST_WAIT / max(self._pace, 1.0))))
            longest = 1 if background else longest
            if not wait and self._line >= longest:
                raise BusyError("crowd", int(min(5000.0, max(100.0, self._line * self._pace / 2))))
            self._line += 1

    def _render_now(self, key: str, photo_request: PhotoRequest) -> tuple[Image.Image, float]:
        return self._maker.render(key, photo_request)

    def _load(self, model_info: ModelInfo, done: Future[None]) -> None:
        """Load a model and make one photo of it in the worker, whose threads are then warm too."""
        try:
            self._maker.load(self._registry, model_info, self._beside_browser)
            if not is_zero_gpu():
                blank = PhotoRequest(np.zeros(model_info.size, dtype=np.uint16))
                self._worker.submit(self._render, model_info.key, blank).result()
            done.set_result(None)
        except Exception as error:  # whatever it is, visitors get one sentence and the log gets the rest
            expected = isinstance(error, ValueError | OSError)
            _LOG.error("%s cannot be loaded: %s", model_info.name, error, exc_info=not expected)
            done.set_exception(ValueError("this model cannot be loaded here; choose another one."))
