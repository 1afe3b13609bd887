"""GeoTIFFs say which value means "no data"; it trains no class."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from dpsims_hub.labels import ClassSpec, LabelMapError, read_label_map

SPEC = ClassSpec.from_dict(["road", "sky", "car"])
STORED = ClassSpec.from_dict({"classes": ["road", "sky"], "stored": {"offset": 1, "ignore_values": [0]}})
IDS = np.array([[0, 1], [2, 255]], np.uint8)


def geotiff(path, rows, note):
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[42113] = note
    Image.fromarray(rows).save(path, tiffinfo=tags)
    return path


@pytest.mark.parametrize("note", ["0", "0.0", " 0 ", "0e0", "0\0\0"])
def test_a_class_is_not_no_data(tmp_path, note):
    path = geotiff(tmp_path / "a.tif", IDS, note)
    with pytest.raises(LabelMapError) as caught:
        read_label_map(path, SPEC)
    assert str(caught.value) == (
        f"{path}: says that 0 means no data (GDAL_NODATA), and 0 is road here; write 255 where nothing is "
        "known, or take the note away (gdal_edit.py -unsetnodata)."
    )


@pytest.mark.parametrize("note", ["255", "7", "-9999", "nan", "-3.4e38", "0.5", ""])
def test_unknown_and_absent_values_may_be_no_data(tmp_path, note):
    assert read_label_map(geotiff(tmp_path / "a.tif", IDS, note), SPEC).tolist() == IDS.tolist()


def test_a_stored_value_that_means_unknown_may_be_no_data(tmp_path):
    path = geotiff(tmp_path / "a.tif", IDS[:, :1], "0")
    assert read_label_map(path, STORED, stored=True).tolist() == [[255], [1]]
    with pytest.raises(LabelMapError, match=r"\b2 means no data .* 2 is sky here"):
        read_label_map(geotiff(tmp_path / "b.tif", IDS[:, :1], "2"), STORED, stored=True)


def test_a_copy_in_memory_has_no_such_note(tmp_path):
    with Image.open(geotiff(tmp_path / "a.tif", IDS, "0")) as image:
        assert read_label_map(image.copy(), SPEC).tolist() == IDS.tolist()
