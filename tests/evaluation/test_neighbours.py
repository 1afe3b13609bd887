import numpy as np

from dpsims_hub.evaluation.neighbours import most_similar


def test_agreement_counts_known_places_only():
    maps = np.array([[[0, 1, 2, 255]], [[0, 1, 0, 255]], [[0, 0, 2, 3]], [[255, 255, 255, 255]]])
    # 0 agrees with 1 and 2 in two places each (the first wins), 1 with 0 in two, 2 with 0 in two, 3 with none
    assert most_similar(maps, 255).tolist() == [1, 0, 0, 0]


def test_equals_counting_place_by_place():
    maps = np.random.default_rng(0).choice([0, 1, 2, 9], size=(12, 3, 4))
    expected = []
    for i, one in enumerate(maps):
        scores = [
            -1 if i == j else sum(a == b != 9 for a, b in zip(one.flat, other.flat, strict=True))
            for j, other in enumerate(maps)
        ]
        expected.append(scores.index(max(scores)))
    assert most_similar(maps, 9).tolist() == expected
