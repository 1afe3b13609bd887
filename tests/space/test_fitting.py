from __future__ import annotations

import numpy as np
import pytest

from dpsims_hub.space.fitting import centred_part, fit


def test_a_map_of_the_right_size_stays() -> None:
    label_map = np.arange(12).reshape(3, 4)
    fitted, note = fit(label_map, (3, 4))
    np.testing.assert_array_equal(fitted, label_map)
    assert note == ""


def test_a_broad_map_loses_its_sides() -> None:
    label_map = np.arange(10)[None].repeat(4, axis=0)
    fitted, note = fit(label_map, (4, 4))
    np.testing.assert_array_equal(fitted, label_map[:, 3:7])
    assert note == "The map of 10x4 px was cropped at the centre to 4x4."


def test_a_large_map_is_cropped_then_thinned_out() -> None:
    label_map = np.arange(12)[:, None] * 100 + np.arange(6)[None]
    fitted, note = fit(label_map, (3, 3))
    np.testing.assert_array_equal(fitted, label_map[[4, 6, 8]][:, [1, 3, 5]])
    assert note == (
        "The map of 6x12 px was cropped at the centre to 6x6 and resized to 3x3 by nearest neighbour."
    )


@pytest.mark.parametrize("size", [(1, 1), (1, 4000), (7, 3), (480, 360)])
@pytest.mark.parametrize("shape", [(96, 128), (256, 256), (256, 512)])
def test_the_part_lies_inside_and_has_the_shape(size: tuple[int, int], shape: tuple[int, int]) -> None:
    top, left, height, width = centred_part(size, shape)
    assert 0 <= top <= top + height <= size[0]
    assert 0 <= left <= left + width <= size[1]
    assert min(height, width) >= 1
    assert height == size[0] or width == size[1]
    if min(size) > 100:
        assert width / height == pytest.approx(shape[1] / shape[0], rel=0.02)
