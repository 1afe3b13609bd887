import numpy as np
import pytest
import torch
from torchmetrics.classification import MulticlassJaccardIndex

from dpsims_hub.evaluation.segmentation_scores import class_counts, class_ious, mean_iou, pixel_accuracy

TRUE = np.array([[0, 0, 1], [1, 255, 1]], np.uint8)
SEEN = np.array([[0, 1, 1], [1, 0, 3]], np.uint8)


def by_confusion(true: np.ndarray, seen: np.ndarray, count: int) -> tuple[list[float | None], float]:
    """IoU of each class and pixel accuracy from a confusion matrix counted pixel by pixel."""
    matrix = [[0] * (count + 1) for _ in range(count)]  # the last column: none of ours
    for t, s in zip(true.flat, seen.flat, strict=True):
        if t < count:
            matrix[t][s if 0 <= s < count else count] += 1
    ious: list[float | None] = []
    for c in range(count):
        union = sum(matrix[c]) + sum(row[c] for row in matrix) - matrix[c][c]
        ious.append(matrix[c][c] / union if union else None)
    known = sum(map(sum, matrix))
    return ious, sum(matrix[c][c] for c in range(count)) / known


def test_hand_counted():
    counts = class_counts(TRUE, SEEN, 4)
    assert counts.tolist() == [[1, 2, 1], [2, 3, 3], [0, 0, 0], [0, 0, 1]]
    assert class_ious(counts)[[0, 1, 3]].tolist() == [1 / 2, 2 / 4, 0]
    assert np.isnan(class_ious(counts)[2])  # class 2 is nowhere
    assert mean_iou(counts) == pytest.approx((1 / 2 + 2 / 4 + 0 / 1) / 3)
    assert pixel_accuracy(counts) == pytest.approx(3 / 5)


def test_equals_a_confusion_matrix_with_unknown_pixels_and_foreign_predictions():
    random = np.random.default_rng(0)
    true = random.choice([0, 1, 2, 3, 255], size=(9, 11))
    seen = random.choice([-1, 0, 1, 3, 7], size=(9, 11))  # class 2 is never seen
    ious, accuracy = by_confusion(true, seen, 5)
    counts = class_counts(true, seen, 5)
    found = [None if np.isnan(value) else value for value in class_ious(counts)]
    assert found == pytest.approx(ious)
    assert mean_iou(counts) == pytest.approx(np.mean([value for value in ious if value is not None]))
    assert pixel_accuracy(counts) == pytest.approx(accuracy)


def test_equals_torchmetrics():
    random = np.random.default_rng(1)
    true = random.choice([0, 1, 2, 255], size=(20, 30))
    seen = random.integers(0, 3, (20, 30))
    metric = MulticlassJaccardIndex(3, ignore_index=255)
    expected = metric(torch.from_numpy(seen), torch.from_numpy(true))
    assert mean_iou(class_counts(true, seen, 3)) == pytest.approx(float(expected), abs=1e-6)


def test_maps_add_up_and_keep_their_own_scores():
    random = np.random.default_rng(2)
    true, seen = random.integers(0, 3, (2, 4, 5, 6))
    each = np.stack([class_counts(t, s, 3) for t, s in zip(true, seen, strict=True)])
    np.testing.assert_array_equal(each.sum(axis=0), class_counts(true, seen, 3))
    assert mean_iou(each).shape == pixel_accuracy(each).shape == (4,)
    assert mean_iou(each)[2] == mean_iou(each[2])


def test_all_right_and_nothing_known():
    counts = class_counts(TRUE, np.where(TRUE == 255, 0, TRUE), 4)
    assert mean_iou(counts) == pixel_accuracy(counts) == 1
    nothing = class_counts(np.full((2, 2), 255), np.zeros((2, 2), int), 4)
    assert mean_iou(nothing) == pixel_accuracy(nothing) == 0


def test_more_classes_than_a_byte_can_count():
    ids = np.arange(183, dtype=np.uint8)
    assert np.array_equal(class_counts(ids, ids, 183), np.ones((183, 3)))
