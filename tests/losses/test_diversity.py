from __future__ import annotations

import math

import pytest
import torch

from dpsims_hub.losses import diversity_hinge, feature_distance, l1_distance

SHAPES = [(4, 2, 3), (5, 3, 2)]
DISTANCES = {"feature": feature_distance, "image": l1_distance}


def some_features(seed: int) -> list[torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    return [torch.randn(2, *shape, generator=random) + 1 for shape in SHAPES]


def some_images(seed: int) -> torch.Tensor:
    return torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(seed))


def without_mean(values: list[float]) -> list[float]:
    return [value - sum(values) / len(values) for value in values]


@pytest.mark.parametrize("centred", [False, True])
def test_l1_distance_equals_loops(centred):
    first, second = some_features(0), some_features(1)
    for b in range(2):
        levels = []
        for maps in zip(first, second, strict=True):
            differences = []
            for c in range(maps[0].shape[1]):
                a, z = (x[b, c].flatten().tolist() for x in maps)
                if centred:
                    a, z = without_mean(a), without_mean(z)
                differences += [abs(x - y) for x, y in zip(a, z, strict=True)]
            levels.append(sum(differences) / len(differences))
        expected = sum(levels) / len(levels)
        found = l1_distance(first, second, centred)
        assert found[b].item() == pytest.approx(expected, rel=1e-5)


def test_another_brightness_or_tint_is_no_distance():
    images = some_images(0)
    shifted = images + torch.tensor([0.3, -0.2, 0.5]).view(3, 1, 1)
    assert l1_distance([images], [shifted], centred=True).max() < 1e-6
    assert l1_distance([images], [shifted]).tolist() == pytest.approx([1 / 3, 1 / 3])


def test_feature_distance_equals_loops():
    first, second = some_features(0), some_features(1)
    for b in range(2):
        levels = []
        for a, z in zip(first, second, strict=True):
            a, z = (
                list(zip(*(without_mean(channel) for channel in x[b].flatten(1).tolist()), strict=True))
                for x in (a, z)
            )
            cosines = [
                sum(p * q for p, q in zip(x, y, strict=True)) / math.hypot(*x) / math.hypot(*y)
                for x, y in zip(a, z, strict=True)
            ]
            levels.append(1 - sum(cosines) / len(cosines))
        expected = sum(levels) / len(levels)
        assert feature_distance(first, second)[b].item() == pytest.approx(expected, rel=1e-5)


def test_feature_distance_of_equal_and_of_opposite_features():
    features = some_features(0)
    assert feature_distance(features, features).abs().max() < 1e-5
    opposite = [-level for level in features]
    assert feature_distance(features, opposite).tolist() == pytest.approx([2.0, 2.0], abs=1e-5)


def test_unrelated_features_are_one_apart():
    random = torch.Generator().manual_seed(0)
    first, second = (torch.randn(1, 64, 16, 16, generator=random) for _ in range(2))
    assert feature_distance([first], [second]).item() == pytest.approx(1.0, abs=0.05)


def test_hinge_by_hand():
    distance = torch.tensor([0.05, 0.2, 0.5])
    assert diversity_hinge(distance, threshold=0.2).item() == pytest.approx(0.15 / 3)


@pytest.mark.parametrize("measure", ["image", "feature"])
def test_pairs_that_differ_enough_feel_nothing(measure):
    second = some_features(1) if measure == "feature" else [some_images(1)]
    for level in second:
        level.requires_grad_()
    first = some_features(0) if measure == "feature" else [some_images(0)]
    loss = diversity_hinge(DISTANCES[measure](first, second), threshold=0.1)
    loss.backward()
    assert loss.item() == 0
    assert all((level.grad == 0).all() for level in second)


@pytest.mark.parametrize("measure", ["image", "feature"])
def test_descent_moves_the_second_away_and_leaves_the_first(measure):
    distance = DISTANCES[measure]
    first = some_features(0) if measure == "feature" else [some_images(0)]
    second = [
        level + 0.1 * torch.randn(level.shape, generator=torch.Generator().manual_seed(2)) for level in first
    ]
    for level in (*first, *second):
        level.requires_grad_()
    before = distance([level.detach() for level in first], second)
    diversity_hinge(before, threshold=2.0).backward()
    assert all(level.grad is None for level in first)
    with torch.no_grad():
        moved = [level - 0.5 * level.grad for level in second]
        assert (distance(first, moved) > before).all()
