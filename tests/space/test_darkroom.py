from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from dpsims_hub.bundled import bundled_model
from dpsims_hub.latents import interpolate_latents
from dpsims_hub.pipeline import DPSIMSPipeline
from dpsims_hub.space import exposure
from dpsims_hub.space.darkroom import MAX_LINE, MIN_LINE, BusyError, Darkroom
from dpsims_hub.space.exposure import Exposure
from dpsims_hub.space.map_string import decode
from dpsims_hub.space.shelf import Exhibit, Shelf
from dpsims_hub.space.wish import Wish


@pytest.fixture(scope="module")
def darkroom(shelf: Shelf) -> Iterator[Darkroom]:
    room = Darkroom(shelf)
    for key in ("camvid", "ade20k"):
        room.prepare(shelf.find(key)).result(timeout=120)
    yield room
    room.close()


@pytest.fixture(scope="module")
def pipe() -> DPSIMSPipeline:
    return DPSIMSPipeline.from_pretrained(bundled_model()).optimize()


def layout(exhibit: Exhibit, number: int = 0) -> np.ndarray:
    return decode(exhibit.examples[number][1])


def latents(seed: int) -> torch.Tensor:
    return torch.randn((1, 64), generator=torch.Generator().manual_seed(seed))


def test_a_photo_is_that_of_the_pipeline(darkroom: Darkroom, camvid: Exhibit, pipe: DPSIMSPipeline) -> None:
    label_map = layout(camvid)
    photo, ms = darkroom.photo(camvid, Wish(label_map, seed=9))
    wanted = pipe(label_map, generator=torch.Generator().manual_seed(9)).images[0]
    np.testing.assert_array_equal(np.asarray(photo), np.asarray(wanted))
    assert ms > 0


@pytest.fixture
def three_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = torch.get_num_threads()
    monkeypatch.setattr(exposure, "ALL_THREADS", 3)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("quick", "threads"), [(1e9, 2), (0.0, 3)])
def test_a_quick_model_leaves_a_core_to_the_browser(
    camvid: Exhibit,
    pipe: DPSIMSPipeline,
    three_threads: None,
    monkeypatch: pytest.MonkeyPatch,
    quick: float,
    threads: int,
) -> None:
    monkeypatch.setattr(exposure, "QUICK", quick)
    made = Exposure(pipe)
    label_map = layout(camvid)
    before, _ = made.expose(Wish(label_map, 4))
    made.spare_a_core(Wish(label_map))
    after, _ = made.expose(Wish(label_map, 4))
    assert torch.get_num_threads() == made.threads == threads
    apart = np.abs(np.asarray(before, np.int16) - np.asarray(after, np.int16))
    assert apart.max() <= 1  # the last bit of a sum may depend on the number of threads


def test_every_model_begins_with_all_threads(
    shelf: Shelf, three_threads: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exposure, "QUICK", 1e9)
    room = Darkroom(shelf, beside_browser=True)
    for key in ("camvid", "ade20k"):
        room.prepare(shelf.find(key)).result(timeout=120)
    assert [one.threads for one in room._exposures.values()] == [2, 2]
    room.close()


@pytest.mark.parametrize("beside_browser", [True, False])
def test_only_beside_a_browser_a_core_is_left(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, beside_browser: bool
) -> None:
    asked = []
    monkeypatch.setattr(Exposure, "spare_a_core", lambda self, wish: asked.append(wish))
    room = Darkroom(shelf, beside_browser=beside_browser)
    room.prepare(shelf.find("camvid")).result(timeout=120)
    room.close()
    assert len(asked) == beside_browser


def test_a_kept_encoding_changes_nothing(camvid: Exhibit, pipe: DPSIMSPipeline) -> None:
    fresh = [Exposure(pipe).expose(Wish(layout(camvid, n), n))[0] for n in range(6)]
    kept = Exposure(pipe)
    for _ in range(2):
        for number in (0, 1, 2, 3, 4, 5, 0, 0):
            photo = kept.expose(Wish(layout(camvid, number), number))[0]
            np.testing.assert_array_equal(np.asarray(photo), np.asarray(fresh[number]))


def test_the_mix_walks_the_great_circle(darkroom: Darkroom, camvid: Exhibit, pipe: DPSIMSPipeline) -> None:
    label_map = layout(camvid)
    between = interpolate_latents(latents(1)[0], latents(2)[0], 5)
    for step, mix in enumerate((0.0, 0.25, 0.5, 0.75, 1.0)):
        photo, _ = darkroom.photo(camvid, Wish(label_map, 1, 2, mix))
        wanted = pipe(label_map, latents=between[step][None]).images[0]
        assert np.abs(np.asarray(photo).astype(int) - np.asarray(wanted)).max() <= 1


def test_a_class_of_its_own_seed(darkroom: Darkroom, camvid: Exhibit, pipe: DPSIMSPipeline) -> None:
    label_map = layout(camvid)
    photo, _ = darkroom.photo(camvid, Wish(label_map, 1, regions=((label_map == 3, 8),)))
    wanted = pipe(label_map, latents=latents(1), class_latents={"Road": latents(8)[0]}).images[0]
    np.testing.assert_array_equal(np.asarray(photo), np.asarray(wanted))
    plain, _ = darkroom.photo(camvid, Wish(label_map, 1))
    change = np.abs(np.asarray(photo).astype(int) - np.asarray(plain)).mean(axis=-1)
    assert change[label_map == 3].mean() > 2 * change[:24].mean()


def test_later_regions_lie_on_top_and_empty_ones_are_left_out(
    darkroom: Darkroom, camvid: Exhibit, pipe: DPSIMSPipeline
) -> None:
    label_map = layout(camvid)
    left, top, nothing = np.zeros((3, 192, 256), dtype=bool)
    left[:, :64] = True
    top[:48] = True
    photo, _ = darkroom.photo(camvid, Wish(label_map, 1, regions=((left, 2), (nothing, 3), (top, 4))))
    region_map = np.where(top, 2, np.where(left, 1, 0))
    stacked = torch.stack([latents(seed)[0] for seed in (1, 2, 4)])[None]
    wanted = pipe(label_map, latents=stacked, region_map=region_map).images[0]
    np.testing.assert_array_equal(np.asarray(photo), np.asarray(wanted))


def test_a_model_of_150_classes_works_beside_the_other(
    darkroom: Darkroom, ade20k: Exhibit, ade20k_folder: Path
) -> None:
    photo, _ = darkroom.photo(ade20k, Wish(layout(ade20k), 3))
    pipe = DPSIMSPipeline.from_pretrained(ade20k_folder).optimize()
    wanted = pipe(layout(ade20k), generator=torch.Generator().manual_seed(3)).images[0]
    np.testing.assert_array_equal(np.asarray(photo), np.asarray(wanted))


def test_a_model_that_is_being_loaded_says_busy_and_then_is_there(shelf: Shelf, ade20k: Exhibit) -> None:
    room = Darkroom(shelf)
    with pytest.raises(BusyError, match="being loaded") as caught:
        room.photo(ade20k, Wish(layout(ade20k)))
    assert (caught.value.why, caught.value.retry_ms) == ("loading", 400)
    photo, _ = room.photo(ade20k, Wish(layout(ade20k)), wait=True)
    assert photo.size == (48, 32)
    room.close()


def test_a_model_that_cannot_be_loaded_says_so_without_its_path(
    ade20k_folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    import shutil

    shutil.copytree(ade20k_folder, tmp_path / "broken")
    next((tmp_path / "broken" / "generator").glob("*.safetensors")).write_bytes(b"damaged")
    shelf = Shelf([str(tmp_path / "broken")])
    room = Darkroom(shelf)
    for _ in range(2):
        with pytest.raises(ValueError, match="cannot be loaded here") as caught:
            room.photo(shelf.find(), Wish(layout(shelf.find())), wait=True)
        assert str(tmp_path) not in str(caught.value)
    assert str(tmp_path) in caplog.text
    room.close()


class SlowRoom(Darkroom):
    """A darkroom whose photos end when the test says so."""

    def __init__(self, shelf: Shelf) -> None:
        super().__init__(shelf)
        self.gate = threading.Event()
        self.made: list[int] = []

    def _expose_now(self, key: str, wish: Wish):
        if wish.seed:  # not the photos that warm up
            if not self.gate.wait(10):
                self.gate.set()
                raise AssertionError("the test did not open the gate")
            self.made.append(wish.seed)
        return super()._expose_now(key, wish)


@pytest.fixture
def slow(shelf: Shelf, ade20k: Exhibit) -> Iterator[SlowRoom]:
    room = SlowRoom(shelf)
    room.prepare(ade20k).result(timeout=60)
    yield room
    room.gate.set()
    room.close()


def asked(room: Darkroom, exhibit: Exhibit, seed: int, wait: bool = False) -> threading.Thread:
    """A visitor who has just joined the line."""
    wish = Wish(layout(exhibit), seed)
    before = room._line
    thread = threading.Thread(target=room.photo, args=(exhibit, wish), kwargs={"wait": wait})
    thread.start()
    deadline = time.monotonic() + 10
    while room._line == before and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(0.005)
    return thread


def test_who_came_first_is_served_first(slow: SlowRoom, ade20k: Exhibit) -> None:
    visitors = [asked(slow, ade20k, seed) for seed in range(1, 9)]
    slow.gate.set()
    for visitor in visitors:
        visitor.join(timeout=30)
    assert slow.made == list(range(1, 9))


def test_the_line_is_short_and_empties(slow: SlowRoom, ade20k: Exhibit) -> None:
    slow._pace = 1.0
    visitors = [asked(slow, ade20k, seed) for seed in range(1, MAX_LINE + 1)]
    with pytest.raises(BusyError, match="many people") as caught:
        slow.photo(ade20k, Wish(layout(ade20k), 99))
    assert caught.value.why == "crowd"
    assert 100 <= caught.value.retry_ms <= 5000
    visitors.append(asked(slow, ade20k, 77, wait=True))  # the queue's own limit bounds these
    slow.gate.set()
    for visitor in visitors:
        visitor.join(timeout=30)
    assert slow.made == [*range(1, MAX_LINE + 1), 77]
    assert slow._line == 0
    slow.photo(ade20k, Wish(layout(ade20k), 1))


@pytest.mark.parametrize(("pace", "admitted"), [(3000.0, MIN_LINE), (150.0, 10), (30.0, MAX_LINE)])
def test_the_line_is_as_long_as_a_second_and_a_half_and_never_under_eight(
    slow: SlowRoom, ade20k: Exhibit, pace: float, admitted: int
) -> None:
    slow._pace = pace
    visitors = [asked(slow, ade20k, seed) for seed in range(1, admitted + 1)]
    with pytest.raises(BusyError):
        slow.photo(ade20k, Wish(layout(ade20k), 99))
    slow.gate.set()
    for visitor in visitors:
        visitor.join(timeout=30)


def test_a_photo_that_fails_leaves_the_line(darkroom: Darkroom, ade20k: Exhibit) -> None:
    wrong = Wish(np.full((32, 48), 200), 1)
    with pytest.raises(ValueError, match="200"):
        darkroom.photo(ade20k, wrong)
    assert darkroom._line == 0
