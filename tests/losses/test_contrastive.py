from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from dpsims_hub.losses import PatchProjection, contrastive, patch_contrastive_loss

SHAPES = [(4, 2, 3), (5, 2, 2)]  # channels, height, width of two feature maps


def some_features(count: int, seed: int) -> list[torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    return [torch.randn(count, *shape, generator=random) for shape in SHAPES]


def cosine(a: list[float], b: list[float]) -> float:
    lengths = math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(x * x for x in b))
    return sum(x * y for x, y in zip(a, b, strict=True)) / lengths


def dot_product(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


def info_nce_place_by_place(fake, real, temperature, similarity=cosine) -> list[float]:
    """-log of the own place's share among all places of the same photo; every place is used."""
    levels = []
    for fake_map, real_map in zip(fake, real, strict=True):
        images_per_photo, terms = len(fake_map) // len(real_map), []
        for i in range(len(fake_map)):
            queries = fake_map[i].flatten(1).T.tolist()
            keys = real_map[i // images_per_photo].flatten(1).T.tolist()
            for own, query in enumerate(queries):
                shares = [math.exp(similarity(query, key) / temperature) for key in keys]
                terms.append(-math.log(shares[own] / sum(shares)))
        levels.append(sum(terms) / len(terms))
    return levels


@pytest.mark.parametrize("images_per_photo", [1, 3])
@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_equals_loops_over_places(images_per_photo, temperature):
    fake, real = some_features(2 * images_per_photo, seed=0), some_features(2, seed=1)
    levels = info_nce_place_by_place(fake, real, temperature)
    result = patch_contrastive_loss(fake, real, temperature, num_places=64)
    assert result.item() == pytest.approx(sum(levels) / len(levels), rel=1e-5)


@pytest.mark.parametrize("images_per_photo", [1, 3])
def test_dot_products_equal_loops_over_places(images_per_photo):
    fake, real = some_features(2 * images_per_photo, seed=0), some_features(2, seed=1)
    levels = info_nce_place_by_place(fake, real, 0.3, dot_product)
    result = patch_contrastive_loss(fake, real, 0.3, num_places=64, normalize=False)
    assert result.item() == pytest.approx(sum(levels) / len(levels), rel=1e-5)


def test_the_sum_over_feature_maps_equals_loops_over_places():
    fake, real = some_features(2, seed=0), some_features(2, seed=1)
    levels = info_nce_place_by_place(fake, real, 0.3)
    result = patch_contrastive_loss(fake, real, 0.3, num_places=64, reduction="sum")
    assert result.item() == pytest.approx(sum(levels), rel=1e-5)


def test_the_default_is_the_mean_over_maps_of_cosines_to_the_bit():
    fake, real = some_features(2, seed=0), some_features(2, seed=1)
    terms = []
    for a, b in zip(fake, real, strict=True):
        where = torch.arange(a[0, 0].numel())
        a, b = (F.normalize(x.flatten(2).transpose(1, 2), dim=-1) for x in (a, b))
        scores = (a @ b.transpose(1, 2) / 0.1).transpose(1, 2)
        terms.append(F.cross_entropy(scores, where.expand(len(a), -1)))
    places = lambda sizes, *_: [torch.arange(h * w) for h, w in sizes]  # noqa: E731
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contrastive, "sample_places", places)
        assert torch.equal(patch_contrastive_loss(fake, real), torch.stack(terms).mean())


def test_samples_of_a_map_are_compared_with_its_own_photo():
    real = some_features(2, seed=1)
    fake = [level.repeat_interleave(2, dim=0) for level in real]
    swapped = [level.flip(0) for level in fake]
    assert patch_contrastive_loss(fake, real) < 0.5
    assert patch_contrastive_loss(swapped, real) > 1


@pytest.mark.parametrize(("asked", "used"), [(5, 5), (12, 12), (99, 12)])
def test_chance_is_the_logarithm_of_the_places(asked, used):
    fake = [torch.randn(2, 4, 3, 4, generator=torch.Generator().manual_seed(0))]
    same_everywhere = [torch.ones(2, 4, 3, 4)]
    loss = patch_contrastive_loss(fake, same_everywhere, num_places=asked)
    assert loss.item() == pytest.approx(math.log(used), abs=1e-5)


def test_places_come_from_the_random_generator():
    fake, real = some_features(2, seed=0), some_features(2, seed=1)
    losses = [
        patch_contrastive_loss(fake, real, num_places=2, generator=torch.Generator().manual_seed(seed)).item()
        for seed in (0, 0, 1)
    ]
    assert losses[0] == losses[1] != losses[2]


def test_no_gradient_reaches_the_photos():
    fake, real = some_features(2, seed=0), some_features(2, seed=1)
    for level in (*fake, *real):
        level.requires_grad_()
    patch_contrastive_loss(fake, real).backward()
    assert all(level.grad.abs().sum() > 0 for level in fake)
    assert all(level.grad is None for level in real)


def test_projection_learns_from_the_generated_side_alone():
    torch.manual_seed(0)
    fake, real = some_features(2, seed=0), some_features(2, seed=1)
    head = PatchProjection([shape[0] for shape in SHAPES], width=3)

    def mlp(layers, place):
        first, second, third = (layers[i] for i in (0, 2, 4))
        hidden = (first.weight @ place + first.bias).clamp(min=0)
        hidden = (second.weight @ hidden + second.bias).clamp(min=0)
        return third.weight @ hidden + third.bias

    def project(features):
        return [
            torch.stack(
                [torch.stack([mlp(layers, place) for place in image.flatten(1).T], 1) for image in level]
            )[:, :, None]
            for level, layers in zip(features, head.heads, strict=True)
        ]

    with torch.no_grad():
        keys = project(real)
    patch_contrastive_loss(project(fake), keys).backward()
    expected = [parameter.grad.clone() for parameter in head.parameters()]
    head.zero_grad()
    patch_contrastive_loss(fake, real, projection=head).backward()
    for parameter, gradient in zip(head.parameters(), expected, strict=True):
        assert gradient.abs().max() > 0
        torch.testing.assert_close(parameter.grad, gradient)


def test_refuses_images_that_are_no_multiple_of_the_photos():
    with pytest.raises(ValueError, match=r"\(3, 4, 2, 3\) of generated images do not fit \(2, 4, 2, 3\)"):
        patch_contrastive_loss(some_features(3, seed=0), some_features(2, seed=1))
