import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from dpsims_hub.models import DPSIMSGenerator
from dpsims_hub.pipelines.pipeline_dpsims import DPSIMSPipeline


@pytest.fixture
def folder(tmp_path) -> Path:
    network = DPSIMSGenerator(
        num_classes=3,
        latent_dim=4,
        image_widths=(8, 8, 8),
        encoder_widths=(4, 4),
        modulation_widths=(4, 4),
        mapping_width=4,
        mapping_layers=1,
        num_noise_tokens=1,
        attention_dim=2,
        spectral_norm=False,
    )
    DPSIMSPipeline(network).save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def weights_of(folder: Path) -> Path:
    return folder / "generator" / "diffusion_pytorch_model.safetensors"


def test_whole_folder_loads(folder):
    assert DPSIMSPipeline.from_pretrained(folder).spec.num_classes == 3


@pytest.mark.parametrize("name", ["nowhere", "./no/where", "/no/where/at/all", "a/b/c"])
def test_unknown_path(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=f"{name}: there is no such model folder"):
        DPSIMSPipeline.from_pretrained(name)


def test_unreachable_hub_model(tmp_path):
    with pytest.raises(
        FileNotFoundError, match="nobody/nothing: neither a model folder here nor a model that"
    ):
        DPSIMSPipeline.from_pretrained("nobody/nothing", local_files_only=True, cache_dir=tmp_path)


@pytest.mark.parametrize("name", ["model_index.json", "generator/config.json"])
def test_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(FileNotFoundError, match=f"is not a model folder, it has no {name}"):
        DPSIMSPipeline.from_pretrained(folder)


def test_folder_without_weights(folder):
    weights_of(folder).unlink()
    with pytest.raises(FileNotFoundError, match="generator: has no weights"):
        DPSIMSPipeline.from_pretrained(folder)
    with pytest.raises(FileNotFoundError, match="has no fp16 weights"):
        DPSIMSPipeline.from_pretrained(folder, variant="fp16")


@pytest.mark.parametrize("damage", ["cut", "noise", "empty", "pointer"])
def test_damaged_weights_are_named(folder, damage):
    path = weights_of(folder)
    whole = path.read_bytes()
    path.write_bytes(
        {"cut": whole[:-10], "noise": b"\xff" * 64, "empty": b"", "pointer": b"version https://git-lfs"}[
            damage
        ]
    )
    with pytest.raises(
        ValueError, match=r"diffusion_pytorch_model.safetensors: is damaged or no safetensors file"
    ):
        DPSIMSPipeline.from_pretrained(folder)


def test_lacking_tensor_is_named_instead_of_left_unset(folder):
    tensors = load_file(weights_of(folder))
    lost = sorted(tensors)[3]
    save_file({name: value for name, value in tensors.items() if name != lost}, weights_of(folder))
    with pytest.raises(ValueError, match=f"lack 1 tensors of the network, first {lost}"):
        DPSIMSPipeline.from_pretrained(folder)


def test_shard_without_its_brother(folder, tmp_path):
    pipe = DPSIMSPipeline.from_pretrained(folder)
    pipe.save_pretrained(tmp_path / "shards", max_shard_size="1KB")
    shards = sorted((tmp_path / "shards" / "generator").glob("*-of-*.safetensors"))
    assert len(shards) > 1
    assert torch.equal(
        DPSIMSPipeline.from_pretrained(tmp_path / "shards").generator.to_rgb.weight,
        pipe.generator.to_rgb.weight,
    )
    index = json.loads(
        (tmp_path / "shards/generator/diffusion_pytorch_model.safetensors.index.json").read_text()
    )
    assert set(index["weight_map"].values()) == {shard.name for shard in shards}
    shards[0].unlink()
    with pytest.raises((OSError, ValueError)):
        DPSIMSPipeline.from_pretrained(tmp_path / "shards")
