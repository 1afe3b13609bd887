from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from dpsims_hub.labels.reading.samples import Sample
from dpsims_hub.labels.survey.examples import AREA, COUNT, Examples, shrink


def sample(number, height=2, width=3):
    return Sample(Image.new("RGB", (width, height)), np.full((height, width), 1, np.uint8), str(number))


@pytest.mark.parametrize("count", [1, 7, 8, 9, 15, 16, 17, 100, 1000])
def test_examples_are_spread_over_data_of_any_length(count):
    examples = Examples()
    for position in range(count):
        wanted = examples.wants(position)
        examples.add(position, sample(position))
        assert wanted or str(position) not in [kept.stem for kept in examples.chosen()]
    places = [int(kept.stem) for kept in examples.chosen()]
    assert places[0] == 0
    assert len(places) == len(set(places)) == min(count, COUNT)
    steps = np.diff([*places, count])
    assert steps.max() <= max(3 * count // COUNT, 1)


def test_bad_pairs_leave_no_gap():
    """Where three pairs of four are bad, the rest is spread as if there were no others."""
    examples = Examples()
    for position in range(3, 4000, 4):
        if examples.wants(position):
            examples.add(position, sample(position))
    places = [int(kept.stem) for kept in examples.chosen()]
    assert len(places) == COUNT
    assert np.diff([0, *places, 4000]).max() <= 3 * 4000 // COUNT


@pytest.mark.parametrize(("height", "width"), [(480, 640), (1024, 2048), (300, 100), (6, 10), (1, 1)])
def test_small_versions_keep_proportions_and_ids(height, width):
    small = shrink(sample(0, height, width))
    assert small.image.size == small.label_map.shape[::-1]
    assert set(np.unique(small.label_map)) == {1}
    assert small.label_map.size <= 1.05 * AREA
    assert small.label_map.shape[0] / small.label_map.shape[1] == pytest.approx(height / width, rel=0.02)
    assert small.label_map.shape[0] <= 4 * height
