from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from dpsims_hub.models import DPSIMSDiscriminator, PretrainedBackbone
from dpsims_hub.models.discriminator import ResidualResize

WIDTHS = (8, 6, 6, 4, 4)


def some_features(strides, height: int, width: int, batch: int = 2) -> list[torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    return [
        torch.randn(batch, 3 + i, math.ceil(height / s), math.ceil(width / s), generator=random)
        for i, s in enumerate(strides)
    ]


def make_discriminator(strides, num_classes: int = 4, **settings) -> DPSIMSDiscriminator:
    torch.manual_seed(0)
    channels = [3 + i for i in range(len(strides))]
    return DPSIMSDiscriminator(num_classes, channels, strides, WIDTHS, **settings)


@pytest.mark.parametrize(
    ("strides", "size"),
    [
        ((2, 4, 8, 16, 32), (64, 96)),  # MobileNet, ResNet, EfficientNet
        ((4, 8, 16, 32), (64, 96)),  # ConvNeXt, Swin
        ((14, 14, 14), (70, 56)),  # ViT
        ((16, 16), (64, 48)),
        ((4, 16), (32, 48)),  # a scale left out
        ((2, 4, 8, 16, 32), (65, 97)),
        ((4, 8, 16, 32), (50, 35)),
    ],
)
def test_logits_have_the_size_of_the_image(strides, size):
    logits = make_discriminator(strides)(some_features(strides, *size), size)
    assert logits.shape == (2, 5, *size)
    assert logits.isfinite().all()
    assert logits.std(dim=(2, 3)).min() > 0


def test_a_power_of_two_needs_no_resizing():
    # Five blocks double stride 32 five times: the head sees one cell per pixel.
    for strides in ((2, 4, 8, 16, 32), (4, 8, 16, 32)):
        model = make_discriminator(strides)
        seen = []
        model.decoder[-1].register_forward_hook(
            lambda _, __, out, seen=seen: seen.append(tuple(out.shape[2:]))
        )
        model(some_features(strides, 64, 96), (64, 96))
        assert seen == [(64, 96)]


@pytest.mark.parametrize("conditioning", ["sigmoid_batchnorm", "none", "projected", "standardize"])
def test_every_map_and_every_trained_weight_counts(conditioning):
    strides = (4, 8, 8, 16)
    features = [level.requires_grad_() for level in some_features(strides, 32, 48)]
    model = make_discriminator(strides, feature_conditioning=conditioning)
    logits = model(features, (32, 48))
    (logits * torch.randn(logits.shape, generator=torch.Generator().manual_seed(1))).sum().backward()
    assert all(level.grad.abs().max() > 0 for level in features)
    trained = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert [name for name, parameter in trained.items() if not parameter.grad.any()] == []
    assert any(name.startswith("conditioning") for name in trained) is False


def test_logits_are_float32_from_half_precision():
    strides = (4, 8)
    model = make_discriminator(strides).to(torch.bfloat16)
    logits = model([level.bfloat16() for level in some_features(strides, 16, 16)], (16, 16))
    assert logits.dtype == torch.float32


@pytest.mark.parametrize("own_encoder", [False, True])
def test_under_autocast_the_head_and_only_the_head_computes_in_float32(own_encoder):
    strides, size = (4, 8), (16, 24)
    model, inputs = make_discriminator(strides), some_features(strides, *size)
    if own_encoder:
        model = DPSIMSDiscriminator(4, decoder_widths=(8, 6), image_encoder_widths=(4, 6))
        inputs = torch.randn(2, 3, *size)
    model.eval()
    seen = {}
    for name in ("head", "decoder.0"):
        keep = lambda _, given, result, name=name: seen.update({name: (given[0], result)})  # noqa: E731
        model.get_submodule(name).register_forward_hook(keep)
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(inputs, size)
    assert seen["decoder.0"][1].dtype == torch.bfloat16
    given, result = seen["head"]
    assert (given.dtype, result.dtype) == (torch.float32, torch.float32)
    weight, bias = (value.detach().double() for value in (model.head.weight, model.head.bias))
    expected = torch.einsum("oi,bihw->bohw", weight[:, :, 0, 0], given.double()) + bias.view(1, -1, 1, 1)
    torch.testing.assert_close(logits.double(), expected, atol=1e-6, rtol=1e-5)


def test_own_encoder_reads_images():
    torch.manual_seed(0)
    model = DPSIMSDiscriminator(4, decoder_widths=(8, 6, 4), image_encoder_widths=(4, 6, 8))
    for size in ((16, 24), (19, 26)):
        images = torch.randn(2, 3, *size, requires_grad=True)
        logits = model(images, size)
        assert logits.shape == (2, 5, *size)
        logits.square().sum().backward()
        assert images.grad.abs().max() > 0


def test_spectral_norm_everywhere_but_on_the_head_of_oasis():
    oasis = DPSIMSDiscriminator(4, decoder_widths=(6, 4), image_encoder_widths=(4, 6))
    plain = [name for name, module in oasis.named_modules() if type(module) is torch.nn.Conv2d]
    assert plain == ["head"]
    pretrained = make_discriminator((4, 8))
    assert not any(type(module) is torch.nn.Conv2d for module in pretrained.modules())


def unpack(block: ResidualResize, x: torch.Tensor, resize) -> torch.Tensor:
    """OASIS's order of things: the shortcut is convolved at the larger size."""
    hidden = x if block.first else F.leaky_relu(x, 0.2)
    if block.resize == "up":
        hidden, shortcut = block.convolution_0(resize(hidden)), block.shortcut(resize(x))
        return 0.5 * (shortcut + block.convolution_1(F.leaky_relu(hidden, 0.2)))
    hidden = block.convolution_1(F.leaky_relu(block.convolution_0(hidden), 0.2))
    return 0.5 * resize(block.shortcut(x) + hidden)


def repeat_pixels(x: torch.Tensor) -> torch.Tensor:
    return x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)


def average_pixels(x: torch.Tensor) -> torch.Tensor:
    return (x[:, :, ::2, ::2] + x[:, :, 1::2, ::2] + x[:, :, ::2, 1::2] + x[:, :, 1::2, 1::2]) / 4


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize(("direction", "resize"), [("up", repeat_pixels), ("down", average_pixels)])
def test_block_equals_the_published_order(direction, resize, first):
    torch.manual_seed(0)
    block = ResidualResize(3, 5, direction, spectral_norm=False, halved=True, first=first).double()
    x = torch.randn(2, 3, 4, 6, dtype=torch.float64)
    torch.testing.assert_close(block(x), unpack(block, x, resize))


def test_block_without_change_of_channels_passes_its_input_on():
    block = ResidualResize(3, 3, "up", spectral_norm=False)
    torch.nn.init.zeros_(block.convolution_1.weight)
    torch.nn.init.zeros_(block.convolution_1.bias)
    x = torch.randn(1, 3, 2, 2)
    assert torch.equal(block(x), repeat_pixels(x))


def test_a_step_changes_the_decoder_and_not_the_backbone():
    torch.manual_seed(0)
    backbone = PretrainedBackbone("test_convnext", weights=None)
    model = DPSIMSDiscriminator(4, backbone.channels, backbone.strides, WIDTHS).train()
    backbone.train()
    frozen = {name: value.clone() for name, value in backbone.state_dict().items()}
    trained = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    optimizer = torch.optim.SGD([*model.parameters(), *backbone.parameters()], lr=0.1, weight_decay=0.1)
    images = torch.randn(2, 3, 64, 96, requires_grad=True)
    model(backbone(images), (64, 96)).square().mean().backward()
    optimizer.step()
    assert images.grad.abs().max() > 0
    assert all(parameter.grad is None for parameter in backbone.parameters())
    assert all(torch.equal(value, frozen[name]) for name, value in backbone.state_dict().items())
    assert not any(torch.equal(parameter, trained[name]) for name, parameter in model.named_parameters())


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"feature_channels": (3,), "feature_strides": (4,), "image_encoder_widths": (4,)},
        {"feature_channels": (3, 4), "feature_strides": (4,)},
        {"feature_channels": (3,)},
        {"feature_strides": (4,), "image_encoder_widths": (4,)},
    ],
)
def test_refuses_neither_or_both_kinds_of_input(settings):
    with pytest.raises(ValueError, match="give either feature_channels and as many feature_strides"):
        DPSIMSDiscriminator(4, **settings)


def test_refuses_another_number_of_maps():
    model = make_discriminator((4, 8))
    with pytest.raises(ValueError, match="expected 2 feature maps, got 3"):
        model(some_features((4, 8, 16), 16, 16), (16, 16))


def oasis_discriminator(images: torch.Tensor, weights: dict[str, torch.Tensor], depth: int) -> torch.Tensor:
    """OASIS's discriminator as its paper and repository describe it: 1x1 shortcuts at the larger size, the
    last convolution right on the last block's sum."""

    def conv(x: torch.Tensor, name: str) -> torch.Tensor:
        weight = weights[f"{name}.weight"]
        return F.conv2d(x, weight, weights[f"{name}.bias"], padding=weight.shape[-1] // 2)

    def block(x: torch.Tensor, name: str, before, after, first: bool) -> torch.Tensor:
        shortcut = before(x)
        if f"{name}.shortcut.weight" in weights:
            shortcut = conv(shortcut, f"{name}.shortcut")
        inner = before(x if first else F.leaky_relu(x, 0.2))
        inner = conv(F.leaky_relu(conv(inner, f"{name}.convolution_0"), 0.2), f"{name}.convolution_1")
        return after(shortcut) + after(inner)

    def same(x: torch.Tensor) -> torch.Tensor:
        return x

    x, stages = images, []
    for i in range(depth):
        x = block(x, f"image_encoder.{i}", same, average_pixels, first=i == 0)
        stages.append(x)
    x = block(x, "decoder.0", repeat_pixels, same, first=False)
    for i in range(1, depth):
        x = block(torch.cat([x, stages[-1 - i]], 1), f"decoder.{i}", repeat_pixels, same, first=False)
    return conv(x, "head")


def test_the_whole_network_of_oasis_equals_plain_functions():
    torch.manual_seed(0)
    model = DPSIMSDiscriminator(
        4, decoder_widths=(8, 6, 4), image_encoder_widths=(4, 6, 6), spectral_norm=False
    ).double()
    images = torch.randn(2, 3, 16, 24, dtype=torch.float64)
    expected = oasis_discriminator(images, model.state_dict(), depth=3)
    torch.testing.assert_close(model(images, (16, 24)), expected.float(), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("setting", ["bounded_blocks", "bounded_head", "head_activation", None])
def test_the_decoder_over_a_backbone_equals_plain_functions(setting):
    """The preset paper has none of the three settings, ours all of them."""
    chosen = dict.fromkeys(("bounded_blocks", "bounded_head", "head_activation"), False)
    if setting:
        chosen[setting] = True
    strides, size = (4, 8, 16, 32), (64, 96)
    model = make_discriminator(strides, feature_conditioning="none", **chosen)
    model.eval()
    features = some_features(strides, *size)

    def conv(x: torch.Tensor, layer: torch.nn.Module) -> torch.Tensor:
        return F.conv2d(x, layer.weight, layer.bias, padding=layer.weight.shape[-1] // 2)

    hidden = None
    for level, block in enumerate(model.decoder):
        if level < len(features):
            skip = features[-1 - level]
            hidden = skip if hidden is None else torch.cat([hidden, skip], 1)
        shortcut = repeat_pixels(hidden)
        if block.shortcut is not None:
            shortcut = conv(shortcut, block.shortcut)
        inner = conv(repeat_pixels(F.leaky_relu(hidden, 0.2)), block.convolution_0)
        hidden = shortcut + conv(F.leaky_relu(inner, 0.2), block.convolution_1)
        if chosen["bounded_blocks"]:
            hidden = hidden / 2
    if chosen["head_activation"]:
        hidden = F.leaky_relu(hidden, 0.2)
    torch.testing.assert_close(model(features, size), conv(hidden, model.head), atol=1e-5, rtol=1e-4)
    largest = torch.linalg.svdvals(model.head.weight.detach().flatten(1))[0].item()
    assert (largest == pytest.approx(1, abs=0.05)) == chosen["bounded_head"]
