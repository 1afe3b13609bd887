"""The fused upsampling against sums written out in NumPy; repeated maps."""

import numpy as np
import pytest
import torch

from dpsims_hub.models.map_encoding import repeat_each
from dpsims_hub.models.upsampling import upsampled_convolution


def _convolved(upsampled: np.ndarray, layer: torch.nn.Conv2d) -> np.ndarray:
    """A zero-padded 3x3 convolution of (C, H, W), one tap at a time."""
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    _, height, width = upsampled.shape
    padded = np.pad(upsampled, ((0, 0), (1, 1), (1, 1)))
    result = np.zeros((len(weight), height, width)) + bias[:, None, None]
    for row in range(3):
        for column in range(3):
            window = padded[:, row : row + height, column : column + width]
            result += np.einsum("oc,chw->ohw", weight[:, :, row, column], window)
    return result


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (5, 4)])
def test_the_fused_convolution_is_that_of_the_upsampled_features(size):
    torch.manual_seed(0)
    layer = torch.nn.Conv2d(3, 2, 3, padding=1).double()
    features = torch.randn(1, 3, *size, dtype=torch.float64)
    expected = _convolved(features[0].numpy().repeat(2, axis=1).repeat(2, axis=2), layer)
    result = upsampled_convolution(features, layer)[0].detach().numpy()
    np.testing.assert_allclose(result, expected, atol=1e-12)


def test_its_gradients_are_those_of_finite_differences():
    torch.manual_seed(0)
    layer = torch.nn.Conv2d(2, 2, 3, padding=1).double()
    features = torch.randn(1, 2, 2, 3, dtype=torch.float64, requires_grad=True)

    class Layer:
        def __init__(self, weight, bias):
            self.weight, self.bias = weight, bias

    assert torch.autograd.gradcheck(
        lambda x, weight, bias: upsampled_convolution(x, Layer(weight, bias)),
        (features, layer.weight, layer.bias),
    )


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_repeated_maps_keep_their_order_and_memory_format(memory_format):
    value = torch.arange(2 * 3 * 4 * 5).view(2, 3, 4, 5).contiguous(memory_format=memory_format)
    repeated = repeat_each(value, 3)
    assert repeated.is_contiguous(memory_format=memory_format)
    assert torch.equal(repeated, torch.stack([value[i // 3] for i in range(6)]))
