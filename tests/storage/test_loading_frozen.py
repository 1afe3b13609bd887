"""A folder published with version 0.1.0 loads, and computes what a second implementation says it must."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

import dpsims_hub
from dpsims_hub import DPSIMSDiscriminator, DPSIMSGenerator, DPSIMSPipeline
from tests.storage import numpy_networks

FROZEN = Path(__file__).resolve().parents[1] / "data" / "frozen"
DIGESTS = {
    "discriminator/config.json": "97fdb451b651d851",
    "discriminator/diffusion_pytorch_model.safetensors": "7f2f2d310ca5f9ab",
    "expected.npz": "1c38bab86111d92c",
    "generator/config.json": "1b8c9bd3af25ac2c",
    "generator/diffusion_pytorch_model.fp16.safetensors": "7d33be2b15867b5b",
    "generator/diffusion_pytorch_model.safetensors": "d388657db3a7bc74",
    "model_index.json": "d6359cdea100a754",
}


@pytest.fixture(scope="module")
def expected() -> dict[str, np.ndarray]:
    with np.load(FROZEN / "expected.npz") as arrays:
        return dict(arrays)


def stored(component: str) -> tuple[dict[str, np.ndarray], dict]:
    folder = FROZEN / component
    tensors = load_file(folder / "diffusion_pytorch_model.safetensors")
    return tensors, json.loads((folder / "config.json").read_text())


def test_the_folder_is_what_was_frozen() -> None:
    files = [path for path in FROZEN.rglob("*") if path.is_file()]
    digests = {
        path.relative_to(FROZEN).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        for path in files
    }
    assert digests == DIGESTS
    assert sum(path.stat().st_size for path in files) < 300_000


def test_pipeline_makes_the_photos_that_it_made(expected: dict[str, np.ndarray]) -> None:
    pipe = DPSIMSPipeline.from_pretrained(FROZEN)
    assert pipe.spec.names == ("road", "sky", "car", "tree")
    assert pipe.spec.class_id("heaven") == 1
    assert (pipe.spec.stored_values, pipe.spec.ignore_values) == ((1, 2, 3, 4), (0,))
    assert pipe.generator.stride == 4
    latents = torch.from_numpy(expected["latents"])
    photos = pipe(expected["label_maps"], latents=latents, output_type="pt").images
    np.testing.assert_allclose(photos.numpy() * 2 - 1, expected["photos"], atol=2e-5)


def test_half_precision_file_makes_them_too(expected: dict[str, np.ndarray]) -> None:
    pipe = DPSIMSPipeline.from_pretrained(FROZEN, variant="fp16")
    assert pipe.dtype == torch.float32
    latents = torch.from_numpy(expected["latents"])
    photos = pipe(expected["label_maps"], latents=latents, output_type="pt").images
    difference = np.abs(photos.numpy() * 2 - 1 - expected["photos"])
    assert 1e-6 < difference.mean() < 2e-3  # other weights, but nearly the same


def test_networks_load_by_their_own_classes(expected: dict[str, np.ndarray]) -> None:
    network = DPSIMSGenerator.from_pretrained(FROZEN, subfolder="generator")
    maps, latents = (torch.from_numpy(expected[name]) for name in ("label_maps", "latents"))
    with torch.no_grad():
        np.testing.assert_allclose(network(maps, latents).sample, expected["photos"], atol=4e-5)
    network = DPSIMSDiscriminator.from_pretrained(FROZEN, subfolder="discriminator")
    features = [torch.from_numpy(expected[name]) for name in ("fine", "coarse")]
    with torch.no_grad():
        logits = [network([f[i : i + 1] for f in features], (16, 24))[0] for i in range(2)]
    np.testing.assert_allclose(torch.stack(logits), expected["logits"], atol=2e-6)


def test_expected_values_come_from_the_second_implementation(expected: dict[str, np.ndarray]) -> None:
    tensors, config = stored("generator")
    pairs = zip(expected["label_maps"], expected["latents"], expected["photos"], strict=True)
    for ids, z, photo in pairs:
        found = numpy_networks.photo(ids, z.astype(np.float64), tensors, config)
        np.testing.assert_allclose(found, photo, atol=1e-6)
    tensors, _ = stored("discriminator")
    for image in range(2):
        features = [expected[name][image].astype(np.float64) for name in ("fine", "coarse")]
        np.testing.assert_allclose(
            numpy_networks.logits(features, tensors), expected["logits"][image], atol=1e-6
        )


def test_stored_names_are_those_of_the_package() -> None:
    index = json.loads((FROZEN / "model_index.json").read_text())
    library, name = index["generator"]
    assert (library, index["_class_name"]) == ("dpsims_hub", "DPSIMSPipeline")
    assert getattr(dpsims_hub, name) is DPSIMSGenerator
