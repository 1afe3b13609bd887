"""Photos from a child process: the same ones, the same errors, and a new process after it was killed."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from PIL import Image

from dpsims_hub.processes import cpu_setup
from dpsims_hub.space.map_string import decode
from dpsims_hub.space.model_registry import ModelInfo, ModelRegistry
from dpsims_hub.space.photo_errors import ModelNotLoadedError
from dpsims_hub.space.photo_maker import PhotoMaker
from dpsims_hub.space.photo_process import PhotoProcess, _Answers
from dpsims_hub.space.photo_request import PhotoRequest
from dpsims_hub.space.photo_worker import BusyError, PhotoWorker
from tests.space.models import save_segmenter


@pytest.fixture(scope="module")
def process(registry: ModelRegistry, ade20k: ModelInfo) -> Iterator[PhotoProcess]:
    process = PhotoProcess()
    process.load(registry, ade20k, spare_core=False)
    yield process
    process.close()


def request_of(model_info: ModelInfo, seed: int = 5) -> PhotoRequest:
    return PhotoRequest(decode(model_info.examples[0][1]), seed)


def test_a_photo_is_that_of_this_process(
    process: PhotoProcess, registry: ModelRegistry, ade20k: ModelInfo
) -> None:
    maker = PhotoMaker()
    maker.load(registry, ade20k, spare_core=False)
    wanted, _ = maker.render("ade20k", request_of(ade20k))
    photo, ms = process.render("ade20k", request_of(ade20k))
    np.testing.assert_array_equal(np.asarray(photo), np.asarray(wanted))
    assert ms > 0


def test_a_photo_is_segmented_there_while_photos_are_made(
    process: PhotoProcess, ade20k: ModelInfo, tmp_path: Path
) -> None:
    pytest.importorskip("transformers")
    save_segmenter(tmp_path / "segmenter", {0: "sky", 1: "road"})
    photo = Image.fromarray(np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8))
    with ThreadPoolExecutor() as threads:
        segmented = threads.submit(process.segment, str(tmp_path / "segmenter"), photo)
        process.render("ade20k", request_of(ade20k))
        assert not segmented.done()  # the segmenter is being loaded
        ids, names = segmented.result()
    wanted, _ = PhotoMaker().segment(str(tmp_path / "segmenter"), photo)
    np.testing.assert_array_equal(ids, wanted)
    assert names == {0: "sky", 1: "road"}
    assert len(np.unique(ids)) == 2


def test_ctrl_c_is_left_to_the_server(process: PhotoProcess, ade20k: ModelInfo) -> None:
    os.kill(process._process.pid, signal.SIGINT)
    assert process.render("ade20k", request_of(ade20k))[0].size == (48, 32)


def test_an_error_comes_back_as_what_it_was_and_the_process_goes_on(
    process: PhotoProcess, ade20k: ModelInfo, ade20k_folder: Path, registry: ModelRegistry, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="200"):
        process.render("ade20k", PhotoRequest(np.full((32, 48), 200), 1))
    with pytest.raises(ModelNotLoadedError, match="never loaded is not loaded"):
        process.render("never loaded", request_of(ade20k))
    broken = ModelInfo(**{**vars(ade20k), "key": "broken", "folder": tmp_path})
    with pytest.raises(OSError, match=str(tmp_path)):
        process.load(registry, broken, spare_core=False)
    assert process.render("ade20k", request_of(ade20k))[0].size == (48, 32)


def test_a_killed_process_is_replaced(
    registry: ModelRegistry, ade20k: ModelInfo, caplog: pytest.LogCaptureFixture
) -> None:
    process = PhotoProcess()
    worker = PhotoWorker(registry, process)
    before, _ = worker.photo(ade20k, request_of(ade20k), wait=True)
    os.kill(process._process.pid, signal.SIGKILL)
    with pytest.raises(BusyError, match="being loaded"):
        worker.photo(ade20k, request_of(ade20k), wait=True)
    assert "has ended. Another one was started." in caplog.text
    with pytest.raises(OSError, match="nowhere"):
        worker.segment("nowhere", before)  # the new process answers
    after, _ = worker.photo(ade20k, request_of(ade20k), wait=True)
    np.testing.assert_array_equal(np.asarray(before), np.asarray(after))
    worker.close()
    process._process.join(timeout=30)
    assert process._process.exitcode == 0


def test_a_process_that_dies_of_a_model_does_not_take_the_server_along(
    registry: ModelRegistry,
    ade20k: ModelInfo,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    process = PhotoProcess()
    worker = PhotoWorker(registry, process)
    monkeypatch.setattr(PhotoProcess, "load", lambda self, *arguments: self.render("x", self._process.kill()))
    with pytest.raises(ValueError, match="cannot be loaded here"), caplog.at_level(logging.CRITICAL):
        worker.photo(ade20k, request_of(ade20k), wait=True)
    with pytest.raises(ModelNotLoadedError):  # a new process, without models
        process.render("ade20k", request_of(ade20k))
    worker.close()


STARTED = """
import sys, time
from dpsims_hub.space.photo_process import PhotoProcess
if __name__ == "__main__":
    process = PhotoProcess()
    print(process._process.pid, "torch" in sys.modules, "gradio" in sys.modules, flush=True)
    time.sleep(60)
"""


def test_it_starts_before_large_packages_and_ends_with_a_killed_server(tmp_path: Path) -> None:
    script = tmp_path / "server.py"
    script.write_text(STARTED)
    server = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True)
    pid, *imported = server.stdout.readline().split()
    assert imported == ["False", "False"]
    child = psutil.Process(int(pid))
    server.kill()
    server.wait()
    gone, _ = psutil.wait_procs([child], timeout=60)
    assert gone


def test_every_thread_of_the_process_flushes_subnormal_numbers(monkeypatch):
    """The one that renders and those that load and segment; the memory settings are those of the process."""
    monkeypatch.setattr(cpu_setup, "_MALLOPT", {})

    def left() -> int:
        return int((torch.full((8,), 1e-39) * 1.0).count_nonzero())

    torch.set_flush_denormal(False)  # another test of this process may have set it
    assert left() == 8
    try:
        answers = _Answers()
        assert [left(), answers._threads.submit(left).result()] == [0, 0]
    finally:
        torch.set_flush_denormal(False)
