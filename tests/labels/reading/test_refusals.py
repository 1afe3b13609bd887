"""What is no label map is refused: one sentence each, naming where, what, how much and what to do."""

from __future__ import annotations

import io
import warnings

import numpy as np
import pytest
import torch
from PIL import Image

from dpsims_hub.labels import ClassSpec, LabelMapError, read_label_map
from tests.labels.png_files import RGBA, png_bytes, write_png
from tests.labels.three_classes import SPEC, as_rgb_array

ADE = ClassSpec.load("ade20k")


def read_or_refusal(source, spec) -> np.ndarray | str:
    """The map, or the sentence that refuses it; any other error is let through."""
    try:
        return read_label_map(source, spec)
    except LabelMapError as error:
        return str(error)


FUZZ_SHAPES = [
    (0,),
    (3,),
    (2, 3),
    (1, 4, 4),
    (4, 4, 1),
    (4, 4, 3),
    (3, 4, 4),
    (2, 2, 2, 2),
    (0, 4),
    (4, 0, 3),
]
FUZZ_TYPES = ["u1", "i1", "u2", "i4", "i8", "u8", "f4", "f8", "c8", "?", "M8[s]", "S3"]


def test_random_bytes_never_break_out_of_the_documented_errors():
    rng = np.random.default_rng(1)
    read = 0
    for _ in range(400):
        shape = FUZZ_SHAPES[rng.integers(len(FUZZ_SHAPES))]
        dtype = np.dtype(rng.choice(FUZZ_TYPES))
        array = np.frombuffer(rng.bytes(int(np.prod(shape)) * dtype.itemsize), dtype=dtype).reshape(shape)
        result = read_or_refusal(array, ADE)
        if isinstance(result, str):
            assert "\n" not in result
        else:
            assert result.ndim == 2
            assert ((result < 150) | (result == 255)).all()
            read += 1
    assert read > 10


def test_damaged_files_never_break_out_of_the_documented_errors(tmp_path):
    rng = np.random.default_rng(2)
    whole = png_bytes([[(x * y) % 150 for x in range(40)] for y in range(30)])
    path = tmp_path / "m.png"
    results = []
    for round_ in range(200):
        data = bytearray(whole[: rng.integers(1, len(whole))] if round_ % 2 else whole)
        for place in rng.integers(len(data), size=3):
            data[place] = rng.integers(256)
        path.write_bytes(data)
        results.append(read_or_refusal(path, ADE))
    refusals = [result for result in results if isinstance(result, str)]
    assert len(refusals) > 150
    assert all(text.startswith(f"{path}: ") and "\n" not in text for text in refusals)


WRONG_VALUES = [
    (SPEC, [[0, 3, 3, 1]], ["value 3 on 2 of 4 px", "N = 3", "ids 0..2", "class 4 of 3"]),
    (SPEC, [[1, 2, 3]], ["value 3 on 1 of 3 px", "id + 1", "subtract 1", "write 255"]),
    (SPEC, [[-1, 0]], ["value -1 on 1 of 2 px", "negative", "255 for unknown"]),
    (SPEC, [[9, 9, 8, 0]], ["value 9 on 2 of 4 px and 1 other such value", "add the missing classes"]),
    (SPEC, [[0, 65535]], ["value 65535", "often means unknown, but here unknown is 255"]),
    (SPEC, [[0, 2**40]], [f"value {2**40} on 1 of 2 px"]),
    (SPEC, [list(range(200))], ["value 3 on 1 of 200 px and 196 other", "photo or colours turned to grey"]),
    (ADE, [[0, 149, 150]], ["value 150", "data set's own files (id + 1)", "stored=True"]),
    (SPEC, [[90, 118, 16]], ["palette's colours turned to grey"]),
]


@pytest.mark.parametrize(("spec", "ids", "parts"), WRONG_VALUES, ids=[case[2][-1] for case in WRONG_VALUES])
def test_a_wrong_value_names_value_count_classes_and_cause(spec, ids, parts):
    with pytest.raises(LabelMapError) as caught:
        read_label_map(ids, spec, name="maps/a.png")
    for part in ["maps/a.png: ", *parts]:
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_greys_of_the_case_above_are_those_of_pillow():
    image = Image.fromarray(as_rgb_array([[0, 1, 2]])).convert("L")
    assert np.asarray(image).tolist() == [[90, 118, 16]]


def test_wrong_stored_values_name_the_stored_range():
    with pytest.raises(
        LabelMapError, match=r"value 151 on 1 of 2 px .*stored values 1\.\.150, 255 = unknown"
    ):
        read_label_map([[1, 151]], ADE, stored=True)


def test_unknown_colours_name_share_and_most_frequent():
    pixels = as_rgb_array([[0, 1, 2, 0]])
    pixels[0, 1:3] = (10, 20, 30)
    pixels[0, 3] = (1, 2, 3)
    with pytest.raises(
        LabelMapError,
        match=r"75\.0% of the pixels .* three \(2 such colours, most often \(10, 20, 30\) on 2 px\)",
    ):
        read_label_map(pixels, SPEC)


def test_an_id_map_saved_as_rgb_gets_its_own_hint():
    with pytest.raises(LabelMapError, match="it is grey, so it may be an id map saved as RGB"):
        read_label_map(np.repeat(np.array([[[1], [2]]], dtype=np.uint8), 3, axis=2), SPEC)


def test_a_photo_as_png_gets_its_own_hint():
    pixels = np.random.default_rng(4).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    with pytest.raises(LabelMapError, match="looks like a photo"):
        read_label_map(Image.fromarray(pixels), SPEC)


def test_half_transparent_pixels_are_refused(tmp_path):
    path = write_png(tmp_path / "t.png", [[128, 64, 128, 128, 128, 64, 128, 255]], kind=RGBA)
    with pytest.raises(LabelMapError, match=r"50\.0% of the pixels are half transparent"):
        read_label_map(path, SPEC)


BAD_SOURCES = [
    (np.zeros((2, 2)), "float64 values"),
    (torch.zeros(2, 2), "float32 values"),
    (torch.zeros(2, 2, dtype=torch.bfloat16), "bfloat16 values"),
    ([[0.0, 1.0]], "float64 values"),
    ([["road"]], "class ids are integers"),
    ([[None]], "not integers"),
    ([[2**70]], "not integers"),
    ([[0, 1], [0]], "different lengths"),
    ([], "is empty"),
    (np.zeros((0, 4), dtype=int), "is empty"),
    (np.zeros(4, dtype=int), "is not a map"),
    (np.zeros((), dtype=int), "is not a map"),
    (np.zeros((2, 4, 4), dtype=int), "not one map"),
    (np.zeros((4, 4, 2), dtype=int), "not one map"),
    (np.zeros((2, 3, 4, 4), dtype=int), "not one map"),
    (np.zeros((3, 4, 8), dtype=np.uint8), "colour channels first"),
    (np.zeros((4, 4, 3), dtype=np.int64), "colours must be uint8"),
    (np.zeros((1, 4097), dtype=np.uint8), "the limit is 4096 px"),
    (5, "cannot be read as a label map"),
    (None, "cannot be read as a label map"),
    ({"a": 1}, "cannot be read as a label map"),
    (Image.new("F", (2, 2)), "image mode F"),
    (Image.new("CMYK", (2, 2)), "image mode CMYK"),
    (Image.new("YCbCr", (2, 2)), "image mode YCbCr"),
    (Image.new("LA", (2, 2), (1, 7)), "greyscale map with transparency"),
    (Image.new("L", (0, 0)), "is empty"),
    (Image.new("1", (4097, 1)), "the limit is 4096 px"),
]


@pytest.mark.parametrize(
    ("source", "message"), BAD_SOURCES, ids=[f"{i}-{m}" for i, (_, m) in enumerate(BAD_SOURCES)]
)
def test_what_is_no_map_is_refused_in_one_sentence(source, message):
    with pytest.raises(LabelMapError) as caught:
        read_label_map(source, SPEC)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def file_cases(folder):
    """Bad files by name, each with a part of its message."""
    whole = png_bytes([[0, 1] * 50] * 50)
    photo = io.BytesIO()
    Image.new("RGB", (8, 8), (128, 64, 128)).save(photo, format="JPEG")
    webp = io.BytesIO()
    Image.new("RGB", (8, 8), (128, 64, 128)).save(webp, format="WEBP", lossless=True)
    cases = {
        "text.png": (b"not an image", "is not an image"),
        "empty.png": (b"", "is not an image"),
        "cut.png": (whole[: len(whole) - 40], "damaged or cut off"),
        "few rows.png": (png_bytes([[0, 1] * 50] * 49, size=(50, 100)), "holds fewer rows than its header"),
        "header.png": (whole[:20], "cannot be opened as an image"),
        "photo.jpg": (photo.getvalue(), "is a JPEG file, which changes ids"),
        "photo.png": (photo.getvalue(), "is a JPEG file"),
        "map.webp": (webp.getvalue(), "is a WEBP file"),
        "wide.png": (
            png_bytes([[0]], size=(10, 4097)),
            "4097 x 10 px (width x height); the limit is 4096 px",
        ),
        "big.png": (png_bytes([[0]], size=(9000, 11000)), "the limit is 4096 px"),
        "bomb.png": (png_bytes([[0]], size=(20000, 20000)), "above 4096 px"),
        "drawing.svg": (b"<svg/>", "is not an image"),
        "page.eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n", "is not an image"),
    }
    for name, (data, _) in cases.items():
        (folder / name).write_bytes(data)
    return cases


def test_bad_files_are_one_sentence_that_names_the_file(tmp_path):
    """The oversized files hold one pixel of data: decoding them could only say that they are cut off."""
    for name, (_, message) in file_cases(tmp_path).items():
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            result = read_or_refusal(tmp_path / name, SPEC)
        assert isinstance(result, str), name
        assert result.startswith(f"{tmp_path / name}: "), name
        assert message in result, (name, result)
        assert "\n" not in result


def test_folders_and_missing_files(tmp_path):
    with pytest.raises(LabelMapError, match="is a folder"):
        read_label_map(tmp_path, SPEC)
    for name in ("nothing.png", "a\0b.png", "n" * 5000):
        with pytest.raises(FileNotFoundError, match="no such file"):
            read_label_map(f"{tmp_path}/{name}", SPEC)


BLACK_AND_WHITE = {"classes": ["a", "b"], "stored": {"values": [0, 255]}}
CAUSES = [
    ([[0, 1, 3]], ["a", "b", "c"], '"stored": {"offset": 1, "ignore_values": [0]} into the classes.json'),
    ([[1, 2, 3]], ["a", "b", "c"], 'or write "stored": {"offset": 1, "ignore_values": [0]}'),
    ([[0, 257, 514]], ["a", "b", "c"], 'ids times 257, .* or write "stored": {"values": [0, 257, 514]} into'),
    ([[0, 257, 65535]], ["a", "b"], 'ids times 257, .* {"values": [0, 257], "ignore_values": [65535]} into'),
    ([[0, 43 << 8 | 1, 3 << 8]], [f"c{n}" for n in range(300)], "two bytes of each number exchanged all are"),
    ([[0, 127, 254]], ["a", "b", "c"], 'ids times 127, .* or write "stored": {"values": [0, 127, 254]} into'),
    ([[0, 256, 512]], ["a", "b", "c"], "look like class*256+n"),
    ([[0, 65535]], ["a", "b"], 'so write "stored": {"offset": 0, "ignore_values": [65535]} into'),
    ([[0, 255, 1]], BLACK_AND_WHITE, "this file has 1 for it: write 255"),
]


@pytest.mark.parametrize(("numbers", "classes", "words"), CAUSES, ids=[words for *_, words in CAUSES])
def test_the_cause_of_stored_values_says_the_rule(numbers, classes, words):
    with pytest.raises(LabelMapError) as caught:
        read_label_map(np.array(numbers), ClassSpec.from_dict(classes), stored=True)
    for part in words.split(".*"):
        assert part.strip() in str(caught.value)


def test_red_and_blue_exchanged_are_named():
    colours = as_rgb_array([[0, 1], [2, 2]])[..., ::-1]
    with pytest.raises(LabelMapError, match="with red and blue exchanged all are, as OpenCV writes"):
        read_label_map(np.ascontiguousarray(colours), SPEC)


def test_red_and_blue_exchanged_are_named_beside_transparent_pixels():
    spec = ClassSpec.load("camvid")
    colours = np.dstack([spec.palette[:6, ::-1].reshape(2, 3, 3), np.full((2, 3), 255, np.uint8)])
    colours[0, 0, 3] = 0
    with pytest.raises(LabelMapError, match="with red and blue exchanged all are"):
        read_label_map(colours, spec)


def test_ids_of_many_classes_that_are_coded_are_not_taken_for_exchanged_bytes():
    spec = ClassSpec.from_dict([f"c{number}" for number in range(300)])
    with pytest.raises(LabelMapError, match=r"look like class\*256\+n"):
        read_label_map(np.array([[0, 43 << 8 | 7]]), spec, stored=True)  # 7 << 8 | 43 is no class


def test_masked_rows_and_tensors_that_are_no_grid_are_refused():
    rows = [np.ma.array([0, 1], mask=[False, True]), np.ma.array([1, 0], mask=[False, False])]
    with pytest.raises(LabelMapError, match="is a masked array"):
        read_label_map(rows, ClassSpec.from_dict({"name": "two", "classes": ["a", "b"]}))
    for tensor in (torch.nested.nested_tensor([torch.tensor([1, 0])]), torch.empty(2, 2, dtype=torch.bits8)):
        with pytest.raises(LabelMapError, match="is no plain tensor"):
            read_label_map(tensor, ClassSpec.from_dict({"name": "two", "classes": ["a", "b"]}))
