from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from dpsims_hub.bundled import bundled_model
from dpsims_hub.pipelines.latents import interpolate_latents
from dpsims_hub.pipelines.pipeline_dpsims import DPSIMSPipeline
from dpsims_hub.space import photo_worker, renderer
from dpsims_hub.space.map_string import decode
from dpsims_hub.space.model_registry import ModelInfo, ModelRegistry
from dpsims_hub.space.photo_request import PhotoRequest
from dpsims_hub.space.photo_worker import MAX_QUEUED, MIN_QUEUED, BusyError, PhotoWorker
from dpsims_hub.space.renderer import PhotoRenderer


@pytest.fixture(scope="module")
def worker(registry: ModelRegistry) -> Iterator[PhotoWorker]:
    worker = PhotoWorker(registry)
    for key in ("camvid", "ade20k"):
        worker.prepare(registry.find(key)).result(timeout=120)
    yield worker
    worker.close()


@pytest.fixture(scope="module")
def pipe() -> DPSIMSPipeline:
    return DPSIMSPipeline.from_pretrained(bundled_model()).optimize()


def layout(model_info: ModelInfo, number: int = 0) -> np.ndarray:
    return decode(model_info.examples[number][1])


def latents(seed: int) -> torch.Tensor:
    return torch.randn((1, 64), generator=torch.Generator().manual_seed(seed))


def test_a_photo_is_that_of_the_pipeline(
    worker: PhotoWorker, camvid: ModelInfo, pipe: DPSIMSPipeline
) -> None:
    label_map = layout(camvid)
    photo, ms = worker.photo(camvid, PhotoRequest(label_map, seed=9))
    wanted = pipe(label_map, generator=torch.Generator().manual_seed(9)).images[0]
    np.testing.assert_array_equal(np.asarray(photo), np.asarray(wanted))
    assert ms > 0


def test_drafts_are_quick_and_close_and_the_end_of_a_stroke_is_exact(
    camvid: ModelInfo, pipe: DPSIMSPipeline
) -> None:
    photo_renderer = renderer.PhotoRenderer(pipe)
    label_map, whole = layout(camvid).copy(), []
    monitor = pipe.network.blocks[-1].register_forward_hook(
        lambda layer, inputs, result: whole.append(result.shape[-2:] == label_map.shape)
    )
    draft = None
    for row in (40, 48, 56):
        label_map[row : row + 8, 100:108] += 1
        label_map %= 11
        draft, _ = photo_renderer.render(PhotoRequest(label_map.copy(), seed=3, draft=True))
    assert whole == [True, False, False]
    exact, _ = photo_renderer.render(PhotoRequest(label_map, seed=3))
    assert whole == [True, False, False, True]
    monitor.remove()
    wanted = pipe(label_map, generator=torch.Generator().manual_seed(3)).images[0]
    np.testing.assert_array_equal(np.asarray(exact), np.asarray(wanted))
    assert 0 < np.abs(np.asarray(draft).astype(int) - np.asarray(wanted)).mean() < 10
    other, _ = photo_renderer.render(PhotoRequest(label_map, seed=4))
    wanted = pipe(label_map, generator=torch.Generator().manual_seed(4)).images[0]
    np.testing.assert_array_equal(np.asarray(other), np.asarray(wanted))


def test_drafts_with_regions_are_whole_photos(camvid: ModelInfo, pipe: DPSIMSPipeline) -> None:
    photo_renderer = renderer.PhotoRenderer(pipe)
    label_map = layout(camvid)
    parts = {"none": (), "one": ((label_map == 1, 8),)}
    drafts = [
        photo_renderer.render(PhotoRequest(label_map, seed=3, regions=parts[name], draft=True))[0]
        for name in ("none", "one", "none")
    ]
    fresh = renderer.PhotoRenderer(pipe)
    exact = {
        name: fresh.render(PhotoRequest(label_map, seed=3, regions=own))[0] for name, own in parts.items()
    }
    for draft, name in zip(drafts, ("none", "one", "none"), strict=True):
        np.testing.assert_array_equal(np.asarray(draft), np.asarray(exact[name]))


@pytest.fixture
def three_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = torch.get_num_threads()
    monkeypatch.setattr(renderer, "ALL_THREADS", 3)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("spare_core", "quick", "threads"), [(True, 1e9, 2), (True, 0.0, 3), (False, 1e9, 3)]
)
def test_a_quick_model_leaves_a_core_to_the_browser(
    camvid: ModelInfo,
    pipe: DPSIMSPipeline,
    three_threads: None,
    monkeypatch: pytest.MonkeyPatch,
    spare_core: bool,
    quick: float,
    threads: int,
) -> None:
    monkeypatch.setattr(renderer, "QUICK", quick)
    made, used, photos = PhotoRenderer(pipe, spare_core), [], []
    for _ in range(renderer.TRIALS + 1):
        photos.append(np.asarray(made.render(PhotoRequest(layout(camvid), 4))[0], np.int16))
        used.append(torch.get_num_threads())
    assert used == [2 if spare_core else 3] * renderer.TRIALS + [threads]
    # The last bit of a sum may depend on the number of threads.
    assert np.abs(photos[0] - photos[-1]).max() <= 1


def test_every_model_begins_with_all_threads_but_one(
    registry: ModelRegistry, three_threads: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renderer, "QUICK", 1e9)
    worker = PhotoWorker(registry, beside_browser=True)
    used = []
    for key in ("camvid", "ade20k"):
        worker.photo(registry.find(key), PhotoRequest(layout(registry.find(key))), wait=True)
        used.append(worker._worker.submit(torch.get_num_threads).result())
    assert used == [2, 2]
    worker.close()


def test_a_kept_encoding_changes_nothing(camvid: ModelInfo, pipe: DPSIMSPipeline) -> None:
    fresh = [PhotoRenderer(pipe).render(PhotoRequest(layout(camvid, n), n))[0] for n in range(6)]
    kept = PhotoRenderer(pipe)
    for _ in range(2):
        for number in (0, 1, 2, 3, 4, 5, 0, 0):
            photo = kept.render(PhotoRequest(layout(camvid, number), number))[0]
            np.testing.assert_array_equal(np.asarray(photo), np.asarray(fresh[number]))


def test_the_mix_walks_the_great_circle(worker: PhotoWorker, camvid: ModelInfo, pipe: DPSIMSPipeline) -> None:
    label_map = layout(camvid)
    between = interpolate_latents(latents(1)[0], latents(2)[0], 5)
    for step, mix in enumerate((0.0, 0.25, 0.5, 0.75, 1.0)):
        photo, _ = worker.photo(camvid, PhotoRequest(label_map, 1, 2, mix))
        wanted = pipe(label_map, latents=between[step][None]).images[0]
        assert np.abs(np.asarray(photo).astype(int) - np.asarray(wanted)).max() <= 1


def test_a_class_of_its_own_seed(worker: PhotoWorker, camvid: ModelInfo, pipe: DPSIMSPipeline) -> None:
    label_map = layout(camvid)
    photo, _ = worker.photo(camvid, PhotoRequest(label_map, 1, regions=((label_map == 3, 8),)))
    wanted = pipe(label_map, latents=latents(1), class_latents={"Road": latents(8)[0]}).images[0]
    np.testing.assert_array_equal(np.asarray(photo), np.asarray(wanted))
    plain, _ = worker.photo(camvid, PhotoRequest(label_map, 1))
    change = np.abs(np.asarray(photo).astype(int) - np.asarray(plain)).mean(axis=-1)
    assert change[label_map == 3].mean() > 2 * change[:24].mean()


def test_later_regions_lie_on_top_and_empty_ones_are_left_out(
    worker: PhotoWorker, camvid: ModelInfo, pipe: DPSIMSPipeline
) -> None:
    label_map = layout(camvid)
    left, top, nothing = np.zeros((3, 192, 256), dtype=bool)
    left[:, :64] = True
    top[:48] = True
    photo, _ = worker.photo(camvid, PhotoRequest(label_map, 1, regions=((left, 2), (nothing, 3), (top, 4))))
    region_map = np.where(top, 2, np.where(left, 1, 0))
    stacked = torch.stack([latents(seed)[0] for seed in (1, 2, 4)])[None]
    wanted = pipe(label_map, latents=stacked, region_map=region_map).images[0]
    np.testing.assert_array_equal(np.asarray(photo), np.asarray(wanted))


def test_a_model_of_150_classes_works_beside_the_other(
    worker: PhotoWorker, ade20k: ModelInfo, ade20k_folder: Path
) -> None:
    photo, _ = worker.photo(ade20k, PhotoRequest(layout(ade20k), 3))
    pipe = DPSIMSPipeline.from_pretrained(ade20k_folder).optimize()
    wanted = pipe(layout(ade20k), generator=torch.Generator().manual_seed(3)).images[0]
    np.testing.assert_array_equal(np.asarray(photo), np.asarray(wanted))


def test_a_model_that_is_being_loaded_says_busy_and_then_is_there(
    registry: ModelRegistry, ade20k: ModelInfo
) -> None:
    worker = PhotoWorker(registry)
    with pytest.raises(BusyError, match="being loaded") as caught:
        worker.photo(ade20k, PhotoRequest(layout(ade20k)))
    assert (caught.value.why, caught.value.retry_ms) == ("loading", 400)
    photo, _ = worker.photo(ade20k, PhotoRequest(layout(ade20k)), wait=True)
    assert photo.size == (48, 32)
    worker.close()


def test_a_model_that_cannot_be_loaded_says_so_without_its_path(
    ade20k_folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(ade20k_folder, tmp_path / "broken")
    next((tmp_path / "broken" / "generator").glob("*.safetensors")).write_bytes(b"damaged")
    registry = ModelRegistry([str(tmp_path / "broken")])
    worker = PhotoWorker(registry)
    for _ in range(2):
        with pytest.raises(ValueError, match="cannot be loaded here") as caught:
            worker.photo(registry.find(), PhotoRequest(layout(registry.find())), wait=True)
        assert str(tmp_path) not in str(caught.value)
    assert str(tmp_path) in caplog.text
    worker.close()


def test_a_model_that_could_not_be_loaded_is_tried_again_after_a_while(
    ade20k_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(ade20k_folder, tmp_path / "mended")
    weights = next((tmp_path / "mended" / "generator").glob("*.safetensors"))
    whole = weights.read_bytes()
    weights.write_bytes(b"damaged")
    registry = ModelRegistry([str(tmp_path / "mended")])
    worker = PhotoWorker(registry)
    first = worker.prepare(registry.find())
    assert first.exception(timeout=60)
    assert worker.prepare(registry.find()) is first  # no second try at once
    weights.write_bytes(whole)
    monkeypatch.setattr(photo_worker, "FAILURE_SECONDS", -1.0)
    photo, _ = worker.photo(registry.find(), PhotoRequest(layout(registry.find())), wait=True)
    assert photo.size == (48, 32)
    ready = worker.prepare(registry.find())
    assert worker.prepare(registry.find()) is ready
    worker.close()


class SlowWorker(PhotoWorker):
    """A worker whose photos end on a signal of the test."""

    def __init__(self, registry: ModelRegistry) -> None:
        super().__init__(registry)
        self.gate = threading.Event()
        self.made: list[int] = []

    def _render_now(self, key: str, photo_request: PhotoRequest):
        if photo_request.seed:  # not the photos that warm up
            if not self.gate.wait(10):
                self.gate.set()
                raise AssertionError("the test did not open the gate")
            self.made.append(photo_request.seed)
        return super()._render_now(key, photo_request)


@pytest.fixture
def slow(registry: ModelRegistry, ade20k: ModelInfo) -> Iterator[SlowWorker]:
    worker = SlowWorker(registry)
    worker.prepare(ade20k).result(timeout=60)
    yield worker
    worker.gate.set()
    worker.close()


def asked(worker: PhotoWorker, model_info: ModelInfo, seed: int, wait: bool = False) -> threading.Thread:
    """A visitor whose request has just been queued."""
    photo_request = PhotoRequest(layout(model_info), seed)
    before = worker._queued
    thread = threading.Thread(target=worker.photo, args=(model_info, photo_request), kwargs={"wait": wait})
    thread.start()
    deadline = time.monotonic() + 10
    while worker._queued == before and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(0.005)
    return thread


def test_who_came_first_is_served_first(slow: SlowWorker, ade20k: ModelInfo) -> None:
    visitors = [asked(slow, ade20k, seed) for seed in range(1, 9)]
    slow.gate.set()
    for visitor in visitors:
        visitor.join(timeout=30)
    assert slow.made == list(range(1, 9))


def test_the_line_is_short_and_empties(slow: SlowWorker, ade20k: ModelInfo) -> None:
    slow._pace = 1.0
    visitors = [asked(slow, ade20k, seed) for seed in range(1, MAX_QUEUED + 1)]
    with pytest.raises(BusyError, match="many people") as caught:
        slow.photo(ade20k, PhotoRequest(layout(ade20k), 99))
    assert caught.value.why == "crowd"
    assert 100 <= caught.value.retry_ms <= 5000
    visitors.append(asked(slow, ade20k, 77, wait=True))  # the queue's own limit bounds these
    slow.gate.set()
    for visitor in visitors:
        visitor.join(timeout=30)
    assert slow.made == [*range(1, MAX_QUEUED + 1), 77]
    assert slow._queued == 0
    slow.photo(ade20k, PhotoRequest(layout(ade20k), 1))


def test_background_photos_are_refused_while_others_are_queued(slow: SlowWorker, ade20k: ModelInfo) -> None:
    visitor = asked(slow, ade20k, 1)
    with pytest.raises(BusyError, match="many people"):
        slow.photo(ade20k, PhotoRequest(layout(ade20k), 99), background=True)
    slow.gate.set()
    visitor.join(timeout=30)
    slow.photo(ade20k, PhotoRequest(layout(ade20k), 99), background=True)
    assert slow.made == [1, 99]


@pytest.mark.parametrize(("pace", "admitted"), [(3000.0, MIN_QUEUED), (150.0, 10), (30.0, MAX_QUEUED)])
def test_the_line_is_as_long_as_a_second_and_a_half_and_never_under_eight(
    slow: SlowWorker, ade20k: ModelInfo, pace: float, admitted: int
) -> None:
    slow._pace = pace
    visitors = [asked(slow, ade20k, seed) for seed in range(1, admitted + 1)]
    with pytest.raises(BusyError):
        slow.photo(ade20k, PhotoRequest(layout(ade20k), 99))
    slow.gate.set()
    for visitor in visitors:
        visitor.join(timeout=30)


def test_a_failed_photo_leaves_the_queue(worker: PhotoWorker, ade20k: ModelInfo) -> None:
    wrong = PhotoRequest(np.full((32, 48), 200), 1)
    with pytest.raises(ValueError, match="200"):
        worker.photo(ade20k, wrong)
    assert worker._queued == 0
