from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from dpsims_hub.losses import class_pixel_loss, fake_pixel_loss, pixel_accuracy

IGNORE = 255
WEIGHTS = torch.tensor([0.5, 2.0, 1.25], dtype=torch.float64)
LABEL_MAP = torch.tensor([[[0, 1, 255], [2, 0, 1]], [[2, 2, 0], [255, 1, 1]]])


@pytest.fixture
def logits() -> torch.Tensor:
    return 3 * torch.randn(2, 4, 2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def probabilities(logits: torch.Tensor, b: int, y: int, x: int) -> list[float]:
    exponentials = [math.exp(value) for value in logits[b, :, y, x].tolist()]
    return [value / sum(exponentials) for value in exponentials]


def focal(p: float, gamma: float) -> float:
    return -((1 - p) ** gamma) * math.log(p)


def class_loss_pixel_by_pixel(logits, label_map, weights, gamma, smoothing=0.0) -> float:
    total = 0.0
    for b, y, x in [(b, y, x) for b in range(2) for y in range(2) for x in range(3)]:
        label = int(label_map[b, y, x])
        if label == IGNORE:
            continue
        p = probabilities(logits, b, y, x)
        others = [focal(q, gamma) for channel, q in enumerate(p) if channel != label + 1]
        value = (1 - smoothing) * focal(p[label + 1], gamma) + smoothing * sum(others) / len(others)
        total += float(weights[label]) * value
    return total / 12


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_class_loss_equals_loops_over_pixels(logits, gamma, smoothing):
    expected = class_loss_pixel_by_pixel(logits, LABEL_MAP, WEIGHTS, gamma, smoothing)
    result = class_pixel_loss(logits, LABEL_MAP, WEIGHTS, gamma, label_smoothing=smoothing)
    assert result.item() == pytest.approx(expected, rel=1e-12)


def test_gamma_zero_is_weighted_cross_entropy(logits):
    targets = (LABEL_MAP + 1).where(LABEL_MAP != IGNORE, -100)
    weights = torch.cat([torch.zeros(1, dtype=torch.float64), WEIGHTS])
    expected = F.cross_entropy(logits, targets, weight=weights, reduction="sum") / LABEL_MAP.numel()
    result = class_pixel_loss(logits.float(), LABEL_MAP, WEIGHTS.float(), gamma=0)
    assert result.item() == pytest.approx(expected.item(), abs=1e-6)


@pytest.mark.parametrize("gamma", [0.0, 2.0])
def test_fake_loss_equals_loops_over_pixels(logits, gamma):
    pixels = [(b, y, x) for b in range(2) for y in range(2) for x in range(3)]
    expected = sum(focal(probabilities(logits, *pixel)[0], gamma) for pixel in pixels) / 12
    assert fake_pixel_loss(logits, gamma).item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("gamma", [0.0, 2.0])
def test_gradients_are_the_slopes(logits, gamma, smoothing):
    def run(values):
        own = class_pixel_loss(values, LABEL_MAP, WEIGHTS, gamma, label_smoothing=smoothing)
        return own + fake_pixel_loss(values, gamma)

    assert torch.autograd.gradcheck(run, logits.requires_grad_())


def test_ignored_pixels_get_no_gradient(logits):
    class_pixel_loss(logits.requires_grad_(), LABEL_MAP, WEIGHTS).backward()
    size = logits.grad.abs().sum(1)
    assert (size[LABEL_MAP == IGNORE] == 0).all()
    assert (size[LABEL_MAP != IGNORE] > 0).all()


def test_a_map_without_known_pixels_gives_zero(logits):
    loss = class_pixel_loss(logits.requires_grad_(), torch.full((2, 2, 3), IGNORE), torch.ones(3))
    loss.backward()
    assert loss.item() == 0
    assert (logits.grad == 0).all()


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
def test_certain_logits_keep_loss_and_gradient_finite(gamma):
    logits = torch.zeros(1, 3, 1, 3)
    logits[0, 1, 0] = torch.tensor([200.0, 18.5, -200.0])  # right, right with p rounded to 1, wrong
    loss = class_pixel_loss(logits.requires_grad_(), torch.zeros(1, 1, 3).long(), torch.ones(2), gamma)
    loss.backward()
    assert loss.item() == pytest.approx(200.0 / 3, rel=0.01)
    assert logits.grad.isfinite().all()


def test_half_precision_is_computed_in_float32(logits):
    halved = logits.bfloat16()
    exact = class_pixel_loss(halved.double(), LABEL_MAP, WEIGHTS)
    result = class_pixel_loss(halved, LABEL_MAP, WEIGHTS.float())
    assert result.dtype == torch.float32
    assert result.item() == pytest.approx(exact.item(), rel=1e-5)


def test_refuses_another_size(logits):
    with pytest.raises(ValueError, match=r"logits \(2, 4, 2, 3\) do not match the label map \(2, 3, 2\)"):
        class_pixel_loss(logits, LABEL_MAP.mT, WEIGHTS)


def test_refuses_another_number_of_classes(logits):
    with pytest.raises(ValueError, match=r"4 channels do not match 1 \+ 5 class weights"):
        class_pixel_loss(logits, LABEL_MAP, torch.ones(5))


def test_accuracy_by_hand():
    strongest = torch.tensor([[[1, 2, 0], [3, 2, 0]]])  # classes 0, 1, fake, 2, 1, fake
    logits = F.one_hot(strongest, 4).movedim(-1, 1).float()
    label_map = torch.tensor([[[0, 0, 255], [2, 255, 1]]])
    assert pixel_accuracy(logits, label_map).item() == pytest.approx(2 / 4)
    assert pixel_accuracy(logits, None).item() == pytest.approx(2 / 6)
