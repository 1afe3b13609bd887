import numpy as np
import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

from dpsims_hub.evaluation.features import feature_maps, pooled
from dpsims_hub.evaluation.recipe import describe_backbone, tensors_sha256
from dpsims_hub.models import PretrainedBackbone


def test_pooled_features_are_the_means_of_timms_own_maps(weights, backbone):
    photos = np.random.default_rng(0).integers(0, 256, (3, 32, 48, 3), np.uint8)
    network = timm.create_model("test_resnet", features_only=True)
    network.load_state_dict(load_file(weights), strict=False)
    config = network.pretrained_cfg
    expected = []
    for photo in photos:
        pixels = (photo / 255 - np.array(config["mean"])) / np.array(config["std"])
        with torch.no_grad():
            maps = network.eval()(torch.tensor(pixels.transpose(2, 0, 1)[None], dtype=torch.float32))
        expected.append([float(channel.mean()) for one in maps for channel in one[0]])
    found = pooled(feature_maps(backbone, photos))
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_mean_and_std_are_used(weights, backbone):
    photos = np.full((1, 32, 32, 3), 200, np.uint8)
    other = PretrainedBackbone("test_resnet", weights, mean=[0.1, 0.2, 0.3], std=[0.5, 0.5, 0.5])
    assert np.abs(pooled(feature_maps(backbone, photos)) - pooled(feature_maps(other, photos))).max() > 1e-3


def test_incomplete_weights_are_refused(weights, tmp_path):
    tensors = load_file(weights)
    del tensors["layer2.0.conv1.weight"]
    save_file(tensors, tmp_path / "part.safetensors")
    with pytest.raises(ValueError, match="lacks 1 of the 90 tensors of 'test_resnet'"):
        PretrainedBackbone("test_resnet", tmp_path / "part.safetensors")


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("no_such_network", {}, "no model named 'no_such_network'"),
        ("test_resnet", {"model_kwargs": {"colour": 3}}, "colour"),
    ],
)
def test_bad_backbone(weights, name, options, words):
    with pytest.raises(ValueError, match=words):
        PretrainedBackbone(name, weights, **options)


def test_bad_weight_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="none.safetensors"):
        PretrainedBackbone("test_resnet", tmp_path / "none.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(b"no weights" * 9)
    with pytest.raises(ValueError, match="bad.safetensors"):
        PretrainedBackbone("test_resnet", tmp_path / "bad.safetensors")


def test_description_ties_features_to_their_weights(weights, backbone, tmp_path):
    described = describe_backbone(backbone, weights)
    assert described["weights"] == weights.name
    assert len(described["weights_sha256"]) == 64
    assert described["dimension"] == pooled(feature_maps(backbone, np.zeros((1, 32, 32, 3), np.uint8))).size
    tensors = load_file(weights)
    tensors["conv1.0.weight"][0, 0, 0, 0] += 1
    save_file(tensors, tmp_path / weights.name)
    other = PretrainedBackbone("test_resnet", tmp_path / weights.name)
    changed = describe_backbone(other, tmp_path / weights.name)
    assert changed["weights_sha256"] != described["weights_sha256"]
    assert tensors_sha256(other) != tensors_sha256(backbone)
    assert tensors_sha256(PretrainedBackbone("test_resnet", weights)) == tensors_sha256(backbone)
