"""Folders as tools export them: what is missing is said with what lies there."""

from __future__ import annotations

import pytest

from dpsims_hub.labels.sources.layouts import list_pairs

CASES = {
    "VOC": (
        ["JPEGImages/1.jpg", "SegmentationClass/1.png", "SegmentationObject/1.png"],
        "",
        "rename JPEGImages/ to images/ and SegmentationClass/ to labels/.",
    ),
    "CVAT with subsets": (
        ["JPEGImages/default/1.jpg", "SegmentationClass/default/1.png"],
        "",
        "rename JPEGImages/ to images/ and SegmentationClass/ to labels/.",
    ),
    "other letter case": (
        ["Images/1.jpg", "Labels/1.png"],
        "",
        "rename Images/ to images/ and Labels/ to labels/.",
    ),
    "nnU-Net": (
        ["imagesTr/1.png", "labelsTr/1.png", "dataset.json"],
        "",
        "rename imagesTr/ to images/ and labelsTr/ to labels/.",
    ),
    "LoveDA": (
        ["Train/Rural/images_png/1.png", "Train/Rural/masks_png/1.png"],
        "Train/Rural",
        "rename images_png/ to images/ and masks_png/ to labels/.",
    ),
    "KITTI": (
        ["training/image_2/1.png", "training/semantic/1.png"],
        "",
        "give the folder below, {}/training.",
    ),
    "Supervisely": (
        ["ds/img/1.jpg", "ds/masks_machine/1.png", "meta.json"],
        "",
        "give the folder below, {}/ds.",
    ),
    "Supervisely without masks": (
        ["ds/img/1.jpg", "ds/ann/1.jpg.json", "meta.json"],
        "",
        "meta.json holds annotations and is no label map: export masks as PNG with its tool.",
    ),
    "COCO": (
        ["train2017/1.jpg", "annotations/instances_train2017.json"],
        "",
        "annotations/instances_train2017.json holds annotations and is no label map: export masks",
    ),
    "COCO with images": (
        ["images/1.jpg", "annotations/instances.json"],
        "",
        "has no labels/ folder; annotations/instances.json holds annotations",
    ),
    "Labelbox": (["images/1.jpg", "export.ndjson"], "", "export.ndjson holds annotations"),
    "Roboflow": (
        ["train/1.jpg", "train/1_mask.png", "train/_classes.csv"],
        "train",
        "photos lie in it directly: move them into images/ below it, and the label maps into labels/.",
    ),
    "others": (
        ["Colour/1.jpg", "Ids/1.png", "classes.json"],
        "",
        "has no images/ folder; here are Colour/, Ids/.",
    ),
    "an archive": (["JPEGImages.zip", "Notes/a.txt"], "", "unpack JPEGImages.zip."),
}


@pytest.mark.parametrize(("files", "below", "words"), CASES.values(), ids=CASES)
def test_what_lies_there_is_named(tmp_path, files, below, words):
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"1")
    with pytest.raises(FileNotFoundError) as caught:
        list_pairs(tmp_path / below)
    assert words.format(tmp_path) in str(caught.value)
    assert str(caught.value).count(";") == 1


def city(root, ending):
    for path in ("leftImg8bit/train/a/a_1_leftImg8bit.png", f"gtFine/train/a/a_1{ending}.png"):
        (root / path).parent.mkdir(parents=True)
        (root / path).write_bytes(b"1")
    return root


@pytest.mark.parametrize("ending", ["_gtFine_labelids", "_gtFine_color"])  # the first is IDD's
def test_other_maps_of_cities_are_named_with_the_flag_that_takes_them(tmp_path, ending):
    listing = list_pairs(city(tmp_path, ending), "train")
    assert listing.hint == (
        f"there is gtFine/train/a/a_1{ending}.png; give --label_suffix {ending}, and a classes.json if its "
        "ids are not Cityscapes' labelIds"
    )
    assert [pair.stem for pair in list_pairs(tmp_path, "train", ending).pairs] == ["a_1"]


def test_train_ids_of_cities_are_neither_named_nor_taken_for_label_ids(tmp_path):
    city(tmp_path, "_gtFine_labelTrainIds")
    assert list_pairs(tmp_path, "train").hint == ""
    with pytest.raises(
        ValueError, match="labelTrainIds hold numbers of 19 classes, and the list has 34; take"
    ):
        list_pairs(tmp_path, "train", "_gtFine_labelTrainIds")


def test_train_ids_in_a_folder_with_a_list_of_their_own_are_taken(tmp_path):
    for path in ("images/a.png", "labels/a_gtFine_labelTrainIds.png", "labels/a_gtFine_labelIds.png"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(b"1")
    listing = list_pairs(tmp_path, None, "_gtFine_labelTrainIds")
    assert [pair.label for pair in listing.pairs] == ["labels/a_gtFine_labelTrainIds.png"]
