from __future__ import annotations

import datasets
import pytest

from dpsims_hub.labels import ClassSpec, LabelMapError
from dpsims_hub.labels.sources.rows import Columns, decode_row, pair_rows, row_name
from tests.labels.png_files import RGB, png_bytes
from tests.labels.row_data import CLASSES, instance_bytes, label_bytes, label_rows, photo_bytes, rows

SPEC = ClassSpec.from_dict(CLASSES)


def row(number=0, **cells):
    return rows(1, first=number)[0] | cells


def cell(data, path=None):
    return {"bytes": data, "path": path}


@pytest.mark.parametrize("number", [0, 1, 2])
def test_palette_and_16_bit_maps_keep_their_ids(number):
    sample = decode_row(row(number), SPEC)
    assert sample.label_map.tolist() == label_rows(number)
    assert sample.stem == f"00{number}"
    assert sample.image.mode == "RGB"
    assert sample.instance_ids is None


def test_object_numbers_keep_16_bits():
    sample = decode_row(row(instances=cell(instance_bytes(5))), SPEC)
    assert sample.instance_ids.tolist() == [[26005] * 6] * 4


def test_the_stored_value_rule_applies():
    spec = ClassSpec.from_dict({"classes": ["road", "sky"], "stored": {"offset": 1, "ignore_values": [0]}})
    expected = [[{0: 255, 1: 0, 2: 1}[value] for value in line] for line in label_rows(0)]
    assert decode_row(row(), spec).label_map.tolist() == expected


def test_images_without_bytes_are_read_from_their_path(tmp_path):
    for name, data in (("photo.png", photo_bytes(1)), ("map.png", label_bytes(1))):
        (tmp_path / name).write_bytes(data)
    image, label = (cell(None, str(tmp_path / name)) for name in ("photo.png", "map.png"))
    sample = decode_row({"image": image, "label": label}, SPEC)
    assert (sample.stem, sample.label_map.tolist()) == ("photo", label_rows(1))
    (tmp_path / "map.png").unlink()
    with pytest.raises(LabelMapError, match=r"map\.png \(label\): cannot be read \(FileNotFoundError\)"):
        decode_row({"image": image, "label": label}, SPEC)


FAULTS = {
    "cut off": ({"image": cell(photo_bytes(0)[:45], "a.png")}, r"^row 7, a\.png: is damaged or cut off"),
    "no image": ({"label": cell(b"nothing", "a.png")}, r"^row 7, a\.png \(label\): is not an image"),
    "empty bytes": ({"label": cell(b"")}, r"^row 7 \(label\): is not an image"),
    "no cell": ({"image": None}, r"^row 7: the row has nothing in the column 'image'"),
    "no bytes": ({"label": cell(None)}, r"^row 7 \(label\): the row has nothing in the column 'label'"),
    "wrong id": (
        {"label": cell(png_bytes([[0, 0, 0, 0, 9, 9]] * 4), "m.png")},
        r"^row 7, m\.png \(label\): value 9 on 8 of 24 px",
    ),
    "sizes": ({"label": cell(png_bytes([[0] * 5] * 4))}, r"^row 7, 000\.png: the photo is 6 x 4 px .* 5 x 4"),
    "object sizes": (
        {"instances": cell(png_bytes([[0] * 6] * 5))},
        r"^row 7, 000\.png: .* instance map 6 x 5",
    ),
    "coloured objects": (
        {"instances": cell(png_bytes([[0] * 18] * 4, kind=RGB))},
        r"^row 7 \(instances\): object numbers must be",
    ),
    "huge": (
        {"image": cell(png_bytes([[0] * 18], kind=RGB, size=(9000, 9000)))},
        "^row 7: is 9000 x 9000 px",
    ),
    "bomb": ({"image": cell(png_bytes([[0]], size=(90000, 90000)))}, "^row 7: has a side above 4096 px"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_row_is_one_sentence_that_begins_with_its_name(fault):
    cells, message = FAULTS[fault]
    with pytest.raises(LabelMapError, match=message) as caught:
        decode_row(row(**cells), SPEC, where="row 7")
    assert "\n" not in str(caught.value)


def test_names_of_rows():
    assert row_name(row(3), "row 9") == "row 9, 003.png"
    assert row_name(row(3)) == "003.png"
    assert row_name({"image": cell(b"x")}, "row 9") == "row 9"
    assert row_name({"image": cell(b"x")}) == "a row without a path"


def table(columns, count=3):
    features = datasets.Features({column: datasets.Image() for column in columns})
    return datasets.Dataset.from_list(rows(count, columns), features=features)


def both(data):
    return [data, data.to_iterable_dataset()]


@pytest.mark.parametrize(
    ("names", "columns"),
    [
        (("image", "label"), Columns()),
        (("photo", "mask"), Columns("photo", "mask")),
        (("image.png", "label.png"), Columns()),
        (("image.jpg", "label.png", "instances.png"), Columns()),
        (("label", "image"), Columns("label", "image")),  # swapped
        (("image", "label", "instances"), Columns()),
        (("a", "b", "c"), Columns("a", "b", "c")),
    ],
)
def test_columns_are_found_and_bytes_stay_as_they_were(names, columns):
    for data in both(table(names)):
        found = list(pair_rows(data, columns, "data"))
        roles = ("image", "label", "instances")[: len(names)]
        assert found == rows(3, roles)


def test_raw_bytes_are_images_too():
    cells = [{"image": photo_bytes(i), "label": label_bytes(i), "caption": "x"} for i in range(3)]
    kinds = {"image": "binary", "label": "binary", "caption": "string"}
    features = datasets.Features({name: datasets.Value(kind) for name, kind in kinds.items()})
    for data in both(datasets.Dataset.from_list(cells, features=features)):
        found = list(pair_rows(data, Columns(), "data"))
        assert [row["image"]["bytes"] for row in found] == [photo_bytes(i) for i in range(3)]
        assert decode_row(found[2], SPEC).label_map.tolist() == label_rows(2)


def test_streams_of_unknown_columns():
    data = datasets.IterableDataset.from_generator(rows, gen_kwargs={"count": 2})
    assert data.features is None
    assert list(pair_rows(data, Columns(), "data")) == rows(2)


REFUSED = {
    "missing": (
        ("image", "annotation"),
        Columns(),
        r"data: has no column 'label'; its columns are image, annotation; .* --label_column annotation",
    ),
    "ambiguous": (("image.png", "image.jpg", "label"), Columns(), "has no column 'image'.* --image_column"),
    "asked for": (
        ("image", "label"),
        Columns(instances="objects"),
        "no column 'objects'.* --instance_column",
    ),
    "twice": (("image", "label"), Columns("label"), "column 'label' is named twice"),
    "photos twice": (("a", "b"), Columns("a", "b", "a"), "column 'a' is named twice"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_columns_that_cannot_be_told_are_refused(case):
    names, columns, message = REFUSED[case]
    for data in both(table(names)):
        with pytest.raises(ValueError, match=message) as caught:
            pair_rows(data, columns, "data")
        assert "\n" not in str(caught.value)


def test_a_column_of_numbers_is_refused():
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["a", "b"])})
    cells = [{"image": row()["image"], "label": 1}]
    for data in both(datasets.Dataset.from_list(cells, features=features)):
        with pytest.raises(ValueError, match="column 'label' holds int64 values, not images"):
            pair_rows(data, Columns(), "data")
