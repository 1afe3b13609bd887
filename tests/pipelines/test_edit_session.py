"""Edited maps: exact where everything is computed, close and cheap where a part is."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from dpsims_hub.models.inference_form import inference_form
from dpsims_hub.models.local_pass import LocalPass, has_local_passes
from dpsims_hub.models.windows import Window, computed_within
from dpsims_hub.pipelines.pipeline_dpsims import DPSIMSPipeline
from tests.models.generator_kinds import KINDS, some_latents, some_maps
from tests.tiny import tiny_generator

KINDS = KINDS | {
    "wide modulation": {"modulation_kernel": 3, "padding_mode": "zeros", "modulated_shortcut": True},
    "modulation of two layers": {"modulation_kernel": 3, "modulation_hidden": 10, "upsample": "nearest"},
    "encoder blocks of three": {"encoder_convolutions": 3, "encoder_upsample": "nearest"},
}
LOCAL = [
    "noise at modulation", "noise fields", "no noise", "smooth output",
    "wide modulation", "modulation of two layers", "encoder blocks of three",
]  # fmt: skip
SIDE = 64


def some_map(seed: int = 0) -> np.ndarray:
    """(64, 64) ids in blocks of 8, unknown ones too."""
    return some_maps(1, 8, 8, seed)[0].numpy().repeat(8, axis=0).repeat(8, axis=1)


def edited(label_map: np.ndarray, top: int, left: int, side: int) -> np.ndarray:
    new = label_map.copy()
    part = new[top : top + side, left : left + side]
    part[:] = (np.where(part == 255, 0, part) + 1) % 3
    return new


def make_session(kind: str = "noise at modulation"):
    pipe = DPSIMSPipeline(tiny_generator(**KINDS[kind]))
    return pipe, pipe.edit_session(some_map(), generator=torch.Generator().manual_seed(5))


def levels(first, second) -> np.ndarray:
    return np.abs(np.asarray(first).astype(int) - np.asarray(second))


@pytest.mark.parametrize("kind", KINDS)
def test_finished_photos_are_those_of_the_pipeline(kind):
    pipe, session = make_session(kind)
    assert has_local_passes(session.network) == (kind in LOCAL)
    new = some_map()
    pipe.optimize()
    for top in (0, 20, 56):
        new = edited(new, top, top, 8)
        session.update(new)
        assert session.exact == (kind not in LOCAL)
        finished = session.finish()
        assert session.exact
        assert levels(finished, pipe(new, latents=session.latents).images[0]).max() == 0
    assert levels(session.finish(some_map()), pipe(some_map(), latents=session.latents).images[0]).max() == 0


@pytest.mark.parametrize("kind", LOCAL)
@torch.inference_mode()
def test_a_window_that_covers_the_image_is_the_whole_photo(kind):
    network = tiny_generator(**KINDS[kind])
    local = LocalPass(inference_form(network), some_latents(1))
    local.whole(torch.from_numpy(some_map())[None])
    new = torch.from_numpy(some_map(1))[None]
    photo = local.update(new, [Window(0, 0, SIDE, SIDE)])
    torch.testing.assert_close(photo, network(new, some_latents(1)).sample, rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", LOCAL)
@torch.inference_mode()
def test_an_inner_window_is_computed_as_it_was(kind):
    local = LocalPass(inference_form(tiny_generator(**KINDS[kind])), some_latents(1))
    label_map = torch.from_numpy(some_map())[None]
    local.whole(label_map)
    whole = {key: features.clone() for key, features in local.features.items()}
    window = Window(26, 27, 37, 34)
    for key, features in local.features.items():
        window.coarser(2 ** key[1]).of(features).fill_(torch.nan)
    local.last_whole = torch.from_numpy(some_map(1))[None]  # as if much had changed: no scale is left out
    local.update(label_map, [window])
    for key, features in local.features.items():
        atol = 1e-5 * whole[key].abs().max().item()
        torch.testing.assert_close(features, whole[key], rtol=0, atol=atol, msg=f"{key}")


@torch.inference_mode()
def test_far_from_a_change_nothing_moves_and_at_it_the_photo_comes_close():
    _, session = make_session()
    before = session.values.clone()
    new = edited(some_map(), 24, 24, 12)
    session.update(new)
    live = session.values.clone()
    session.finish()
    exact = session.values
    window = Window(24, 24, 36, 36)
    outside = torch.ones(SIDE, SIDE, dtype=torch.bool)
    outside[24 - 8 : 36 + 8, 24 - 8 : 36 + 8] = False
    assert torch.equal(live[..., outside], before[..., outside])
    missing = (window.of(live) - window.of(exact)).abs().mean()
    assert missing < 0.5 * (window.of(before) - window.of(exact)).abs().mean()


def test_strokes_go_on_from_each_other():
    _, session = make_session()
    label_map = some_map()
    for left in range(8, 48, 8):
        label_map = edited(label_map, 30, left, 8)
        photo = session.update(label_map)
        assert levels(photo, session.photo).max() == 0
    live, before = session.values.clone(), make_session()[1].values
    session.finish()
    assert (live - session.values).abs().mean() < 0.6 * (before - session.values).abs().mean()


def test_equal_maps_and_large_changes():
    pipe, session = make_session()
    first = session.photo
    assert levels(session.update(some_map()), first).max() == 0
    assert session.exact
    session.update(some_map(1))
    assert session.exact
    small = some_map()[:32, :48]
    assert session.update(small).size == (48, 32)
    assert levels(session.photo, pipe(small, latents=session.latents).images[0]).max() <= 1


def test_a_map_that_does_not_fit_leaves_the_session_as_it_was():
    _, session = make_session()
    before = session.photo
    with pytest.raises(ValueError, match="a session for each"):
        session.update([some_map(), some_map()])
    with pytest.raises(ValueError, match="no class"):
        session.update(np.full((SIDE, SIDE), 9))
    with pytest.raises(ValueError, match="no class"):
        session.finish(np.full((SIDE, SIDE), 9))
    assert levels(session.finish(), before).max() == 0


@pytest.mark.parametrize("halo", [1, 2])
@pytest.mark.parametrize("window", [Window(0, 0, 3, 4), Window(2, 5, 6, 9), Window(4, 1, 10, 12)])
def test_a_window_is_that_part_of_the_whole(window, halo):
    features, weight = torch.randn(1, 3, 10, 12), torch.randn(3, 3, 3, 3)

    def layers(part: torch.Tensor) -> torch.Tensor:
        for _ in range(halo):
            part = F.conv2d(F.pad(part, (1,) * 4, mode="replicate"), weight)
        return part

    result = computed_within(window, halo, (10, 12), lambda part: layers(part.of(features)))
    torch.testing.assert_close(result, window.of(layers(features)), rtol=1e-4, atol=1e-3)


def test_windows_at_other_scales():
    window = Window(3, 4, 9, 10)
    assert window.coarser(4) == Window(0, 1, 3, 3)
    assert window.coarser(2).finer(2) == Window(2, 4, 10, 10)
    assert window.grown(5, (12, 11)) == Window(0, 0, 12, 11)
    assert window.within(Window(2, 2, 20, 20)) == Window(1, 2, 7, 8)
    changed = torch.zeros(12, 14, dtype=torch.bool)
    assert Window.around(changed) is None
    changed[3, 4] = changed[8, 9] = True
    assert Window.around(changed) == window
    assert window.size == (6, 6)
    assert window.cost(2) == 100
    assert window.moved(2, -4) == Window(5, 0, 11, 6)


def test_a_long_line_is_covered_by_small_windows():
    line = torch.eye(200, dtype=torch.bool)
    parts = Window.covering(line, 4)
    covered = torch.zeros_like(line)
    for part in parts:
        part.of(covered).fill_(True)
    assert covered[line].all()
    assert sum(part.cost(4) for part in parts) < 0.25 * 200 * 200
    assert Window.covering(torch.zeros(5, 5, dtype=torch.bool), 4) == []
    assert Window.covering(torch.ones(40, 60, dtype=torch.bool), 4) == [Window(0, 0, 40, 60)]


def test_two_places_at_once_are_two_windows_and_nothing_between_moves():
    _, session = make_session()
    before = session.values.clone()
    new = edited(edited(some_map(), 2, 2, 6), 54, 54, 6)
    session.update(new)
    assert not session.exact
    assert torch.equal(session.values[..., 24:40, 24:40], before[..., 24:40, 24:40])
    for corner in (slice(0, 8), slice(56, 64)):
        assert not torch.equal(session.values[..., corner, corner], before[..., corner, corner])


def interrupted(layer: torch.nn.Module, edit, label_map: np.ndarray) -> None:
    """A call of a session that ends with an exception where it reaches the layer."""

    def interrupt(*_) -> None:
        raise KeyboardInterrupt

    hook = layer.register_forward_pre_hook(interrupt)
    with pytest.raises(KeyboardInterrupt):
        edit(label_map)
    hook.remove()


PLACES = ["encoder.stem", "encoder.down.1", "encoder.up.0", "attentions.1", "blocks.0", "blocks.2", "to_rgb"]


@pytest.mark.parametrize("place", PLACES)
def test_after_an_exception_the_next_photo_is_that_of_the_pipeline(place):
    pipe = DPSIMSPipeline(tiny_generator(**KINDS["noise fields"])).optimize()
    session = pipe.edit_session(some_map(), generator=torch.Generator().manual_seed(5))
    layer = session.network.get_submodule(place)

    def assert_that_of_the_pipeline(photo, label_map) -> None:
        assert session.exact
        assert levels(photo, pipe(label_map, latents=session.latents).images[0]).max() == 0

    for begun in (edited(some_map(), 24, 24, 12), some_map(1)):  # a part, and everything
        following = edited(begun, 4, 8, 10)
        for call in (session.update, session.finish):
            for label_map in (begun, following):
                session.finish(some_map())
                interrupted(layer, call, begun)
                assert_that_of_the_pipeline(session.update(label_map), label_map)
            session.finish(some_map())
            interrupted(layer, call, begun)
            assert_that_of_the_pipeline(session.finish(), begun)
