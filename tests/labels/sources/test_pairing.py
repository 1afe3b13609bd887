"""Names as tools write them, and files that were never fetched."""

from __future__ import annotations

import json
import os
import re
import unicodedata

import pytest

from dpsims_hub.labels import ClassSpec, ClassSpecError, FolderDataset, LabelMapError
from dpsims_hub.labels.sources.data_source import DataSource
from dpsims_hub.labels.sources.layouts import list_pairs
from dpsims_hub.labels.sources.rows import decode_row
from tests.labels.image_writers import bmp_bytes, tiff_bytes
from tests.labels.pair_folders import GREY_PALETTE, label_rows, make_pairs, photo_of
from tests.labels.png_files import png_bytes

GREY_BGR0 = b"".join(GREY_PALETTE[at : at + 3] + b"\0" for at in range(0, 768, 3))


def rename(root, make):
    for path in sorted((root / "labels").iterdir()):
        path.rename(path.with_name(make(path.stem)))
    return root


@pytest.mark.parametrize(
    "name",
    [
        *("{}_mask.png", "{}-label.png", "{}_seg.png", "{}_gtFine_labelIds.png", "{}_L.png"),
        *("{}.jpg.png", "{}_mask.PNG", "{}_masks.png"),
    ],
)
def test_what_tools_put_behind_the_stem(tmp_path, name):
    data = FolderDataset(rename(make_pairs(tmp_path, 3), name.format))
    assert [data[number].stem for number in range(3)] == ["p000", "p001", "p002"]
    assert data[1].label_map.tolist() == label_rows(1)


def test_an_ending_that_only_some_maps_have_is_refused_by_name(tmp_path):
    root = make_pairs(tmp_path, 2)
    (root / "labels" / "p000.png").rename(root / "labels" / "p000_mask.png")
    (root / "labels" / "p001.png").rename(root / "labels" / "p001_colour.png")
    words = r"labels/p000_mask\.png seems to be the map of images/p000\.png, .* ends so: rename it p000\.png"
    with pytest.raises(ValueError, match=words):
        FolderDataset(root)


def test_one_map_with_an_ending_among_plain_ones_is_named(tmp_path):
    root = make_pairs(tmp_path, 3)
    (root / "labels" / "p002.png").rename(root / "labels" / "p002_mask.png")
    with pytest.raises(ValueError, match=r"labels/p002_mask\.png seems to be the map of images/p002\.png"):
        FolderDataset(root)


def maps_of_a_tool(root):
    """Beside each photo's ids the same map in colours and for people, as Cityscapes' tools write them."""
    for path in sorted((root / "labels").iterdir()):
        for ending in ("color", "labelTrainIds"):
            (root / "labels" / f"{path.stem}_{ending}.png").write_bytes(png_bytes([[7]]))
        path.rename(path.with_name(f"{path.stem}_labelIds.png"))
    return root


def test_the_suffix_says_which_maps_count(tmp_path):
    root = maps_of_a_tool(make_pairs(tmp_path, 3))
    with pytest.raises(ValueError, match=r"which maps count: --label_suffix _labelIds or _color\."):
        FolderDataset(root)
    data = FolderDataset(root, label_suffix="_labelIds")
    assert [data[number].label_map.tolist() for number in range(3)] == [label_rows(n) for n in range(3)]
    assert [data[number].stem for number in range(3)] == ["p000", "p001", "p002"]
    derived = list_pairs(root, label_suffix="_labelTrainIds")
    assert [pair.label for pair in derived.pairs] == [f"labels/p00{n}_labelTrainIds.png" for n in range(3)]


def test_one_mask_for_each_class_is_to_be_combined(tmp_path):
    root = make_pairs(tmp_path, 2)
    for path in sorted((root / "labels").iterdir()):
        (root / "labels" / f"{path.stem}_sky.png").write_bytes(png_bytes([[255]]))
        path.rename(path.with_name(f"{path.stem}_road.png"))
    sentence = r"p000_road\.png, labels/p000_sky\.png\), combine them into one map of ids; else say which"
    with pytest.raises(ValueError, match=sentence):
        FolderDataset(root)


def test_maps_beside_those_that_pair(tmp_path):
    root = make_pairs(tmp_path, 2)
    for number in range(2):
        (root / "labels" / f"p00{number}_color.png").write_bytes(png_bytes([[7]]))
    with pytest.raises(
        ValueError, match=r"; move labels/p000_color\.png and similar files elsewhere, or give"
    ):
        FolderDataset(root)
    assert len(FolderDataset(root, label_suffix="_color")) == 2


def test_a_suffix_that_no_map_has_is_refused_by_its_name(tmp_path):
    with pytest.raises(ValueError, match=r"2 photo\(s\) without labels/STEM_mask\.png \(images/p000\.png, "):
        FolderDataset(make_pairs(tmp_path, 2), label_suffix="_mask")


def test_a_suffix_that_is_none_of_the_known_is_named(tmp_path):
    """As a shell takes it, and `argparse` where it begins with a dash."""
    for number, (suffix, words) in enumerate([(" (map 1)", " ' (map 1)'"), ("-dense", "=-dense")]):
        root = rename(make_pairs(tmp_path / str(number), 2), f"{{}}{suffix}.png".format)
        with pytest.raises(ValueError, match="if labels/p000") as caught:
            FolderDataset(root)
        assert f" of images/p000.png, give --label_suffix{words}." in str(caught.value)
        assert len(FolderDataset(root, label_suffix=suffix)) == 2


@pytest.mark.parametrize("suffix", ["_mask.png", "labels/_mask", "_a.TIF"])
def test_what_is_no_suffix(tmp_path, suffix):
    with pytest.raises(ValueError, match="--label_suffix: .* must be what stands between"):
        list_pairs(make_pairs(tmp_path, 1), label_suffix=suffix)


def test_rows_have_columns_and_no_suffix():
    with pytest.raises(ValueError, match="shards: --label_suffix is of a folder's files"):
        DataSource(name="shards", label_suffix="_mask").open()


def test_object_numbers_under_the_name_of_their_tool(tmp_path):
    root = make_pairs(tmp_path, 2, instances=True)
    for path in sorted((root / "instances").iterdir()):
        path.rename(path.with_name(f"{path.stem}_instanceIds.png"))
    assert FolderDataset(root)[1].instance_ids is not None


@pytest.mark.parametrize("count", [1, 3])
def test_upper_and_lower_case_are_named(tmp_path, count):
    root = make_pairs(tmp_path, count)
    (root / "labels" / "p000.png").rename(root / "labels" / "P000.PNG")
    with pytest.raises(ValueError, match=r"images/p000\.png and labels/P000\.PNG differ in upper and lower"):
        FolderDataset(root)


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("p000 .png", "in spaces or dots at an end"),
        ("p000..png", "in spaces or dots at an end"),
        ("p0.png", "in zeros before a number"),
        ("P-000.png", "in signs between letters"),
    ],
)
def test_nearly_equal_stems_are_named(tmp_path, name, how):
    root = make_pairs(tmp_path, 2)
    (root / "labels" / "p000.png").rename(root / "labels" / name)
    sentence = f"images/p000.png and labels/{name} differ {how}: name them alike"
    with pytest.raises(ValueError, match=re.escape(sentence)):
        FolderDataset(root)


def test_numbers_that_differ_are_not_nearly_equal(tmp_path):
    root = make_pairs(tmp_path, 2)
    (root / "labels" / "p000.png").rename(root / "labels" / "p100.png")
    assert "differ" not in list_pairs(root).hint


@pytest.mark.parametrize(
    ("folder", "name"), [("images", "p000.tif"), ("images", "p000.HEIC"), ("labels", "p000.npy")]
)
def test_a_partner_of_another_kind_is_named(tmp_path, folder, name):
    root = make_pairs(tmp_path, 2)
    (root / folder / "p000.png").rename(root / folder / name)
    what = {"images": "photos are .jpg, .jpeg, .png, .webp", "labels": "label maps are .png, .tif"}[folder]
    with pytest.raises(ValueError, match=re.escape(f"{folder}/ holds {name}, and {what}")):
        FolderDataset(root)


def test_names_that_are_no_utf_8_are_refused_in_signs_that_can_be_printed(tmp_path):
    root = make_pairs(tmp_path, 2)
    for folder in ("images", "labels"):
        os.rename(root / folder / "p000.png", os.fsencode(root / folder) + b"/caf\xe9.png")
    with pytest.raises(
        ValueError, match=r"2 file\(s\) whose name is not UTF-8 \(images/caf\\udce9\.png, "
    ) as caught:
        FolderDataset(root)
    str(caught.value).encode()


def test_photos_in_folders_below_are_not_left_out_in_silence(tmp_path):
    root = make_pairs(tmp_path, 3)
    (root / "images" / "more").mkdir()
    (root / "images" / "empty").mkdir()
    photo_of(root, "p000").rename(root / "images" / "more" / "p000.png")
    (root / "labels" / "p000.png").unlink()
    words = r"1 folder\(s\) inside images/ with photos, which are not read \(images/more\)"
    with pytest.raises(ValueError, match=words):
        FolderDataset(root)


def test_a_file_in_place_of_the_folder_is_called_a_file(tmp_path):
    (tmp_path / "data.zip").write_bytes(b"PK")
    with pytest.raises(ValueError, match=r"data\.zip: is a file, not a folder .*; unpack an archive"):
        list_pairs(tmp_path / "data.zip")
    with pytest.raises(FileNotFoundError, match=r"has no images/ folder; unpack data\.zip\."):
        list_pairs(tmp_path)


@pytest.mark.parametrize("name", ["images", "labels"])
def test_one_of_the_two_folders_is_not_enough(tmp_path, name):
    root = make_pairs(tmp_path, 1)
    with pytest.raises(FileNotFoundError) as caught:
        list_pairs(root / name)
    assert str(caught.value).endswith(f"; give the folder above, {root}.")


def test_a_class_list_of_another_name_is_shown(tmp_path):
    root = make_pairs(tmp_path, 1)
    (root / "classes.json").unlink()
    (root / "classes.txt").write_text("a\nb\nc\n")
    with pytest.raises(
        FileNotFoundError, match=r"or name a built-in class list or .*/classes\.txt with --classes\."
    ):
        FolderDataset(root)


@pytest.mark.parametrize("folder", ["images", "labels"])
def test_pipes_are_refused_before_anybody_waits_for_them(tmp_path, folder):
    root = make_pairs(tmp_path, 1)
    path = root / folder / "p000.png"
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(LabelMapError, match=r"p000\.png: is a pipe, socket or device"):
        FolderDataset(root)[0]


def test_names_that_have_nothing_in_common_are_shown(tmp_path):
    root = make_pairs(tmp_path, 1)
    (root / "labels" / "p000.png").rename(root / "labels" / "q.png")
    with pytest.raises(ValueError, match=r"here are images/p000\.png and labels/q\.png: rename the maps"):
        FolderDataset(root)


def test_equal_stems_win_over_endings(tmp_path):
    """A photo may itself be called a_mask."""
    root = make_pairs(tmp_path, 1)
    photo_of(root, "p000").rename(root / "images" / "p000_mask.png")
    (root / "labels" / "p000.png").rename(root / "labels" / "p000_mask.png")
    assert FolderDataset(root)[0].stem == "p000_mask"


@pytest.mark.parametrize(("photo", "label"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_unicode_forms_pair(tmp_path, photo, label):
    root, name = make_pairs(tmp_path, 1), "Stra\u00dfe f\u00fcr \u00c5ngstr\u00f6m"
    photo_of(root, "p000").rename(root / "images" / f"{unicodedata.normalize(photo, name)}.png")
    (root / "labels" / "p000.png").rename(root / "labels" / f"{unicodedata.normalize(label, name)}.png")
    data = FolderDataset(root)
    assert data[0].stem == unicodedata.normalize("NFC", name)
    assert data[0].label_map.tolist() == label_rows(0)


def test_two_forms_of_one_name_are_two_photos_of_one_stem(tmp_path):
    root = make_pairs(tmp_path, 1)
    content = photo_of(root, "p000").read_bytes()
    (root / "labels" / "p000.png").rename(root / "labels" / "\u00e5.png")
    photo_of(root, "p000").unlink()
    (root / "images" / "\u00e5.png").write_bytes(content)
    (root / "images" / "a\u030a.png").write_bytes(content)
    assert list(list_pairs(root).unpaired) == ["photo(s) whose stem another photo has"]


def test_instance_maps_are_unpaired_as_label_maps_are(tmp_path):
    root = make_pairs(tmp_path, 1, instances=True)
    content = (root / "instances" / "p000.png").read_bytes()
    (root / "instances" / "p000.tif").write_bytes(content)
    (root / "instances" / "zzz.png").write_bytes(content)
    assert list_pairs(root).unpaired == {
        "instance map(s) without photo and label map": ["instances/zzz.png"],
        "instance map(s) whose stem another map has": ["instances/p000.tif"],
    }


@pytest.mark.parametrize("suffix", [".tif", ".tiff", ".TIF", ".bmp"])
def test_maps_of_other_endings(tmp_path, suffix):
    root, rows = make_pairs(tmp_path, 1), label_rows(0)
    (root / "labels" / "p000.png").unlink()
    content = bmp_bytes(rows, 8, GREY_BGR0) if suffix == ".bmp" else tiff_bytes(rows)
    (root / "labels" / f"p000{suffix}").write_bytes(content)
    assert FolderDataset(root)[0].label_map.tolist() == rows


def test_maps_of_an_ending_that_is_none_are_named(tmp_path):
    root = rename(make_pairs(tmp_path, 2), "{}.json".format)
    with pytest.raises(ValueError, match=r"labels/ holds p000\.json, and label maps are \.png, \.tif"):
        FolderDataset(root)


@pytest.mark.parametrize(
    ("photos", "maps"), [("JPEGImages", "SegmentationClass"), ("img", "masks_machine"), ("images", "masks")]
)
def test_other_folders_are_named(tmp_path, photos, maps):
    root = make_pairs(tmp_path, 1)
    (root / "images").rename(root / photos)
    (root / "labels").rename(root / maps)
    with pytest.raises(FileNotFoundError) as caught:
        FolderDataset(root)
    assert f"{maps}/ to labels/" in str(caught.value)
    assert (f"{photos}/ to images/" in str(caught.value)) == (photos != "images")


@pytest.mark.parametrize("split", [None, "val"])
@pytest.mark.parametrize("place", [".", "annotations"])
def test_cocos_panoptic_folders_are_named(tmp_path, place, split):
    """With the call that makes pairs of them."""
    annotations, maps = tmp_path / place / "panoptic_val2017.json", tmp_path / place / "panoptic_val2017"
    maps.mkdir(parents=True)
    annotations.write_text("{}")
    (tmp_path / "val2017").mkdir()
    with pytest.raises(FileNotFoundError) as caught:
        list_pairs(tmp_path, split)
    assert f'write_panoptic_maps("{annotations}", "{maps}", FOLDER)' in str(caught.value)
    assert "\n" not in str(caught.value)


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"
NOT_FETCHED = [
    (b"", "empty (0 bytes)"),
    (LFS, "a pointer of Git LFS; fetch the file with `git lfs pull`"),
    (b"/annex/objects/SHA256E-s5--a.png\n", "a pointer of git-annex"),
    (b"\n<!DOCTYPE html><html><body>Sign in</body></html>", "a web page"),
    (b"8BPS\0\1" + bytes(40), "a file of Photoshop; convert it to a PNG or JPEG"),
    (b"gimp xcf v011\0", "a file of GIMP; convert"),
    (b"\x76\x2f\x31\x01" + bytes(40), "an OpenEXR of numbers with a point; convert"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file; convert"),
    (b"MATLAB 5.0 MAT-file", "a file of MATLAB; convert"),
    (b"\x5c\x01\0\0" + bytes(344), "a NIfTI volume; convert"),
    (b"#?RADIANCE\n", "a Radiance picture"),
]


@pytest.mark.parametrize(("content", "words"), NOT_FETCHED)
def test_files_that_were_never_fetched(tmp_path, content, words):
    root = make_pairs(tmp_path, 1)
    for folder in ("images", "labels"):
        path = photo_of(root, "p000") if folder == "images" else root / folder / "p000.png"
        whole = path.read_bytes()
        path.write_bytes(content)
        with pytest.raises(LabelMapError) as caught:
            FolderDataset(root)[0]
        assert str(caught.value).startswith(f"{path}: is not an image but {words}")
        path.write_bytes(whole)
    row = {"image": {"bytes": content, "path": "a.png"}, "label": {"bytes": png_bytes([[0]]), "path": ""}}
    with pytest.raises(LabelMapError) as caught:
        decode_row(row, ClassSpec.from_dict({"classes": ["a"]}))
    assert f"is not an image but {words}" in str(caught.value)
    (root / "classes.json").write_bytes(content)
    with pytest.raises(ClassSpecError) as caught:
        FolderDataset(root)
    assert f"is not valid JSON but {words}" in str(caught.value)


def test_other_text_is_only_no_image(tmp_path):
    root = make_pairs(tmp_path, 1)
    (root / "labels" / "p000.png").write_text(json.dumps({"version": 1}))
    with pytest.raises(LabelMapError, match="is not an image; give a PNG"):
        FolderDataset(root)[0]
