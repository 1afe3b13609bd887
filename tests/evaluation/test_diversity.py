import numpy as np
import pytest
import torch

from dpsims_hub.evaluation.diversity import differences_within, pair_differences
from dpsims_hub.evaluation.neighbours import shuffled_partners


def as_maps(photos: np.ndarray) -> list[torch.Tensor]:
    """Photos as their own feature maps, whole and halved."""
    pixels = torch.from_numpy(photos.astype(np.float32)).permute(0, 3, 1, 2)
    return [pixels, torch.nn.functional.avg_pool2d(pixels, 2)]


def slow_distance(first: list[torch.Tensor], second: list[torch.Tensor], index: int) -> float:
    """1 - cosine of mean-removed vectors, place by place, then map by map."""
    per_map = []
    for a, b in zip(first, second, strict=True):
        a, b = (x[index].numpy() - x[index].numpy().mean(axis=(1, 2), keepdims=True) for x in (a, b))
        places = [(a[:, y, x], b[:, y, x]) for y in range(a.shape[1]) for x in range(a.shape[2])]
        per_map.append(np.mean([1 - u @ v / np.linalg.norm(u) / np.linalg.norm(v) for u, v in places]))
    return float(np.mean(per_map))


def photos_of(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 200, (*shape, 4, 6, 3), np.uint8)


def test_equal_photos_differ_by_nothing():
    photos = photos_of(0, 3)
    values = pair_differences(as_maps(photos), as_maps(photos), photos, photos)
    np.testing.assert_allclose(values, 0, atol=1e-6)


def test_brightness_counts_in_pixels_only():
    photos = photos_of(0, 2)
    values = pair_differences(as_maps(photos), as_maps(photos + 51), photos, photos + np.uint8(51))
    np.testing.assert_allclose(values, [[0, 0.2], [0, 0.2]], atol=1e-6)


def test_content_counts_in_both():
    first, second = photos_of(0, 2), photos_of(1, 2)
    values = pair_differences(as_maps(first), as_maps(second), first, second)
    for index in (0, 1):
        assert values[index, 0] == pytest.approx(
            slow_distance(as_maps(first), as_maps(second), index), abs=1e-5
        )
        levels = [abs(int(a) - int(b)) for a, b in zip(first[index].flat, second[index].flat, strict=True)]
        assert values[index, 1] == pytest.approx(sum(levels) / len(levels) / 255)


def test_photos_of_one_map_are_compared_with_each_other_only():
    photos = photos_of(2, 2, 3)
    found = differences_within(as_maps(photos.reshape(6, 4, 6, 3)), photos)
    for index in (0, 1):
        singles = [as_maps(photos[index, k][None]) for k in range(3)]
        features = [slow_distance(singles[a], singles[b], 0) for a, b in ((0, 1), (0, 2), (1, 2))]
        assert found[index, 0] == pytest.approx(np.mean(features), abs=1e-5)
        pixels = [
            np.abs(photos[index, a].astype(float) - photos[index, b]).mean() / 255
            for a, b in ((0, 1), (0, 2), (1, 2))
        ]
        assert found[index, 1] == pytest.approx(np.mean(pixels))


def test_maps_of_one_place_say_nothing():
    first, second = photos_of(0, 2), photos_of(1, 2)
    single = [torch.ones(2, 5, 1, 1)]
    with_single = pair_differences(as_maps(first) + single, as_maps(second) + single, first, second)
    np.testing.assert_array_equal(
        with_single, pair_differences(as_maps(first), as_maps(second), first, second)
    )
    with pytest.raises(ValueError, match="too small for this backbone"):
        pair_differences(single, single, first, second)


@pytest.mark.parametrize("count", [2, 3, 20])
def test_partners_are_others_and_everyone_is_one_once(count):
    partners = shuffled_partners(count, seed=5)
    assert sorted(partners) == list(range(count))
    assert all(partner != index for index, partner in enumerate(partners))
    np.testing.assert_array_equal(partners, shuffled_partners(count, seed=5))


def test_partners_are_drawn_by_chance():
    orders = {tuple(shuffled_partners(20, seed)) for seed in range(3)}
    assert len(orders) == 3
    assert tuple(np.roll(range(20), -1)) not in orders
