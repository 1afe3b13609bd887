from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from PIL import Image

from dpsims_hub.labels import ClassInfo, ClassSpec, read_label_map
from tests.labels.png_files import GREY_ALPHA, PALETTE, RGB, RGBA, write_png
from tests.labels.three_classes import IDS, SPEC, as_rgb_array, colours

ADE = ClassSpec.load("ade20k")

# Every way in, and the exact way back.


@pytest.mark.parametrize(
    "dtype", [np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64, ">i4"]
)
def test_integer_arrays_of_every_type(dtype):
    result = read_label_map(np.array(IDS, dtype=dtype), SPEC)
    assert result.tolist() == IDS
    assert result.dtype == np.uint8


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.int64])
def test_torch_tensors(dtype):
    assert read_label_map(torch.tensor(IDS).to(dtype), SPEC).tolist() == IDS


@pytest.mark.parametrize(
    "wrap", [list, tuple, lambda ids: np.array(ids)[None], lambda ids: np.array(ids)[..., None]]
)
def test_lists_and_single_extra_axes(wrap):
    assert read_label_map(wrap(IDS), SPEC).tolist() == IDS


def test_bytes_with_a_last_axis_of_three_are_colours():
    """The one shape that could be either: (1, H, 3) of uint8."""
    assert read_label_map(as_rgb_array([[1, 0]]), SPEC).tolist() == [[1, 0]]
    assert read_label_map(np.array(IDS, dtype=np.int32)[None], SPEC).tolist() == IDS


def test_booleans_are_zero_and_one():
    assert read_label_map(np.array([[True, False]]), SPEC).tolist() == [[1, 0]]
    assert read_label_map(torch.tensor([[True, False]]), SPEC).tolist() == [[1, 0]]


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_grey_png_of_every_depth_gives_its_stored_numbers(tmp_path, depth):
    spec = ClassSpec("s", tuple(ClassInfo(i, f"c{i}", rgb=(i % 256, i // 256, 9)) for i in range(400)), 65535)
    top = min(2**depth, 400)
    rows = [[(7 * x + 3 * y) % top for x in range(9)] for y in range(5)]
    result = read_label_map(write_png(tmp_path / "m.png", rows, depth=depth), spec)
    assert result.tolist() == rows
    assert result.dtype == np.uint16


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_palette_png_gives_indices_and_not_luminance(tmp_path, depth):
    rows = [[(x + y) % min(2**depth, 11) for x in range(9)] for y in range(5)]
    palette = bytes((37 * i + 5) % 256 for i in range(3 * min(2**depth, 256)))
    path = write_png(tmp_path / "m.png", rows, depth=depth, kind=PALETTE, palette=palette)
    assert read_label_map(path, ClassSpec.load("camvid")).tolist() == rows
    assert read_label_map(Image.open(path), ClassSpec.load("camvid")).tolist() == rows


def test_rgb_and_rgba_in_exact_colours(tmp_path):
    assert read_label_map(write_png(tmp_path / "c.png", colours(IDS), kind=RGB), SPEC).tolist() == IDS
    opaque = [[v for i in range(0, len(row), 3) for v in (*row[i : i + 3], 255)] for row in colours(IDS)]
    assert read_label_map(write_png(tmp_path / "a.png", opaque, kind=RGBA), SPEC).tolist() == IDS
    assert read_label_map(as_rgb_array(IDS), SPEC).tolist() == IDS
    assert read_label_map(torch.from_numpy(as_rgb_array(IDS)), SPEC).tolist() == IDS


def test_transparent_pixels_are_unknown_whatever_their_colour(tmp_path):
    path = write_png(tmp_path / "t.png", [[9, 9, 9, 0, 128, 64, 128, 255]], kind=RGBA)
    assert read_label_map(path, SPEC).tolist() == [[255, 0]]


@pytest.mark.parametrize("form", ["TIFF", "BMP", "PPM", "TGA", "PNG"])
def test_other_lossless_formats(tmp_path, form):
    path = tmp_path / f"m.{form.lower()}"
    Image.fromarray(np.array(IDS, dtype=np.uint8)).save(path, format=form)
    assert read_label_map(path, SPEC).tolist() == IDS
    assert read_label_map(str(path), SPEC).tolist() == IDS


@pytest.mark.parametrize("mode", ["I", "I;16", "I;16B"])
def test_wide_images_in_memory(mode):
    image = Image.new(mode, (2, 1))
    image.putpixel((1, 0), 2)
    assert read_label_map(image, SPEC).tolist() == [[0, 2]]


def test_grey_with_full_opacity(tmp_path):
    path = write_png(tmp_path / "la.png", [[0, 255, 2, 255]], kind=GREY_ALPHA)
    assert read_label_map(path, SPEC).tolist() == [[0, 2]]


def test_one_pixel():
    assert read_label_map([[2]], SPEC).tolist() == [[2]]


def test_the_source_is_left_alone():
    source = np.array(IDS, dtype=np.uint8)
    read_label_map(source, SPEC)[:] = 0
    assert source.tolist() == IDS


def test_random_maps_survive_every_way_in(tmp_path):
    """A few hundred random maps of the built-in lists, through arrays, grey, palette and colour files."""
    rng = np.random.default_rng(0)
    specs = [ClassSpec.load(name) for name in ("ade20k", "camvid", "coco-stuff")]
    path = tmp_path / "m.png"
    for round_ in range(300):
        spec = specs[round_ % 3]
        unique = [i for i, rgb in enumerate(spec.palette.tolist()) if spec.palette.tolist().count(rgb) == 1]
        ids = rng.choice([*unique, spec.ignore_index], size=rng.integers(1, 20, size=2))
        rows = ids.tolist()
        way = rng.integers(5)
        if way == 0:
            source = ids.astype(rng.choice(["u1", "i2", "i8"]))
        elif way == 1:
            source = write_png(path, rows, depth=int(rng.choice([8, 16])))
        elif way == 2:
            source = write_png(path, rows, kind=PALETTE, palette=rng.bytes(768))
        elif way == 3:
            source = write_png(path, colours(rows, spec), kind=RGB)
        else:
            source = Image.fromarray(as_rgb_array(rows, spec))
        result = read_label_map(source, spec)
        assert result.tolist() == rows, (round_, way)


# Values of a data set's own files.


def test_stored_values_become_ids_only_when_asked():
    assert read_label_map([[0, 1, 150]], ADE, stored=True).tolist() == [[255, 0, 149]]
    assert read_label_map([[0, 1, 149]], ADE).tolist() == [[0, 1, 149]]


def test_values_for_unknown_of_plain_id_data_sets_need_no_flag():
    assert read_label_map([[10, 11, 255]], ClassSpec.load("camvid")).tolist() == [[10, 255, 255]]
    assert read_label_map([[181, 182, 255]], ClassSpec.load("coco-stuff")).tolist() == [[181, 255, 255]]
    assert read_label_map([[0, 1, 33, 255]], ClassSpec.load("cityscapes")).tolist() == [[255, 1, 33, 255]]


def test_colours_do_not_depend_on_stored_values():
    wall, flag = ADE.classes[0].rgb, ADE.classes[149].rgb
    pixels = np.array([[wall, flag]], dtype=np.uint8)
    assert read_label_map(pixels, ADE, stored=True).tolist() == [[0, 149]]


# Resizing.


def test_size_is_reached_by_nearest_neighbour():
    rng = np.random.default_rng(3)
    ids = rng.integers(0, 150, size=(7, 5)).astype(np.uint8)
    for size in [(14, 10), (3, 2), (1, 1), (7, 9), (20, 3)]:
        expected = np.asarray(Image.fromarray(ids).resize(size[::-1], Image.Resampling.NEAREST))
        assert (read_label_map(ids, ADE, size=size) == expected).all(), size


def test_a_size_below_one_is_refused():
    with pytest.raises(ValueError, match="at least 1 px"):
        read_label_map(IDS, SPEC, size=(0, 4))


# Warnings: never silent where a choice was made.


def test_a_shared_colour_warns_with_both_names():
    pixels = np.full((2, 2, 3), 140, dtype=np.uint8)
    with pytest.warns(UserWarning, match="shared by road, skyscraper; it is read as road") as caught:
        result = read_label_map(pixels, ADE)
    assert result.tolist() == [[6, 6], [6, 6]]
    assert caught[0].filename == __file__


def test_no_warning_where_the_shared_colour_is_absent():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_label_map(np.array([[ADE.classes[0].rgb]], dtype=np.uint8), ADE)


def test_the_colour_of_unknown_wins_over_a_class():
    spec = ClassSpec.load("cityscapes")
    with pytest.warns(UserWarning, match="shared by unknown, unlabeled, ego vehicle"):
        assert read_label_map(np.zeros((1, 1, 3), dtype=np.uint8), spec).tolist() == [[255]]
