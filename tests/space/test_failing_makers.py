"""The worker with makers that fail: no model is lost, no request hangs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("gradio")

from dpsims_hub.space import photo_worker  # noqa: E402
from dpsims_hub.space.photo_errors import ModelNotLoadedError, ProcessEndedError  # noqa: E402
from dpsims_hub.space.photo_request import PhotoRequest  # noqa: E402
from dpsims_hub.space.photo_worker import MAX_SEGMENTING, BusyError, PhotoWorker  # noqa: E402

FIRST, SECOND = (SimpleNamespace(key=key, name=key, size=(2, 2)) for key in ("first", "second"))
REQUEST = PhotoRequest(np.zeros((2, 2), np.uint16))
SECONDS = 5


class Maker:
    """A stand-in for the process: `loading` is called with the key of a model that is to be loaded."""

    def __init__(self, loading: Callable[[str], None] = lambda key: None) -> None:
        self.loading = loading
        self.loaded: list[str] = []
        self.loads = 0

    def load(self, registry: Any, model_info: Any, spare_core: bool) -> None:
        self.loads += 1
        self.loading(model_info.key)
        self.loaded.append(model_info.key)

    def render(self, key: str, photo_request: PhotoRequest) -> tuple[str, float]:
        if key not in self.loaded:
            raise ModelNotLoadedError(key)
        return f"photo of {key}", 1.0

    def close(self) -> None:
        self.loaded.clear()


def photo_of(worker: PhotoWorker, model_info: Any) -> str:
    """The photo at the second try at the latest, as the page asks."""
    with suppress(BusyError):
        return worker.photo(model_info, REQUEST, wait=True)[0]
    return worker.photo(model_info, REQUEST, wait=True)[0]


def test_a_model_that_ends_the_process_does_not_take_the_others_with_it() -> None:
    def die(key: str) -> None:
        if key == "second":
            maker.loaded.clear()
            raise ProcessEndedError("ended")

    maker = Maker(die)
    worker = PhotoWorker(None, maker)
    assert photo_of(worker, FIRST) == "photo of first"
    with pytest.raises(ValueError, match="cannot be loaded here"):
        worker.photo(SECOND, REQUEST, wait=True)
    assert photo_of(worker, FIRST) == "photo of first"
    assert maker.loads == 3
    worker.close()


def test_requests_that_waited_when_the_process_ended_load_the_model_once() -> None:
    maker = Maker()
    worker = PhotoWorker(None, maker)
    photo_of(worker, FIRST)
    old = worker.prepare(FIRST)
    maker.loaded.clear()
    with pytest.raises(BusyError, match="being loaded"):
        worker.photo(FIRST, REQUEST, wait=True)
    new = worker.prepare(FIRST)
    worker._load_again("first", old)  # of a request that waited
    assert worker.prepare(FIRST) is new
    assert photo_of(worker, FIRST) == "photo of first"
    assert maker.loads == 2
    worker.close()


def test_a_failure_of_a_load_that_was_given_up_leaves_the_next_one_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended = threading.Event()

    def fail_late(key: str) -> None:
        maker.loading = lambda key: None
        assert ended.wait(SECONDS)
        raise RuntimeError("of the former process")

    maker = Maker(fail_late)
    worker = PhotoWorker(None, maker)
    old = worker.prepare(SECOND)
    while maker.loading is fail_late:
        pass
    worker._load_again("second", old)
    assert photo_of(worker, SECOND) == "photo of second"
    ready = worker.prepare(SECOND)
    ended.set()
    assert old.exception(timeout=SECONDS)
    monkeypatch.setattr(photo_worker, "FAILURE_SECONDS", -1.0)
    assert worker.prepare(SECOND) is ready
    worker.close()


def test_a_damaged_model_does_not_block_a_server_on_zero_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(key: str) -> None:
        raise ValueError("damaged")

    monkeypatch.setattr(photo_worker, "is_zero_gpu", lambda: True)
    worker, done = PhotoWorker(None, Maker(fail)), threading.Event()
    threading.Thread(target=lambda: worker.prepare(FIRST) and done.set(), daemon=True).start()
    assert done.wait(SECONDS)
    worker.close()


def test_photos_that_are_segmented_are_few_at_a_time_and_stop_nobody() -> None:
    going, maker = threading.Event(), Maker()
    maker.segment = lambda name, photo: going.wait(SECONDS) and ("ids", {})
    worker, found = PhotoWorker(None, maker), []
    photo = Image.new("RGB", (2, 2))
    threads = [
        threading.Thread(target=lambda: found.append(worker.segment("s", photo)))
        for _ in range(MAX_SEGMENTING)
    ]
    for thread in threads:
        thread.start()
    while worker._segmenting._value:
        pass
    with pytest.raises(BusyError, match="many people") as caught:
        worker.segment("s", photo)
    assert caught.value.retry_ms == 1000
    assert photo_of(worker, FIRST) == "photo of first"
    going.set()
    for thread in threads:
        thread.join(SECONDS)
    assert found == [("ids", {})] * MAX_SEGMENTING
    assert worker.segment("s", photo) == ("ids", {})
    worker.close()
