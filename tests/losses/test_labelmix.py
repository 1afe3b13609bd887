from __future__ import annotations

import pytest
import torch

from dpsims_hub.losses import class_mask, labelmix_loss, mix

LABEL_MAP = torch.tensor([[[0, 0, 7, 255], [4, 7, 7, 0]], [[4, 4, 255, 255], [0, 7, 4, 4]]])


def rng(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def pictures() -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(2, 3, 2, 4, generator=rng(0)), torch.randn(2, 3, 2, 4, generator=rng(1))


def test_mask_is_constant_over_each_class_of_the_batch():
    decisions = set()
    for seed in range(40):
        mask = class_mask(LABEL_MAP, 8, rng(seed))
        assert mask.shape == (2, 1, 2, 4)
        sides = []
        for label in (0, 4, 7, 255):
            values = {float(mask[b, 0, y, x]) for b, y, x in (label == LABEL_MAP).nonzero().tolist()}
            assert len(values) == 1
            sides.append(values.pop())
        decisions.add(tuple(sides))
    assert {side for sides in decisions for side in sides} == {0.0, 1.0}
    assert len(decisions) > 8  # of 16: the classes are decided one by one


def test_mask_comes_from_the_random_generator():
    assert torch.equal(class_mask(LABEL_MAP, 8, rng(3)), class_mask(LABEL_MAP, 8, rng(3)))


def test_a_batch_that_lacks_a_class_gets_the_same_coins_for_the_others():
    """Two processes see different classes: their masks, and all that is drawn later, must agree."""
    without = LABEL_MAP.masked_fill(LABEL_MAP == 0, 4)
    for seed in range(10):
        first, second = rng(seed), rng(seed)
        masks = class_mask(LABEL_MAP, 8, first), class_mask(without, 8, second)
        assert torch.equal(*(mask[:, 0][LABEL_MAP != 0] for mask in masks))
        assert torch.equal(torch.rand(3, generator=first), torch.rand(3, generator=second))


def test_mix_takes_every_pixel_from_its_side(pictures):
    real, fake = pictures
    mask = class_mask(LABEL_MAP, 8, rng(2))
    mixed = mix(mask, real, fake)
    assert {0.0, 1.0} == set(mask.flatten().tolist())
    for b, y, x in (LABEL_MAP >= 0).nonzero().tolist():
        source = real if mask[b, 0, y, x] == 1 else fake
        assert torch.equal(mixed[b, :, y, x], source[b, :, y, x])


def test_a_discriminator_that_judges_pixel_by_pixel_loses_nothing(pictures):
    real, fake = pictures
    judge = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 1), torch.nn.ReLU(), torch.nn.Conv2d(8, 5, 1))
    mask = class_mask(LABEL_MAP, 8, rng(2))
    loss = labelmix_loss(judge(mix(mask, real, fake)), mask, judge(real), judge(fake))
    assert loss.item() < 1e-12


def test_loss_equals_loops_for_one_that_looks_around(pictures):
    torch.manual_seed(0)
    real, fake = pictures
    judge = torch.nn.Conv2d(3, 5, 3, padding=1)
    mask = class_mask(LABEL_MAP, 8, rng(2))
    with torch.no_grad():
        mixed, on_real, on_fake = (judge(x).tolist() for x in (mix(mask, real, fake), real, fake))
        squares = []
        for b, y, x in (LABEL_MAP >= 0).nonzero().tolist():
            target = on_real if mask[b, 0, y, x] == 1 else on_fake
            squares += [(mixed[b][c][y][x] - target[b][c][y][x]) ** 2 for c in range(5)]
        loss = labelmix_loss(judge(mix(mask, real, fake)), mask, judge(real), judge(fake))
    expected = sum(squares) / len(squares)
    assert expected > 1e-3
    assert loss.item() == pytest.approx(expected, rel=1e-5)
