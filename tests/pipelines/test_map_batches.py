import numpy as np
import pytest
import torch
from PIL import Image

from dpsims_hub.labels import ClassSpec
from dpsims_hub.pipelines.map_batches import (
    distortion,
    nearest_size,
    photo_size,
    read_map_batch,
    resize_maps,
    split_map_batch,
)

SPEC = ClassSpec.load("camvid")
IDS = np.arange(30, dtype=np.uint8).reshape(2, 3, 5) % 11  # two maps of height 3, width 5


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (IDS[0], IDS[:1]),
        (IDS, IDS),
        (torch.from_numpy(IDS), IDS),
        ([IDS[0], IDS[1]], IDS),
        ((IDS[0].tolist(), torch.from_numpy(IDS[1])), IDS),
        (IDS.tolist(), IDS),
        (IDS[0].tolist(), IDS[:1]),
        (IDS[0][..., None], IDS[:1]),
        (SPEC.palette[IDS[0]], IDS[:1]),
        (SPEC.palette[IDS], IDS),
        ([Image.fromarray(IDS[1]), SPEC.palette[IDS[0]]], IDS[::-1]),
    ],
)
def test_one_map_or_many(given, expected):
    np.testing.assert_array_equal(read_map_batch(given, SPEC), expected)


def test_path_is_one_map_and_names_itself_in_messages(tmp_path):
    paths = [tmp_path / "a.png", str(tmp_path / "b.png")]
    Image.fromarray(IDS[0]).save(paths[0])
    Image.fromarray(IDS[0, :2]).save(paths[1])
    assert split_map_batch(paths[0]) == [paths[0]]
    with pytest.raises(ValueError, match=r"a\.png is 5x3 and .*b\.png is 5x2 \(width x height\)"):
        read_map_batch(paths, SPEC)


def test_own_size_is_kept_where_the_network_makes_it():
    assert photo_size((96, 128), 32) == (96, 128)
    assert photo_size((96, 128), 32, (192, 256)) == (192, 256)


@pytest.mark.parametrize(
    ("size", "suggested"),
    [((360, 480), (352, 480)), ((100, 133), (96, 128)), ((1, 1), (32, 32)), ((1024, 2048), (1024, 2048))],
)
def test_suggested_size_fits_and_is_accepted(size, suggested):
    assert nearest_size(size, 32) == suggested
    assert photo_size(size, 32, suggested) == suggested


def test_suggestion_for_extreme_shapes_is_the_least_distorted():
    height, width = nearest_size((10, 1000), 32)
    assert (height % 32, width % 32) == (0, 0)
    best = min(distortion((10, 1000), (h, w)) for h in range(32, 129, 32) for w in range(32, 4097, 32))
    assert distortion((10, 1000), (height, width)) == pytest.approx(best)


def test_five_per_cent_is_the_limit_of_distortion():
    assert photo_size((100, 100), 4, (100, 104)) == (100, 104)
    with pytest.raises(ValueError, match=r"distort the scene by 8%.*allow distortion"):
        photo_size((100, 100), 4, (100, 108))
    assert photo_size((100, 100), 4, (100, 108), allow_distortion=True) == (100, 108)


@pytest.mark.parametrize("size", [(0, 32), (-32, 32), (33, 32), (16, 32), (32, 8192)])
def test_impossible_sizes(size):
    with pytest.raises(ValueError, match="multiples of 32 up to 4096"):
        photo_size((96, 128), 32, size, allow_distortion=True)


def test_distortion_is_symmetric():
    assert distortion((100, 100), (100, 200)) == pytest.approx(1)
    assert distortion((100, 200), (100, 100)) == pytest.approx(1)
    assert distortion((10, 20), (30, 60)) == pytest.approx(0)


def test_resizing_is_pillows_nearest():
    small = resize_maps(IDS, (2, 3))
    for ids, result in zip(IDS, small, strict=True):
        np.testing.assert_array_equal(
            result, np.asarray(Image.fromarray(ids).resize((3, 2), Image.Resampling.NEAREST))
        )
    assert small.dtype == np.int64
