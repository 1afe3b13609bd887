from __future__ import annotations

import pytest
import torch

from dpsims_hub.losses import balancing_weights, class_pixel_counts

IGNORE = 255


def test_counts_by_hand():
    label_map = torch.tensor([[[0, 0, 3], [3, 255, 0]], [[255, 255, 0], [3, 3, 3]]])
    assert class_pixel_counts(label_map, num_classes=5).tolist() == [4, 0, 0, 5, 0]


def test_counts_of_a_map_without_known_pixels():
    assert class_pixel_counts(torch.full((1, 2, 2), 9), num_classes=3, ignore_index=9).tolist() == [0, 0, 0]


def test_weights_by_hand():
    # 8 pixels, 2 of them ignored, class 2 absent: K = 2, alpha = 8 / (2 * 4) and 8 / (2 * 2).
    label_map = torch.tensor([[[0, 0, 0, 1], [1, 255, 255, 0]]])
    weights = balancing_weights(class_pixel_counts(label_map, num_classes=3), num_pixels=8)
    assert weights.tolist() == [1.0, 2.0, 0.0]


@pytest.mark.parametrize("seed", range(3))
def test_mean_over_all_pixels_is_one_without_ignored_pixels(seed):
    label_map = torch.randint(0, 7, (3, 5, 11), generator=torch.Generator().manual_seed(seed))
    label_map[label_map == 4] = 6  # one class absent
    weights = balancing_weights(class_pixel_counts(label_map, 7), label_map.numel())
    values = [float(weights[label]) for label in label_map.flatten().tolist()]
    assert sum(values) / len(values) == pytest.approx(1.0, abs=1e-6)
    assert weights[4] == 0


def test_each_class_present_weighs_the_same_in_total():
    label_map = torch.tensor([[[0] * 9 + [1] * 3 + [2]]])
    weights = balancing_weights(class_pixel_counts(label_map, 3), label_map.numel())
    totals = [sum(float(weights[c]) for label in label_map.flatten() if label == c) for c in range(3)]
    assert totals == pytest.approx([13 / 3] * 3)


def test_only_ignored_pixels_give_finite_weights():
    weights = balancing_weights(torch.zeros(4), num_pixels=16)
    assert weights.tolist() == [0.0] * 4
