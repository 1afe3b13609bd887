from __future__ import annotations

import json
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import torch
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from dpsims_hub.bundled import bundled_examples, bundled_model
from dpsims_hub.labels import ClassSpec, read_label_map
from dpsims_hub.pipelines.pipeline_dpsims import DPSIMSPipeline
from dpsims_hub.space.app import build_app, launch_app
from dpsims_hub.space.map_string import decode, encode
from dpsims_hub.space.model_registry import ModelRegistry
from dpsims_hub.space.photo_request import PhotoRequest
from dpsims_hub.space.photo_worker import PhotoWorker
from tests.space.live_space import LiveSpace

LAYOUT = bundled_examples("camvid")[0]
CAMVID = ClassSpec.load("camvid")


@pytest.fixture(scope="module")
def client(space: LiveSpace) -> Client:
    return Client(space.address, verbose=False, analytics_enabled=False)


@pytest.fixture(scope="module")
def pipe() -> DPSIMSPipeline:
    return DPSIMSPipeline.from_pretrained(bundled_model())


def pixels(path: str | Path) -> np.ndarray:
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB"))


def test_generate_gives_the_photo_of_the_pipeline(client: Client, pipe: DPSIMSPipeline) -> None:
    photo = pixels(client.predict(label_map=handle_file(LAYOUT), seed=5, api_name="/generate"))
    wanted = pipe(LAYOUT, generator=torch.Generator().manual_seed(5)).images[0]
    assert np.abs(photo.astype(int) - np.asarray(wanted).astype(int)).max() <= 1  # rounding of channels_last


def test_a_text_gives_the_photo_of_its_file(client: Client) -> None:
    text = encode(read_label_map(LAYOUT, CAMVID))
    of_text = pixels(client.predict(map_text=text, seed=5, api_name="/generate"))
    of_file = pixels(client.predict(label_map=handle_file(LAYOUT), seed=5, api_name="/generate"))
    np.testing.assert_array_equal(of_text, of_file)


def test_mix_ends_at_the_other_seed(client: Client) -> None:
    text = encode(read_label_map(LAYOUT, CAMVID))
    photos = [
        pixels(client.predict(map_text=text, seed=1, seed_b=2, mix=mix, api_name="/generate"))
        for mix in (0, 0.5, 1)
    ]
    other = pixels(client.predict(map_text=text, seed=2, api_name="/generate"))
    assert np.abs(photos[2].astype(int) - other).max() <= 1
    assert np.abs(photos[1].astype(int) - photos[0]).mean() > 1
    assert np.abs(photos[1].astype(int) - photos[2]).mean() > 1


def test_variations_can_be_made_again_by_their_seeds(client: Client) -> None:
    photos, seeds = client.predict(label_map=handle_file(LAYOUT), count=2, api_name="/variations")
    assert len(photos) == len(set(seeds)) == 2
    for photo, seed in zip(photos, seeds, strict=True):
        assert photo["caption"] == f"seed {seed}"
        again = pixels(client.predict(label_map=handle_file(LAYOUT), seed=seed, api_name="/generate"))
        np.testing.assert_array_equal(pixels(photo["image"]), again)


def test_read_map_gives_map_and_shares(client: Client) -> None:
    read = client.predict(handle_file(LAYOUT), api_name="/read_map")
    ids = read_label_map(LAYOUT, CAMVID)
    np.testing.assert_array_equal(decode(read["map"], CAMVID), ids)
    assert (read["width"], read["height"], read["note"]) == (256, 192, "")
    road = (ids == CAMVID.class_id("Road")).mean()
    assert read["classes"]["Road"] == pytest.approx(road, abs=1e-4)


def test_another_model_is_asked_for_by_name(client: Client, space: LiveSpace) -> None:
    text = space.registry.find("ade20k").examples[0][1]
    photo = pixels(client.predict(map_text=text, model="ade20k", api_name="/generate"))
    assert photo.shape == (32, 48, 3)


def test_models_says_what_a_map_must_look_like(client: Client, ade20k_folder: Path) -> None:
    first, second = client.predict(api_name="/models")
    assert (first["name"], first["width"], first["height"]) == ("camvid", 256, 192)
    assert first["ignore_index"] == 255
    assert (second["name"], second["width"], second["height"]) == ("ade20k", 48, 32)
    assert [one["name"] for one in first["classes"]] == list(CAMVID.names)
    assert [one["id"] for one in second["classes"]] == list(range(150))
    road = first["classes"][3]
    assert (road["name"], road["rgb"]) == ("Road", [128, 64, 128])
    assert "street" in road["aliases"]


def test_a_map_painted_from_what_models_says_has_a_photo(client: Client, tmp_path: Path) -> None:
    model = client.predict(api_name="/models")[0]
    ids = np.full((model["height"], model["width"]), 3, dtype=np.uint8)
    Image.fromarray(ids).save(tmp_path / "map.png")
    photo = client.predict(
        label_map=handle_file(tmp_path / "map.png"), model=model["name"], api_name="/generate"
    )
    assert pixels(photo).shape == (192, 256, 3)


@pytest.mark.parametrize("named", ["Sky", "clouds", 0])
def test_regions_have_seeds_of_their_own(client: Client, space: LiveSpace, named: str | int) -> None:
    ids = read_label_map(LAYOUT, CAMVID)
    text = encode(ids)
    plain = pixels(client.predict(map_text=text, seed=5, api_name="/generate")).astype(int)
    regions = [{"class": named, "seed": 9}]
    rolled = pixels(client.predict(map_text=text, seed=5, regions=regions, api_name="/generate"))
    wanted = PhotoRequest(ids, 5, 5, 0.0, ((ids == 0, 9),))
    np.testing.assert_array_equal(rolled, space.worker.photo(space.registry.find("camvid"), wanted)[0])
    change = np.abs(rolled - plain).mean(axis=2)
    assert change[ids == 0].mean() > 1.5 * change[ids != 0].mean()
    mask = encode((ids == 0).astype(ids.dtype))
    by_mask = client.predict(
        map_text=text, seed=5, regions=[{"region": mask, "seed": 9}], api_name="/generate"
    )
    np.testing.assert_array_equal(pixels(by_mask), rolled)


def test_view_api_says_what_everything_means(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    client.view_api()
    told = capsys.readouterr().out
    for words in (
        "For each model its name, width and height in pixels, classes",
        "1 that of seed_b; numbers between mix both",
        "parts with other seeds",
        "how many photos, 1 to 8",
        "The photo, a PNG of the model's size.",
        "the share of every class in it",
    ):
        assert words in told
    assert "FileData class" not in told


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"map_text": "$map", "regions": [{"class": "submarine", "seed": 1}]}, "'submarine' is no class of"),
        ({"map_text": "$map", "regions": {"class": 1}}, "regions must be a list of at most 32"),
        ({"map_text": "$map", "regions": [{"seed": 1}]}, "a region is"),
        ({"map_text": "$map", "regions": [{"class": 99, "seed": 1}]}, "99 is no class"),
        ({}, "either label_map"),
        ({"map_text": "r1:2x2:AAAA"}, "no multiple of 4"),
        ({"map_text": "r1:1x1:AAABAA=="}, "this model paints 256x192"),
        ({"map_text": "$map", "seed": -1}, "less than minimum value 0"),
        ({"map_text": "$map", "mix": 2}, "greater than maximum value 1"),
        ({"map_text": "$map", "model": "/etc"}, "no model of that name"),
    ],
)
def test_refusals_are_one_sentence(client: Client, space: LiveSpace, asked: dict, said: str) -> None:
    asked = {name: space.map if value == "$map" else value for name, value in asked.items()}
    with pytest.raises(AppError, match=said) as caught:
        client.predict(**asked, api_name="/generate")
    assert "Traceback" not in str(caught.value)


def test_files_of_the_machine_cannot_be_asked_for(client: Client) -> None:
    secret = {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}
    with pytest.raises(AppError) as caught:
        client.predict(secret, api_name="/read_map")
    assert "root:" not in str(caught.value)


def test_only_the_named_endpoints_are_described_in_words(space: LiveSpace) -> None:
    with urllib.request.urlopen(f"{space.address}/gradio_api/info") as answer:
        info = json.load(answer)
    assert set(info["named_endpoints"]) == {"/models", "/generate", "/variations", "/read_map"}
    assert info["unnamed_endpoints"] == {}
    names = {
        name: [parameter["parameter_name"] for parameter in endpoint["parameters"]]
        for name, endpoint in info["named_endpoints"].items()
    }
    assert names == {
        "/models": [],
        "/generate": ["label_map", "map_text", "seed", "seed_b", "mix", "model", "regions"],
        "/variations": ["label_map", "map_text", "seed", "count", "model"],
        "/read_map": ["label_map", "stored", "model"],
    }
    assert "Make a photo of a label map" in info["named_endpoints"]["/generate"]["description"]
    assert str(space.files) not in json.dumps(info)


def files_in(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file()]


def test_files_of_programs_are_deleted_soon(
    registry: ModelRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    worker = PhotoWorker(registry)
    app = build_app(registry, worker, keep_files=(1, 6))
    worker.prepare(registry.find()).result(timeout=120)
    address = launch_app(app, "127.0.0.1")
    try:
        client = Client(address, verbose=False, analytics_enabled=False, download_files=tmp_path / "mine")
        client.predict(label_map=handle_file(LAYOUT), api_name="/generate")
        assert files_in(tmp_path / "gradio")
        deadline = time.monotonic() + 30
        while files_in(tmp_path / "gradio") and time.monotonic() < deadline:
            time.sleep(0.1)
        assert files_in(tmp_path / "gradio") == []
    finally:
        app.close(verbose=False)
        worker.close()


def test_the_page_loads_the_scripts_of_the_painter_only(space: LiveSpace) -> None:
    with urllib.request.urlopen(f"{space.address}/config") as response:
        components = json.load(response)["components"]
    shown = {one["type"] for one in components if one["props"].get("visible", True)}
    assert {one["type"] for one in components} >= {"image", "gallery", "file"}
    assert shown <= {"html", "form"}, shown  # Gradio itself puts a form around inputs


def test_a_missing_count_is_refused_in_a_sentence(client: Client) -> None:
    text = encode(read_label_map(LAYOUT, CAMVID))
    with pytest.raises(AppError, match="count must be a whole number from 1 to 8, not None"):
        client.predict(map_text=text, count=None, api_name="/variations")
