import numpy as np
import pytest
import torch

from dpsims_hub.evaluation.pixel_probe import PixelProbe, gaussian_blur, pixel_features, ridge_regression
from dpsims_hub.evaluation.segmentation_scores import mean_iou


def scene(seed: int, height: int = 24, width: int = 36) -> tuple[np.ndarray, np.ndarray]:
    """Vertical bands of three classes in random order: dark, bright, and as bright on average but checked."""
    random = np.random.default_rng(seed)
    ids = random.permutation([0, 1, 2]).repeat(width // 3)[None].repeat(height, axis=0).astype(np.uint8)
    checks = np.indices((height, width)).sum(axis=0) % 2 * 80
    levels = np.choose(ids, [np.full_like(checks, 60), np.full_like(checks, 150), 110 + checks])
    photo = levels[..., None] + random.integers(-5, 6, (height, width, 3))
    ids[:2] = 255
    return photo.astype(np.uint8), ids


def scenes(*seeds: int, **size: int) -> tuple[np.ndarray, np.ndarray]:
    photos, ids = zip(*(scene(seed, **size) for seed in seeds), strict=True)
    return np.stack(photos), np.stack(ids)


def fit(photos: np.ndarray, ids: np.ndarray, seed: int = 0) -> PixelProbe:
    """A probe fitted on these photos."""
    fitted = PixelProbe(3, num_photos=len(photos), seed=seed)
    samples = [fitted.sample(*pair, number) for number, pair in enumerate(zip(photos, ids, strict=True))]
    fitted.fit(*(np.concatenate(parts) for parts in zip(*samples, strict=True)), "scenes")
    return fitted


@pytest.fixture(scope="module")
def probe() -> PixelProbe:
    return fit(*scenes(*range(12)))


def test_finds_colour_and_texture_in_new_photos(probe):
    photos, ids = scenes(100, 101, 102)
    counts = probe.judge(photos, ids)
    assert counts.shape == (3, 3, 3)
    assert mean_iou(counts.sum(axis=0)) > 0.85


def test_counts_the_known_judged_pixels(probe):
    photos, ids = scenes(100, 101)
    counts = probe.judge(photos, ids)
    assert counts[:, :, 1].sum(axis=1).tolist() == [(one[::2, ::2] != 255).sum() for one in ids]


def test_colour_without_texture_is_not_enough(probe):
    """The class of checks, painted in its mean colour, is taken for the bright one."""
    photos, ids = scenes(100, 101, 102)
    flat = np.choose(np.where(ids == 255, 0, ids), [60, 150, 150])[..., None].repeat(3, axis=3)
    counts = probe.judge(flat.astype(np.uint8), ids).sum(axis=0)
    assert counts[2, 0] < 0.4 * counts[2, 1]
    assert counts[1, 0] > 0.8 * counts[1, 1]


def test_photos_of_other_maps_score_lower(probe):
    photos, ids = scenes(*range(100, 106))
    right, wrong = (probe.judge(one, ids).sum(axis=0) for one in (photos, np.roll(photos, 1, axis=0)))
    assert mean_iou(wrong) < 0.6 * mean_iou(right)


def test_same_seed_same_probe(probe):
    again = fit(*scenes(*range(12)))
    assert torch.equal(again.weights, probe.weights)
    assert not torch.equal(fit(*scenes(*range(12)), seed=1).weights, probe.weights)
    assert probe.description == {"pixels": 12 * 198, "seed": 0, "fitted_on": "scenes"}


def test_pixels_of_a_photo_do_not_depend_on_the_others():
    photos, ids = scenes(0, 1)
    probe = PixelProbe(3, num_photos=1000)
    first, second = (probe.sample(photos[1], ids[1], number)[0] for number in (1, 1))
    np.testing.assert_array_equal(first, second)
    assert first.shape == (60, 29)
    assert not np.array_equal(first, probe.sample(photos[1], ids[1], 2)[0])


def test_what_is_seen_can_be_shown(probe):
    photos, ids = scenes(100, 101)
    seen = probe.predict(photos)
    assert seen.shape == (2, 12, 18)
    assert (seen[:, 1:] == ids[:, 2::2, ::2]).mean() > 0.85


def test_large_photos_are_judged_small():
    small = pixel_features(np.zeros((1, 96, 144, 3), np.uint8))
    large = pixel_features(np.zeros((1, 288, 432, 3), np.uint8))
    assert small.shape == large.shape == (1, 48 * 72, 29)
    photos, ids = scenes(0, height=288, width=432)
    counts = fit(photos, ids).judge(photos, ids)
    assert counts[..., 1].sum() == 47 * 72  # the unknown rows 0 and 1 hide the first of 48


def test_features_tell_flat_from_striped_and_which_way_the_stripes_go():
    stripes = np.zeros((1, 24, 36, 3), np.uint8)
    stripes[:, :, ::2] = 255
    flat, upright, lying = (
        pixel_features(photo).mean(dim=(0, 1))[18:]
        for photo in (np.full_like(stripes, 127), stripes, stripes.transpose(0, 2, 1, 3))
    )
    nothing, full = pytest.approx(np.log(0.003), abs=1e-3), pytest.approx(0, abs=0.2)
    assert all(value == nothing for value in flat.tolist())
    # five bands, then edges along x and along y at three scales
    assert (upright[:5] > flat[:5]).all()
    for along_x, along_y in ((5, 6), (7, 8), (9, 10)):
        assert (float(upright[along_x]), float(lying[along_y])) == (full, full)
        assert (float(upright[along_y]), float(lying[along_x])) == (nothing, nothing)


def test_photos_share_a_budget_of_pixels():
    assert PixelProbe(3, num_photos=100).pixels_per_photo == 300
    assert PixelProbe(3, num_photos=1000).pixels_per_photo == 60
    assert PixelProbe(3, num_photos=10**6).pixels_per_photo == 1


def test_maps_without_known_pixels():
    with pytest.raises(ValueError, match="no known pixel"):
        fit(np.zeros((1, 8, 8, 3), np.uint8), np.full((1, 8, 8), 255))


def test_ridge_is_least_squares_with_rows_for_the_penalty():
    random = np.random.default_rng(0)
    inputs, targets = random.normal(size=(20, 6)), random.normal(size=(20, 2))
    importance = random.uniform(0, 2, 20)
    root = np.sqrt(importance)[:, None]
    rows = np.concatenate([inputs * root, np.sqrt(0.3 * 20) * np.eye(6)])
    wanted = np.concatenate([targets * root, np.zeros((6, 2))])
    expected, *_ = np.linalg.lstsq(rows, wanted, rcond=None)
    found = ridge_regression(*(torch.from_numpy(a) for a in (inputs, targets, importance)), 0.3)
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("deviation", [0, 1, 4])
def test_blur_is_a_mean_weighted_by_a_gaussian_with_edges_repeated(deviation):
    planes = np.random.default_rng(0).normal(size=(2, 3, 9, 14)).astype(np.float32)
    radius = 3 * deviation
    padded = np.pad(planes, ((0, 0), (0, 0), (radius, radius), (radius, radius)), mode="edge")
    expected, total = np.zeros(planes.shape), 0.0
    for dy in range(-radius, radius + 1):
        for dx in range(-radius, radius + 1):
            weight = np.exp(-(dy**2 + dx**2) / (2 * max(deviation, 1) ** 2))
            part = padded[..., radius + dy : radius + dy + 9, radius + dx : radius + dx + 14]
            expected, total = expected + weight * part, total + weight
    np.testing.assert_allclose(
        gaussian_blur(torch.from_numpy(planes), deviation), expected / total, atol=1e-5
    )
