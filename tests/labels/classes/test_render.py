from __future__ import annotations

import numpy as np
import pytest

from dpsims_hub.labels import (
    ClassInfo,
    ClassSpec,
    LabelMapError,
    colorize,
    pixel_shares,
    read_label_map,
    render_legend,
)

SPEC = ClassSpec(
    "two", (ClassInfo(0, "sea", rgb=(1, 2, 3)), ClassInfo(1, "sand", rgb=(4, 5, 6))), ignore_rgb=(7, 8, 9)
)


def test_each_pixel_gets_the_colour_of_its_class():
    assert colorize(np.array([[0, 1, 255]]), SPEC).tolist() == [[[1, 2, 3], [4, 5, 6], [7, 8, 9]]]


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int64])
def test_colours_do_not_depend_on_the_integer_type(dtype):
    assert colorize(np.array([[1]], dtype=dtype), SPEC).tolist() == [[[4, 5, 6]]]


@pytest.mark.parametrize("name", ["camvid", "coco-stuff"])
def test_colours_read_back_to_the_same_ids(name):
    spec = ClassSpec.load(name)
    ids = np.array([[*range(spec.num_classes), spec.ignore_index]])
    assert (read_label_map(colorize(ids, spec), spec) == ids).all()


@pytest.mark.parametrize(
    "label_map",
    [
        np.array([[2]]),
        np.array([[-1]]),
        np.array([[254]]),
        np.zeros((1, 1)),
        np.zeros((1, 2, 2), int),
        np.zeros((0, 2), int),
    ],
)
def test_what_is_no_id_map_is_refused(label_map):
    with pytest.raises(LabelMapError):
        colorize(label_map, SPEC)


def test_shares_are_counted_and_sorted():
    shares = pixel_shares(np.array([[1, 1, 0, 255], [1, 1, 255, 0]]), SPEC)
    assert list(shares.items()) == [(1, 0.5), (0, 0.25), (255, 0.25)]


def swatches(legend, colours):
    """The colours that fill at least 200 pixels, by the height at which they begin."""
    pixels = np.asarray(legend)
    places = {}
    for colour in colours:
        rows = np.nonzero((pixels == colour).all(axis=2).sum(axis=1) >= 10)[0]
        if rows.size >= 10:
            places[colour] = int(rows[0])
    return sorted(places, key=places.get)


def test_the_legend_shows_the_classes_asked_for_in_their_order():
    everything = [(1, 2, 3), (4, 5, 6), (7, 8, 9)]
    assert swatches(render_legend(SPEC), everything) == [(1, 2, 3), (4, 5, 6)]
    assert swatches(render_legend(SPEC, [255, 1]), everything) == [(7, 8, 9), (4, 5, 6)]


def test_with_a_map_the_legend_shows_its_classes_by_size_and_their_shares():
    label_map = np.array([[1, 1, 1, 255]])
    legend = render_legend(SPEC, label_map=label_map)
    assert swatches(legend, [(1, 2, 3), (4, 5, 6), (7, 8, 9)]) == [(4, 5, 6), (7, 8, 9)]
    other = render_legend(SPEC, label_map=np.array([[1, 1, 255, 255]]), ids=[1, 255])
    assert np.asarray(legend).tobytes() != np.asarray(other).tobytes()  # same rows, other shares


def test_text_is_drawn_beside_every_swatch():
    legend = np.asarray(render_legend(SPEC).convert("L"))
    text = legend[:, 34:]  # right of 8 px padding, 18 px swatch, 8 px padding
    half = legend.shape[0] // 2
    assert (text[:half] < 100).sum() > 20
    assert (text[half:] < 100).sum() > 20


def test_long_lists_use_several_columns():
    spec = ClassSpec.load("ade20k")
    legend = render_legend(spec)
    assert legend.height < 900
    assert 500 < legend.width < 1500
    pixels = np.asarray(legend)
    for info in spec.classes:
        shown = (pixels == info.rgb).all(axis=2).sum()
        sharing = sum(other.rgb == info.rgb for other in spec.classes)
        assert shown >= 16 * 16 * sharing, info.name  # swatches of 18 px with a border of 1


@pytest.mark.parametrize("ids", [[2], [], [-1], [0, 99]])
def test_a_legend_of_no_class_is_refused(ids):
    with pytest.raises(ValueError, match=r"needs ids in 0\.\.1"):
        render_legend(SPEC, ids)
