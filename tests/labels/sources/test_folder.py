from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dpsims_hub.labels import ClassSpec, ClassSpecError, FolderDataset, LabelMapError
from tests.labels.png_files import RGB, write_png

SHARED = Path(__file__).parents[3].parent / "shared" / "data"
CLASSES = ["road", "sky", "car"]


def photo_rows(height, width, shift=0):
    return [[(40 * y + 11 * x + shift) % 256 for x in range(3 * width)] for y in range(height)]


def make_folder(root, stems=("b", "a", "c"), size=(4, 6), classes=CLASSES):
    for number, stem in enumerate(stems):
        write_png(root / "images" / f"{stem}.png", photo_rows(*size, number), kind=RGB)
        rows = [[(x + y + number) % 3 for x in range(size[1])] for y in range(size[0])]
        write_png(root / "labels" / f"{stem}.png", rows)
    if classes is not None:
        (root / "classes.json").write_text(json.dumps(classes))
    return root


def test_pairs_come_sorted_by_stem_and_exact(tmp_path):
    dataset = FolderDataset(make_folder(tmp_path))
    assert len(dataset) == 3
    assert [sample.stem for sample in dataset] == ["a", "b", "c"]
    sample = dataset[1]  # "b" was written first, with shift 0
    assert sample.image.mode == "RGB"
    assert np.asarray(sample.image).reshape(4, 18).tolist() == photo_rows(4, 6)
    assert sample.label_map.tolist() == [[(x + y) % 3 for x in range(6)] for y in range(4)]
    assert sample.label_map.dtype == np.uint8
    assert sample.instance_ids is None
    assert not dataset.has_instances


@pytest.mark.parametrize("suffix", ["jpg", "jpeg", "JPG", "webp"])
def test_photos_of_every_suffix(tmp_path, suffix):
    make_folder(tmp_path, ["a"])
    Image.open(tmp_path / "images" / "a.png").save(tmp_path / "images" / f"a.{suffix}")
    (tmp_path / "images" / "a.png").unlink()
    (tmp_path / "labels" / "a.png").rename(tmp_path / "labels" / "a.PNG")
    assert FolderDataset(tmp_path)[0].image.size == (6, 4)


def test_grey_photos_and_those_with_an_opaque_fourth_channel_become_rgb(tmp_path):
    make_folder(tmp_path, ["a", "b"])
    Image.new("L", (6, 4), 77).save(tmp_path / "images" / "a.png")
    Image.new("RGBA", (6, 4), (1, 2, 3, 255)).save(tmp_path / "images" / "b.png")
    first, second = FolderDataset(tmp_path)
    assert (first.image.mode, first.image.getpixel((0, 0))) == ("RGB", (77, 77, 77))
    assert (second.image.mode, second.image.getpixel((0, 0))) == ("RGB", (1, 2, 3))


def test_photos_are_turned_upright(tmp_path):
    make_folder(tmp_path, ["a"], size=(6, 4))
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turn 90 degrees clockwise to view
    lying = np.zeros((4, 6, 3), dtype=np.uint8)
    lying[:, 0] = 255  # the left edge becomes the upper one
    Image.fromarray(lying).save(tmp_path / "images" / "a.png", exif=exif)
    image = np.asarray(FolderDataset(tmp_path)[0].image)
    assert image.shape == (6, 4, 3)
    assert (image[0] == 255).all()
    assert (image[1:] == 0).all()


def test_classes_in_the_parent_or_given(tmp_path):
    make_folder(tmp_path / "train", classes=None)
    with pytest.raises(FileNotFoundError, match="no classes.json in it or in its parent"):
        FolderDataset(tmp_path / "train")
    assert FolderDataset(tmp_path / "train", ClassSpec.load("camvid")).spec.name == "camvid"
    (tmp_path / "classes.json").write_text(json.dumps(CLASSES))
    assert FolderDataset(tmp_path / "train").spec.names == tuple(CLASSES)
    split = FolderDataset(tmp_path, split="train")
    assert split.spec.names == tuple(CLASSES)
    assert len(split) == 3


def test_stored_values_of_the_class_file_are_applied(tmp_path):
    make_folder(
        tmp_path, ["a"], classes={"classes": ["road", "sky"], "stored": {"offset": 1, "ignore_values": [0]}}
    )
    stored = [[(x + y) % 3 for x in range(6)] for y in range(4)]
    expected = [[{0: 255, 1: 0, 2: 1}[value] for value in row] for row in stored]
    assert FolderDataset(tmp_path)[0].label_map.tolist() == expected
    with pytest.raises(LabelMapError, match="stored=True"):
        FolderDataset(tmp_path, stored=False)[0]


def test_instances_are_read_where_they_lie(tmp_path):
    make_folder(tmp_path, ["a"])
    numbers = [[26000 + x for x in range(6)]] * 4
    write_png(tmp_path / "instances" / "a.png", numbers, depth=16)
    dataset = FolderDataset(tmp_path)
    assert dataset.has_instances
    assert dataset[0].instance_ids.tolist() == numbers
    assert dataset[0].instance_ids.dtype == np.int32


def test_it_can_be_sent_to_worker_processes(tmp_path):
    dataset = FolderDataset(make_folder(tmp_path))
    again = pickle.loads(pickle.dumps(dataset))
    assert again[2].stem == "c"
    assert (again[2].label_map == dataset[2].label_map).all()


def test_files_are_opened_only_when_asked_for(tmp_path):
    make_folder(tmp_path)
    (tmp_path / "images" / "c.png").write_bytes(b"no picture")
    dataset = FolderDataset(tmp_path)
    assert dataset[0].stem == "a"
    with pytest.raises(LabelMapError, match=r"c\.png: is not an image"):
        dataset[2]


def test_a_file_that_is_gone_is_named_as_bad_data(tmp_path):
    dataset = FolderDataset(make_folder(tmp_path))
    (tmp_path / "labels" / "b.png").unlink()
    assert dataset[0].stem == "a"
    with pytest.raises(LabelMapError, match=r"labels/b\.png: no such file"):
        dataset[1]
    assert dataset.name(1) == str(tmp_path / "images" / "b.png")


def test_other_and_hidden_files_are_passed_over(tmp_path):
    make_folder(tmp_path)
    (tmp_path / "images" / "._a.png").write_bytes(b"x")
    (tmp_path / "labels" / "Thumbs.db").write_bytes(b"x")
    assert len(FolderDataset(tmp_path)) == 3


def remove(*names):
    return lambda root: [(root / name).unlink() for name in names]


FAULTS = {
    "photo without a map": (
        remove("labels/b.png"),
        ValueError,
        r"1 photo\(s\) without labels/STEM.png \(images/b.png\)",
    ),
    "map without a photo": (
        remove("images/b.png"),
        ValueError,
        r"1 label map\(s\) without a photo \(labels/b.png\)",
    ),
    "both": (
        remove("images/b.png", "labels/c.png"),
        ValueError,
        r"without labels/STEM.png \(images/c.png\); 1 label map\(s\)",
    ),
    "nothing in it": (
        remove(*(f"{folder}/{stem}.png" for folder in ("images", "labels") for stem in "abc")),
        ValueError,
        "holds no photos",
    ),
    "two photos of one stem": (
        lambda root: Image.new("RGB", (6, 4)).save(root / "images" / "a.jpg"),
        ValueError,
        r"1 photo\(s\) whose stem another photo has \(images/a\.png\)",
    ),
    "instances lack one": (
        lambda root: write_png(root / "instances" / "a.png", [[0] * 6] * 4),
        ValueError,
        r"2 photo\(s\) without instances/STEM.png \(images/b.png, images/c.png\)",
    ),
    "no labels folder": (
        lambda root: (root / "labels").rename(root / "masks"),
        FileNotFoundError,
        "has no labels/ folder",
    ),
    "bad class file": (
        lambda root: (root / "classes.json").write_text("{"),
        ClassSpecError,
        "not valid JSON",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_folder_is_one_sentence_that_names_it(tmp_path, fault):
    break_it, error, message = FAULTS[fault]
    break_it(make_folder(tmp_path))
    with pytest.raises(error, match=message) as caught:
        FolderDataset(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_all_unpaired_files_are_counted_and_the_first_named(tmp_path):
    make_folder(tmp_path, [f"{i:03}" for i in range(40)])
    for path in list((tmp_path / "labels").iterdir()):
        path.unlink()
    with pytest.raises(ValueError, match=r"40 photo\(s\) .* \((images/00[0-4].png,? ){5}and 35 more\)"):
        FolderDataset(tmp_path)


def test_a_forgotten_split_is_pointed_out(tmp_path):
    make_folder(tmp_path / "train")
    with pytest.raises(FileNotFoundError, match="has no images/ folder; did you mean split='train'"):
        FolderDataset(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"test: no such folder; the splits of \S+ are train\."):
        FolderDataset(tmp_path, split="test")


def test_sizes_that_differ_name_both(tmp_path):
    make_folder(tmp_path, ["a"])
    write_png(tmp_path / "labels" / "a.png", [[0] * 5] * 4)
    with pytest.raises(LabelMapError, match="the photo is 6 x 4 px .*, its label map 5 x 4"):
        FolderDataset(tmp_path)[0]
    write_png(tmp_path / "labels" / "a.png", [[0] * 6] * 4)
    write_png(tmp_path / "instances" / "a.png", [[0] * 6] * 5)
    with pytest.raises(LabelMapError, match="its instance map 6 x 5"):
        FolderDataset(tmp_path)[0]


def test_wrong_kinds_of_picture_are_refused(tmp_path):
    make_folder(tmp_path, ["a"])
    write_png(tmp_path / "instances" / "a.png", photo_rows(4, 6), kind=RGB)
    with pytest.raises(LabelMapError, match="object numbers must be an 8- or 16-bit greyscale PNG"):
        FolderDataset(tmp_path)[0]
    write_png(tmp_path / "images" / "a.png", [[9000] * 6] * 4, depth=16)
    with pytest.raises(LabelMapError, match="more than 8 bits a channel"):
        FolderDataset(tmp_path)[0]


def test_camvid_as_shared_has_its_pairs_and_documented_shares():
    root = SHARED / "camvid"
    if not root.exists():
        pytest.skip("no shared data beside this repository")
    dataset = FolderDataset(root, split="train")
    assert len(dataset) == 367
    assert dataset.spec.names == ClassSpec.load("camvid").names
    assert (dataset.spec.palette == ClassSpec.load("camvid").palette).all()
    counts = sum(np.bincount(dataset[i].label_map.ravel(), minlength=256) for i in range(0, 367, 8))
    shares = 100 * counts / counts.sum()
    # SOURCE.md of the data: Sky 16.85, Building 23.25, Road 31.65, unlabelled 3.95 % of all 367 maps.
    assert shares[[0, 1, 3, 255]] == pytest.approx([16.85, 23.25, 31.65, 3.95], abs=2.5)


def test_cityscapes_as_shared_reads_by_its_own_and_by_the_built_in_list():
    root = SHARED / "cityscapes"
    if not root.exists():
        pytest.skip("no shared data beside this repository")
    own, built_in = (
        FolderDataset(root, split="train"),
        FolderDataset(root, ClassSpec.load("cityscapes"), split="train"),
    )
    assert (own.spec.num_classes, built_in.spec.num_classes) == (19, 34)
    first, second = own[0].label_map, built_in[0].label_map
    for own_id in np.unique(first[first < 255]):
        assert {built_in.spec.names[i] for i in np.unique(second[first == own_id])} == {
            own.spec.names[own_id]
        }
