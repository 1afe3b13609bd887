from __future__ import annotations

import math

import pytest
import torch

from dpsims_hub.models.feature_conditioning import FeatureConditioning

CHANNELS = (3, 5)


@pytest.fixture
def features() -> list[torch.Tensor]:
    """Two maps whose channels differ by orders of magnitude; each one's channel 1 is constant."""
    random = torch.Generator().manual_seed(0)
    maps = [torch.randn(2, 3, 8, 6, generator=random), torch.randn(2, 5, 4, 3, generator=random)]
    scales = torch.tensor([1.0, 1.0, 40.0, 3.0, 0.5])
    maps = [scales[: level.shape[1], None, None] * level + 0.5 for level in maps]
    for level in maps:
        level[:, 1] = 2.5
    return maps


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def standardized(values: list[float]) -> list[float]:
    mean = sum(values) / len(values)
    variance = sum((value - mean) ** 2 for value in values) / len(values)
    return [(value - mean) / math.sqrt(variance + 1e-5) for value in values]


@pytest.mark.parametrize("method", ["sigmoid_batchnorm", "batchnorm", "sigmoid"])
def test_equals_loops_over_channels(features, method):
    for level, result in zip(features, FeatureConditioning(CHANNELS, method)(features), strict=True):
        for c in range(level.shape[1]):
            expected = level[:, c].flatten().tolist()
            if method.startswith("sigmoid"):
                expected = [sigmoid(value) for value in expected]
            if method.endswith("batchnorm"):
                expected = standardized(expected)
            assert result[:, c].flatten().tolist() == pytest.approx(expected, rel=1e-3, abs=1e-3)


def test_every_channel_has_mean_zero_and_variance_one(features):
    for result in FeatureConditioning(CHANNELS)(features):
        for c in (c for c in range(result.shape[1]) if c != 1):
            assert result[:, c].mean().item() == pytest.approx(0, abs=1e-5)
            assert result[:, c].var(unbiased=False).item() == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("method", ["sigmoid_batchnorm", "batchnorm"])
def test_a_constant_channel_gives_zero_and_a_finite_gradient(features, method):
    for level in features:
        level.requires_grad_()
    results = FeatureConditioning(CHANNELS, method)(features)
    assert all(result[:, 1].abs().max() < 1e-3 for result in results)
    sum(result.square().sum() for result in results).backward()
    assert all(level.grad.isfinite().all() for level in features)


def test_the_sigmoid_comes_before_the_norm(features):
    paper = FeatureConditioning(CHANNELS)(features)
    for level, result in zip(features, paper, strict=True):
        reversed_order = torch.sigmoid(FeatureConditioning(CHANNELS, "batchnorm")([level])[0])
        assert (result - reversed_order).abs().mean() > 0.3


def test_evaluation_uses_the_statistics_of_the_batch_too(features):
    layer = FeatureConditioning(CHANNELS)
    training = layer(features)
    assert all(torch.allclose(a, b) for a, b in zip(training, layer.eval()(features), strict=True))


def test_none_leaves_the_features_alone(features):
    layer = FeatureConditioning(CHANNELS, "none")
    assert all(a is b for a, b in zip(features, layer(features), strict=True))
    assert layer.out_channels == [3, 5]


def test_projection_mixes_channels_then_scales(features):
    torch.manual_seed(0)
    layer = FeatureConditioning(CHANNELS, "projected")
    fine, coarse = layer(features)

    def mix(convolution, x):
        return torch.einsum("oi,bihw->bohw", convolution.weight[:, :, 0, 0], x)

    expected_coarse = mix(layer.mix_channels[1], features[1])
    down = mix(layer.mix_scales[0], expected_coarse).repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    torch.testing.assert_close(coarse, expected_coarse, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(fine, mix(layer.mix_channels[0], features[0]) + down, rtol=1e-4, atol=1e-4)
    assert [fine.shape[1], coarse.shape[1]] == layer.out_channels == [64, 128]


def test_projection_is_fixed_but_lets_gradients_through(features):
    layer = FeatureConditioning(CHANNELS, "projected")
    assert not any(parameter.requires_grad for parameter in layer.parameters())
    assert len(layer.state_dict()) == 6  # saved with the discriminator: it must be the same after a restart
    for level in features:
        level.requires_grad_()
    sum(result.sum() for result in layer(features)).backward()
    assert all(level.grad.abs().sum() > 0 for level in features)


def test_standardize_keeps_the_statistics_it_was_calibrated_with(features):
    layer = FeatureConditioning(CHANNELS, "standardize")
    assert all(torch.equal(a, b) for a, b in zip(features, layer(features), strict=True))
    layer.calibrate(features)
    for result in layer(features):
        for c in (c for c in range(result.shape[1]) if c != 1):
            assert result[:, c].mean().item() == pytest.approx(0, abs=1e-5)
            assert result[:, c].std().item() == pytest.approx(1, abs=1e-4)
        assert result[:, 1].abs().max() < 1e-3
    # A whole batch that is off stays visibly off, which the batch's own statistics would hide.
    shifted = [level + level.std(dim=(0, 2, 3), keepdim=True) for level in features]
    assert all(result[:, 0].mean().item() == pytest.approx(1, abs=1e-4) for result in layer(shifted))
    assert len(layer.state_dict()) == 4


def test_calibration_leaves_the_other_methods_alone(features):
    layer = FeatureConditioning(CHANNELS)
    before = layer(features)
    layer.calibrate(features)
    assert all(torch.allclose(a, b) for a, b in zip(before, layer(features), strict=True))


def test_refuses_an_unknown_method():
    with pytest.raises(
        ValueError, match="feature_conditioning: 'instance_norm' is not one of sigmoid_batchnorm"
    ):
        FeatureConditioning(CHANNELS, "instance_norm")
