import numpy as np
import pytest

from dpsims_hub.evaluation.segmentation_scores import confusion_matrix, mean_iou, pixel_accuracy

TRUE = np.array([[0, 0, 1], [1, 255, 1]], np.uint8)
SEEN = np.array([[0, 1, 1], [1, 0, 3]], np.uint8)


def test_hand_counted():
    confusion = confusion_matrix(TRUE, SEEN, 4)
    assert confusion.tolist() == [[1, 1, 0, 0], [0, 2, 0, 1], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert mean_iou(confusion) == pytest.approx((1 / 2 + 2 / 4 + 0 / 1) / 3)  # class 2 is nowhere
    assert pixel_accuracy(confusion) == pytest.approx(3 / 5)


def test_all_right_and_nothing_known():
    confusion = confusion_matrix(TRUE, np.where(TRUE == 255, 0, TRUE), 4)
    assert mean_iou(confusion) == pixel_accuracy(confusion) == 1
    nothing = confusion_matrix(np.full((2, 2), 255), np.zeros((2, 2), int), 4)
    assert mean_iou(nothing) == pixel_accuracy(nothing) == 0


def test_more_classes_than_a_byte_can_count():
    ids = np.arange(183, dtype=np.uint8)
    assert np.array_equal(confusion_matrix(ids, ids, 183), np.eye(183))
