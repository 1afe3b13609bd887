from __future__ import annotations

import json

import pytest
import torch

import dpsims_hub
from dpsims_hub.models import DPSIMSDiscriminator, DPSIMSGenerator
from tests.models.generator_kinds import KINDS, assert_same, some_latents, some_maps
from tests.tiny import tiny_generator


@pytest.mark.parametrize("spectral_norm", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_what_was_saved_is_what_is_loaded(kind, spectral_norm, tmp_path):
    generator = tiny_generator(**KINDS[kind], spectral_norm=spectral_norm)
    generator.save_pretrained(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "config.json",
        "diffusion_pytorch_model.safetensors",
    ]
    loaded = DPSIMSGenerator.from_pretrained(tmp_path)
    assert not loaded.training
    assert loaded.stride == generator.stride
    for name, value in generator.config.items():
        if not name.startswith("_"):
            assert json.dumps(loaded.config[name]) == json.dumps(value)
    stored = loaded.state_dict()
    assert stored.keys() == generator.state_dict().keys()
    assert all(torch.equal(stored[name], value) for name, value in generator.state_dict().items())
    with torch.no_grad():
        photo = generator(some_maps(2), some_latents(2)).sample
        assert_same(loaded(some_maps(2), some_latents(2)).sample, photo)


def test_loads_in_bfloat16(tmp_path):
    generator = tiny_generator()
    generator.save_pretrained(tmp_path)
    loaded = DPSIMSGenerator.from_pretrained(tmp_path, torch_dtype=torch.bfloat16)
    assert {value.dtype for value in loaded.parameters()} == {torch.bfloat16}
    with torch.no_grad():
        photo = loaded(some_maps(1), some_latents(1)).sample.float()
        assert (photo - generator(some_maps(1), some_latents(1)).sample).abs().mean() < 0.05
    for name, value in loaded.state_dict().items():
        assert torch.equal(value, generator.state_dict()[name].to(value.dtype))


def test_folded_weights_load_without_spectral_norm(tmp_path):
    generator = tiny_generator().remove_spectral_norm()
    generator.save_pretrained(tmp_path)
    loaded = DPSIMSGenerator.from_pretrained(tmp_path)
    assert not loaded.config.spectral_norm
    assert not any("parametrizations" in name for name in loaded.state_dict())
    with torch.no_grad():
        photo = generator(some_maps(1), some_latents(1)).sample
        assert_same(loaded(some_maps(1), some_latents(1)).sample, photo)


def test_discriminator_loads_as_saved(tmp_path):
    torch.manual_seed(0)
    settings = {"feature_channels": (3, 5), "feature_strides": (2, 4), "decoder_widths": (6, 4)}
    for conditioning in ("sigmoid_batchnorm", "projected", "standardize"):
        saved = DPSIMSDiscriminator(3, **settings, feature_conditioning=conditioning).eval()
        features = [torch.randn(2, 3, 4, 6), torch.randn(2, 5, 2, 3)]
        saved.conditioning.calibrate(features)
        saved.save_pretrained(tmp_path / conditioning)
        loaded = DPSIMSDiscriminator.from_pretrained(tmp_path / conditioning)
        with torch.no_grad():
            assert_same(loaded(features, (8, 12)), saved(features, (8, 12)))


@pytest.mark.parametrize("name", ["DPSIMSGenerator", "DPSIMSDiscriminator", "DPSIMSPipeline"])
def test_public_classes_say_that_they_live_in_the_package(name):
    # model_index.json stores the first part of __module__ as the library to import.
    assert getattr(dpsims_hub, name).__module__ == "dpsims_hub"
    assert hasattr(dpsims_hub, "ModelMixin")  # by which diffusers recognises the library's classes
