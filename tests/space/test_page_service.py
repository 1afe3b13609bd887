from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dpsims_hub.space.model_registry import ModelInfo, ModelRegistry
from dpsims_hub.space.page_service import answered
from dpsims_hub.space.photo_worker import BusyError
from dpsims_hub.space.studio import SERVER_FUNCTIONS
from tests.space.live_space import LiveSpace

ROOT = Path(__file__).resolve().parents[2]


def pixels(url: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))).convert("RGB")).astype(int)


def exact(space: LiveSpace, **photo_request: Any) -> np.ndarray:
    return pixels(space.call("download", kind="photo", map=space.map, **photo_request)["data"])


def test_live_gives_the_photo_and_its_time(space: LiveSpace) -> None:
    answer = space.call("live", model="camvid", map=space.map, seed=3, seed_b=4, mix=0, regions=[])
    assert set(answer) == {"photo", "ms"}
    assert answer["photo"].startswith("data:image/jpeg;base64,")
    assert 0 < answer["ms"] < 5000
    assert np.abs(pixels(answer["photo"]) - exact(space, seed=3)).mean() < 3


def test_live_follows_seed_mix_and_regions(space: LiveSpace) -> None:
    plain, other = exact(space, seed=1), exact(space, seed=2)
    between = exact(space, seed=1, seed_b=2, mix=0.5)
    rerolled = exact(space, seed=1, regions=[{"class": 3, "seed": 9}])
    assert np.abs(plain - other).mean() > 2
    assert 0.5 < np.abs(plain - between).mean() < np.abs(plain - other).mean()
    assert np.abs(plain - rerolled).mean() > 0.5
    np.testing.assert_array_equal(exact(space, seed=1), plain)


def test_variations_are_the_photos_of_their_seeds(space: LiveSpace) -> None:
    answer = space.call("variations", map=space.map, seed=5)
    assert len(answer["photos"]) == len(answer["seeds"]) == len(set(answer["seeds"])) == 4
    for photo, seed in zip(answer["photos"], answer["seeds"], strict=True):
        assert photo == space.call("live", map=space.map, seed=seed)["photo"]
    assert space.call("variations", map=space.map, seeds=[7])["seeds"] == [7]


def test_variations_keep_the_regions(space: LiveSpace) -> None:
    regions = [{"class": 3, "seed": 9}]
    answer = space.call("variations", map=space.map, seeds=[7], regions=regions)
    assert answer["photos"][0] == space.call("live", map=space.map, seed=7, regions=regions)["photo"]


def test_another_model_is_described_and_then_makes_photos(space: LiveSpace) -> None:
    told = space.call("switch_model", model="ade20k")
    assert told.pop("no_photos")
    assert told == space.registry.find("ade20k").describe()
    space.worker.prepare(space.registry.find("ade20k")).result(timeout=60)
    answer = space.call("live", model="ade20k", map=told["examples"][0]["map"], seed=1)
    assert pixels(answer["photo"]).shape == (32, 48, 3)
    assert "paints 48x32" in space.call("live", model="ade20k", map=space.map)["error"]


def test_without_a_segmenter_the_page_is_told_what_to_configure(space: LiveSpace) -> None:
    told = space.call("switch_model", model="ade20k")["no_photos"]
    assert space.call("read_photo", model="ade20k", file="a.png", data="AAAA")["error"] == told
    assert told == (
        "ade20k has no segmenter to read photos with: make one by dpsims train-segmenter and put it into the "
        "model's folder as segmenter, or name one in DPSIMS_SEGMENTER."
    )


@pytest.mark.parametrize("function", sorted(SERVER_FUNCTIONS))
@pytest.mark.parametrize(
    "request_", [None, 7, "text", [], [1, 2], {}, {"model": "/etc/passwd"}, {"model": {"a": 1}}, {"map": []}]
)
def test_nonsense_is_answered_in_a_sentence(space: LiveSpace, function: str, request_: Any) -> None:
    answer = space.call_with(function, request_)
    if function == "switch_model" and isinstance(request_, Mapping) and "model" not in request_:
        assert answer["name"] == "camvid"
    else:
        assert set(answer) == {"error"}
        if not isinstance(request_, Mapping):
            assert answer["error"] == "the request must be one object."
        assert str(ROOT) not in answer["error"]
        assert "\n" not in answer["error"]


def test_only_server_functions_can_be_called(space: LiveSpace) -> None:
    body = b'{"session_hash": "a", "component_id": %d, "fn_name": "get_config", "data": {}}'
    status, content = space.post("/gradio_api/component_server", body % space._studio())
    assert status == 404
    assert b"Traceback" not in content


def test_internal_errors_stay_in_the_log(registry: ModelRegistry, caplog: pytest.LogCaptureFixture) -> None:
    def broken(request: Mapping[str, Any], model_info: ModelInfo) -> dict[str, Any]:
        raise KeyError("/secret/path")

    assert answered(broken, registry)({}) == {"error": "something went wrong on the server; try again."}
    assert "/secret/path" in caplog.text


def test_a_busy_server_answers_when_to_retry(registry: ModelRegistry) -> None:
    def full(request: Mapping[str, Any], model_info: ModelInfo) -> dict[str, Any]:
        raise BusyError("crowd", 300)

    assert answered(full, registry)({}) == {"busy": True, "retry_ms": 300, "why": "crowd"}
