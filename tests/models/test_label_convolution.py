from __future__ import annotations

import pytest
import torch
from torch.func import functional_call

from dpsims_hub.models.label_convolution import LabelConvolution

IGNORE = 255
LABEL_MAP = torch.tensor(
    [
        [[0, 0, 2, 1], [255, 1, 1, 2], [0, 2, 255, 255]],
        [[255, 2, 2, 0], [1, 0, 255, 1], [2, 2, 1, 0]],
    ]
)
PLANES = torch.tensor([[0.5, -1.5], [2.0, 0.25]], dtype=torch.float64)
VARYING = torch.randn(2, 2, 3, 4, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
NOISE = {"none": None, "constant": PLANES, "varying": VARYING}

every_kind = pytest.mark.parametrize(
    ("padding_mode", "kernel_size", "noise"),
    [(padding, size, noise) for padding in ("replicate", "zeros") for size in (1, 3) for noise in NOISE],
)


def make_layer(method: str, padding_mode: str, kernel_size: int, num_planes: int, out_channels: int = 2):
    torch.manual_seed(0)
    layer = LabelConvolution(3, out_channels, kernel_size, num_planes, IGNORE, padding_mode, method).double()
    layer.bias.data.normal_()
    return layer


def convolve_by_loops(layer: LabelConvolution, label_map: torch.Tensor, planes: torch.Tensor | None):
    """One product at a time, from the definition of a convolution on one-hot planes."""
    weight, bias, ids = layer.weight.tolist(), layer.bias.tolist(), label_map.tolist()
    height, width, pad = label_map.shape[1], label_map.shape[2], layer.kernel_size // 2

    def at(image: int, channel: int, y: int, x: int) -> float:
        total = bias[channel]
        for dy in range(layer.kernel_size):
            for dx in range(layer.kernel_size):
                row, column = y + dy - pad, x + dx - pad
                inside = 0 <= row < height and 0 <= column < width
                if not inside and layer.padding_mode == "zeros":
                    continue
                row, column = min(max(row, 0), height - 1), min(max(column, 0), width - 1)
                noise = [] if planes is None else planes[image]
                if len(noise) and noise.ndim == 3:
                    noise = noise[:, row, column]
                inputs = [0.0] * layer.num_classes + [float(value) for value in noise]
                if ids[image][row][column] != layer.ignore_index:
                    inputs[ids[image][row][column]] = 1.0
                total += sum(weight[channel][i][dy][dx] * value for i, value in enumerate(inputs))
        return total

    result = [
        [[[at(b, c, y, x) for x in range(width)] for y in range(height)] for c in range(len(bias))]
        for b in range(len(ids))
    ]
    return torch.tensor(result, dtype=torch.float64)


@every_kind
@pytest.mark.parametrize("method", ["lookup", "plain"])
def test_equals_the_definition(method, padding_mode, kernel_size, noise):
    planes = NOISE[noise]
    layer = make_layer(method, padding_mode, kernel_size, 0 if planes is None else 2)
    expected = convolve_by_loops(layer, LABEL_MAP, planes)
    torch.testing.assert_close(layer(LABEL_MAP, planes), expected, rtol=0, atol=1e-12)


@every_kind
def test_gradients_of_lookup_are_those_of_the_plain_convolution(padding_mode, kernel_size, noise):
    gradients = {}
    for method in ("lookup", "plain"):
        planes = None if NOISE[noise] is None else NOISE[noise].clone().requires_grad_()
        layer = make_layer(method, padding_mode, kernel_size, 0 if planes is None else 2)
        result = layer(LABEL_MAP, planes)
        result.backward(torch.linspace(-1, 2, result.numel(), dtype=torch.float64).view(result.shape))
        inputs = [layer.weight, layer.bias] + ([] if planes is None else [planes])
        gradients[method] = [tensor.grad for tensor in inputs]
    for fast, slow in zip(gradients["lookup"], gradients["plain"], strict=True):
        assert slow.abs().max() > 0
        torch.testing.assert_close(fast, slow, rtol=0, atol=1e-12)


@pytest.mark.parametrize("padding_mode", ["replicate", "zeros"])
def test_gradients_are_the_slopes(padding_mode):
    layer = make_layer("lookup", padding_mode, kernel_size=3, num_planes=2)

    def run(weight, bias, planes):
        return functional_call(layer, {"weight": weight, "bias": bias}, (LABEL_MAP[:, :2, :2], planes))

    inputs = [tensor.detach().clone().requires_grad_() for tensor in (layer.weight, layer.bias, PLANES)]
    assert torch.autograd.gradcheck(run, inputs)


def test_ignored_pixels_have_no_plane():
    layer = make_layer("lookup", "replicate", kernel_size=3, num_planes=0)
    nothing = layer(torch.full((1, 4, 5), IGNORE))
    assert torch.equal(nothing, layer.bias.view(1, -1, 1, 1).expand_as(nothing))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32])
def test_ids_of_any_integer_type(dtype):
    layer = make_layer("lookup", "zeros", kernel_size=3, num_planes=0)
    torch.testing.assert_close(layer(LABEL_MAP.to(dtype)), layer(LABEL_MAP))


@pytest.mark.parametrize("num_planes", [0, 16])
def test_results_have_unit_variance_at_initialisation(num_planes):
    torch.manual_seed(0)
    layer = LabelConvolution(5, 1000, num_noise_planes=num_planes)
    planes = torch.randn(4, num_planes) if num_planes else None
    result = layer(torch.randint(0, 5, (4, 4, 4)), planes)
    assert result.std().item() == pytest.approx(1.0, abs=0.2)


@pytest.mark.parametrize("planes", [None, PLANES[:, :1], PLANES[:1]])
def test_refuses_noise_of_another_shape(planes):
    layer = make_layer("lookup", "replicate", kernel_size=3, num_planes=2)
    with pytest.raises(ValueError, match=r"expected noise of shape \(2, 2\) or \(2, 2, \d+, \d+\), got"):
        layer(LABEL_MAP, planes)


def test_refuses_noise_where_it_takes_none():
    layer = make_layer("lookup", "replicate", kernel_size=3, num_planes=0)
    with pytest.raises(ValueError, match="expected noise of shape none, got"):
        layer(LABEL_MAP, PLANES)
