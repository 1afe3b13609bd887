from __future__ import annotations

import math
import re

import numpy as np
import pytest
from PIL import Image

from dpsims_hub.labels.reading.resizing import centre_indices, resize_label_map


@pytest.mark.parametrize(("old", "new"), [(1, 5), (5, 1), (7, 3), (3, 7), (480, 192), (96, 96), (4096, 1)])
def test_each_place_reads_what_lies_under_its_centre(old, new):
    expected = [math.floor((place + 0.5) * (old / new)) for place in range(new)]
    assert centre_indices(old, new).tolist() == expected


def on_an_edge(old, new):
    """Places whose centre falls exactly between two pixels, where Pillow's running sum of floats may slip."""
    return np.array([((2 * place + 1) * old) % (2 * new) == 0 for place in range(new)])


def test_equals_pillow_on_bytes_and_keeps_wide_ids():
    rng = np.random.default_rng(0)
    for _ in range(50):
        ids = rng.integers(0, 256, size=rng.integers(1, 30, size=2)).astype(np.uint8)
        size = tuple(int(side) for side in rng.integers(1, 40, size=2))
        expected = np.asarray(Image.fromarray(ids).resize(size[::-1], Image.Resampling.NEAREST))
        result = resize_label_map(ids.astype(np.int32) + 40_000, size)
        rows, columns = (~on_an_edge(old, new) for old, new in zip(ids.shape, size, strict=True))
        assert (result - 40_000 == expected)[np.ix_(rows, columns)].all()
        assert result.dtype == np.int32


def test_an_integer_factor_repeats_pixels():
    ids = np.array([[1, 2], [3, 4]])
    assert (resize_label_map(ids, (4, 6)) == np.kron(ids, np.ones((2, 3), dtype=int))).all()


@pytest.mark.parametrize(
    "size", [(3, 0), ("2", "2"), (2.0, 2.0), (True, 2), (2, 2, 2), 2, "22", None, (2, -1)]
)
def test_what_is_no_size_is_refused(size):
    words = f"size must be (height, width), whole numbers of at least 1 px each, not {size!r}."
    with pytest.raises(ValueError, match=f"^{re.escape(words)}$"):
        resize_label_map(np.zeros((2, 2), dtype=int), size)


def test_sizes_of_numpy_are_sizes():
    ids = np.array([[1, 2]])
    for size in (np.array([2, 2]), [2, 2], (np.int64(2), np.uint8(2))):
        assert resize_label_map(ids, size).tolist() == [[1, 2], [1, 2]]
