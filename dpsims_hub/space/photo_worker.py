"""The worker thread that makes all photos of a Space, one at a time, from a queue of limited length.

Server functions and API calls run in other threads and submit their requests to it. Requests are served in
order. A page has one pending request, so visitors take turns. torch uses one set of threads.
"""

from __future__ import annotations

import contextvars
import logging
import math
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Literal

import numpy as np
from PIL import Image

from dpsims_hub.space.model_registry import ModelInfo, ModelRegistry
from dpsims_hub.space.photo_errors import ModelNotLoadedError, ProcessEndedError
from dpsims_hub.space.photo_maker import PhotoMaker
from dpsims_hub.space.photo_process import PhotoProcess
from dpsims_hub.space.photo_request import PhotoRequest
from dpsims_hub.space.zero_gpu import is_zero_gpu, on_gpu

MAX_QUEUED = 24  # requests; our choice: below the server's 40 threads, so that other requests get a thread
MAX_SEGMENTING = 2  # photos at once; each occupies a thread of the server
MIN_QUEUED = 8  # so that eight visitors take turns even with a very slow model
LONGEST_WAIT = 1500.0  # milliseconds; our choice: requests that would wait longer are refused
LOADING_RETRY = 400  # milliseconds
SEGMENTING_RETRY = 1000  # milliseconds
FAILURE_SECONDS = 30.0  # our choice: after this time a model that failed to load is loaded again
_LOG = logging.getLogger(__name__)


class BusyError(RuntimeError):
    """No photo now: too many requests are waiting, or the model is still being loaded.

    Args:
        why: "crowd" or "loading".
        retry_ms: milliseconds until the next request.
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
    """Makes the photos of all visitors, one after another.

    `maker` makes the photos; None means that this process makes them. `beside_browser` says that the browser
    runs on this machine too; fast models then leave it a core.
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
        self._failures: dict[str, float] = {}  # times of `time.monotonic`
        # Guards the queue length and the loaders; on ZeroGPU its thread holds it while it loads.
        self._lock = threading.RLock()
        self._segmenting = threading.BoundedSemaphore(MAX_SEGMENTING)
        self._queued = 0
        self._pace = 50.0  # milliseconds per photo, a running mean

    def prepare(self, model_info: ModelInfo) -> Future[None]:
        """Start loading a model in the background, once; the future is done when the model can make photos.

        If a model failed to load, a call after `FAILURE_SECONDS` starts loading it again.
        """
        with self._lock:
            if time.monotonic() - self._failures.get(model_info.key, math.inf) > FAILURE_SECONDS:
                self._forget(model_info.key)
            if model_info.key not in self._loaders:
                done = self._loaders[model_info.key] = Future()
                if is_zero_gpu():  # models must be loaded before the first GPU call
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
            wait: wait for the queue and the model, however long, instead of refusing the request.
            background: refuse the request while any other is queued.

        Returns:
            The photo, and the milliseconds that the network took.

        Raises:
            BusyError: too many requests are waiting, or the model is being loaded.
            ValueError: the model cannot be loaded.
        """
        ready = self.prepare(model_info)
        if not wait and not ready.done():
            raise BusyError("loading", LOADING_RETRY)
        ready.result()
        self._enqueue(wait, background)
        try:
            context = contextvars.copy_context()  # ZeroGPU reads the visitor's request from it
            photo, ms = self._worker.submit(context.run, self._render, model_info.key, photo_request).result()
            self._pace += 0.2 * (ms - self._pace)
            return photo, ms
        except ProcessEndedError as error:
            _LOG.error("%s Another one was started.", error)
            raise self._load_again(model_info.key, ready) from None
        except ModelNotLoadedError:  # the process was started after the model was loaded
            raise self._load_again(model_info.key, ready) from None
        finally:
            with self._lock:
                self._queued -= 1

    def segment(self, name: str, photo: Image.Image) -> tuple[np.ndarray, dict[int, str]]:
        """Return ids and class names of a photo, see `PhotoMaker.segment`.

        Raises:
            BusyError: too many photos are being segmented, or the process that does it has ended, and
                another one was started.
        """
        if not self._segmenting.acquire(blocking=False):
            raise BusyError("crowd", SEGMENTING_RETRY)
        try:
            return self._maker.segment(name, photo)
        except ProcessEndedError as error:
            _LOG.error("%s Another one was started.", error)
            raise BusyError("loading", LOADING_RETRY) from None
        finally:
            self._segmenting.release()

    def close(self) -> None:
        """End the thread after the last queued photo."""
        self._worker.shutdown(wait=True)
        self._maker.close()

    def _enqueue(self, wait: bool, background: bool) -> None:
        with self._lock:
            longest = min(MAX_QUEUED, max(MIN_QUEUED, int(LONGEST_WAIT / max(self._pace, 1.0))))
            if not wait and self._queued >= (1 if background else longest):
                raise BusyError("crowd", int(min(5000.0, max(100.0, self._queued * self._pace / 2))))
            self._queued += 1

    def _load_again(self, key: str, loader: Future[None]) -> BusyError:
        """Make the next request load a model again, if loading has not begun already."""
        with self._lock:
            if self._loaders.get(key) is loader:
                self._forget(key)
        return BusyError("loading", LOADING_RETRY)

    def _forget(self, key: str) -> None:
        self._loaders.pop(key, None)
        self._failures.pop(key, None)

    def _render_now(self, key: str, photo_request: PhotoRequest) -> tuple[Image.Image, float]:
        return self._maker.render(key, photo_request)

    def _load(self, model_info: ModelInfo, done: Future[None]) -> None:
        """Load a model, and make its first photo in the worker thread, which starts torch's threads."""
        try:
            self._maker.load(self._registry, model_info, self._beside_browser)
            if not is_zero_gpu():
                blank = PhotoRequest(np.zeros(model_info.size, dtype=np.uint16))
                self._worker.submit(self._render, model_info.key, blank).result()
            done.set_result(None)
        except Exception as error:  # visitors get one sentence; the log has the details
            expected = isinstance(error, ValueError | OSError)
            _LOG.error("%s cannot be loaded: %s", model_info.name, error, exc_info=not expected)
            with self._lock:
                if self._loaders.get(model_info.key) is done:
                    self._failures[model_info.key] = time.monotonic()
            done.set_exception(ValueError("this model cannot be loaded here; choose another one."))
