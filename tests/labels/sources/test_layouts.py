from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dpsims_hub.labels import ClassSpec, FolderDataset, list_pairs
from tests.labels.png_files import write_png

SHARED = Path(__file__).parents[3].parent / "shared" / "data"
SIZE = (4, 6)


def write_pair(photo: Path, label: Path, values: list[int], instances: Path | None = None) -> None:
    """A photo and a map whose first row begins with `values`, the rest repeats the last one."""
    photo.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", SIZE[::-1], (10, 20, 30)).save(photo)
    row = values + [values[-1]] * (SIZE[1] - len(values))
    write_png(label, [row] * SIZE[0])
    if instances is not None:
        write_png(instances, [[26000 + x for x in range(SIZE[1])]] * SIZE[0], depth=16)


def make_ade20k(root: Path) -> Path:
    for split, stem in (
        ("training", "ADE_train_00000002"),
        ("training", "ADE_train_00000001"),
        ("validation", "ADE_val_00000001"),
    ):
        write_pair(
            root / "images" / split / f"{stem}.jpg", root / "annotations" / split / f"{stem}.png", [0, 1, 150]
        )
    (root / "objectInfo150.txt").write_text("Idx Ratio")
    return root


def make_cityscapes(root: Path) -> Path:
    for split, city, number in (("train", "zurich", 7), ("train", "aachen", 3), ("val", "lindau", 1)):
        stem = f"{city}_{number:06}_000019"
        maps = root / "gtFine" / split / city
        write_pair(
            root / "leftImg8bit" / split / city / f"{stem}_leftImg8bit.png",
            maps / f"{stem}_gtFine_labelIds.png",
            [0, 1, 26, 33],
            maps / f"{stem}_gtFine_instanceIds.png",
        )
        write_png(maps / f"{stem}_gtFine_labelTrainIds.png", [[255] * 6] * 4)
        (maps / f"{stem}_gtFine_polygons.json").write_text("{}")
    return root


def make_coco(root: Path, photos: str, labels: str, instances: str = "") -> Path:
    for split in ("train", "val"):
        for stem in ("000000000009", "000000000025"):
            write_pair(
                root / photos.format(split) / f"{stem}.jpg",
                root / labels.format(split) / f"{stem}.png",
                [0, 181, 255],
                root / instances.format(split) / f"{stem}.png" if instances else None,
            )
    return root


def first_row(dataset: FolderDataset) -> list[int]:
    return dataset[0].label_map[0].tolist()


@pytest.mark.parametrize("inner", ["", "ADEChallengeData2016"])
def test_ade20k_as_distributed(tmp_path, inner):
    make_ade20k(tmp_path / inner)
    dataset = FolderDataset(tmp_path, split="train")
    assert dataset.spec == ClassSpec.load("ade20k")
    assert [sample.stem for sample in dataset] == ["ADE_train_00000001", "ADE_train_00000002"]
    assert first_row(dataset) == [255, 0, 149, 149, 149, 149]  # stored id + 1, 0 is unknown
    assert not dataset.has_instances
    for split in ("val", "validation"):
        assert [s.stem for s in FolderDataset(tmp_path, split=split)] == ["ADE_val_00000001"]


def test_cityscapes_as_distributed(tmp_path):
    dataset = FolderDataset(make_cityscapes(tmp_path), split="train")
    assert dataset.spec == ClassSpec.load("cityscapes")
    assert [sample.stem for sample in dataset] == ["aachen_000003_000019", "zurich_000007_000019"]
    assert first_row(dataset) == [255, 1, 26, 33, 33, 33]  # labelIds; 0 is "unlabeled"
    assert dataset[0].instance_ids[0].tolist() == [26000, 26001, 26002, 26003, 26004, 26005]
    assert dataset.name(1) == str(
        tmp_path / "leftImg8bit" / "train" / "zurich" / "zurich_000007_000019_leftImg8bit.png"
    )
    assert len(FolderDataset(tmp_path, split="validation")) == 1


COCO = {
    "beside": ("{}2017", "stuffthingmaps_trainval2017/{}2017", ""),
    "images": ("images/{}2017", "stuffthingmaps_trainval2017/{}2017", ""),
    "mmseg": ("images/{}2017", "annotations/{}2017", ""),
    "spade": ("{}_img", "{}_label", "{}_inst"),
}


@pytest.mark.parametrize("arrangement", COCO)
def test_coco_stuff_in_its_arrangements(tmp_path, arrangement):
    make_coco(tmp_path, *COCO[arrangement])
    for path in tmp_path.glob("annotations/*/*09.png"):
        path.with_name(f"{path.stem}_labelTrainIds.png").write_bytes(path.read_bytes())
    dataset = FolderDataset(tmp_path, split="train")
    assert dataset.spec == ClassSpec.load("coco-stuff")
    assert [sample.stem for sample in dataset] == ["000000000009", "000000000025"]
    assert first_row(dataset) == [0, 181, 255, 255, 255, 255]
    assert dataset.has_instances == (arrangement == "spade")
    assert list_pairs(tmp_path, "val").split == ("val" if arrangement == "spade" else "val2017")


MAKERS = {
    "ade20k": (make_ade20k, "ADE20K as distributed, in splits; .*: training, validation"),
    "cityscapes": (make_cityscapes, "Cityscapes as distributed, in splits; .*: train, val"),
    "coco-stuff": (lambda root: make_coco(root, *COCO["beside"]), "COCO-Stuff .*: train2017, val2017"),
}


@pytest.mark.parametrize("layout", MAKERS)
def test_a_missing_or_unknown_split_lists_the_splits(tmp_path, layout):
    make, message = MAKERS[layout]
    make(tmp_path)
    with pytest.raises(ValueError, match=message) as caught:
        list_pairs(tmp_path)
    assert "\n" not in str(caught.value)
    with pytest.raises(FileNotFoundError, match=message.partition(".*: ")[2].split(";")[-1].strip()):
        list_pairs(tmp_path, "test")
    assert list_pairs(tmp_path, "train").layout == layout


def test_own_classes_win_over_the_built_in_list(tmp_path):
    make_ade20k(tmp_path)
    names = [f"class {i}" for i in range(151)]
    (tmp_path / "classes.json").write_text(json.dumps(names))
    dataset = FolderDataset(tmp_path, split="train")
    assert dataset.spec.names == tuple(names)
    assert first_row(dataset) == [0, 1, 150, 150, 150, 150]


def test_splits_may_lie_inside_images_and_labels(tmp_path):
    for split in ("train", "val"):
        write_pair(
            tmp_path / "images" / split / f"{split}.jpg", tmp_path / "labels" / split / f"{split}.png", [0, 1]
        )
    (tmp_path / "classes.json").write_text('["a", "b"]')
    assert [s.stem for s in FolderDataset(tmp_path, split="val")] == ["val"]
    with pytest.raises(FileNotFoundError, match="did you mean split='train' or split='val'"):
        list_pairs(tmp_path)


def test_a_listing_counts_what_is_wrong_and_refuses_nothing(tmp_path):
    make_cityscapes(tmp_path)
    maps = tmp_path / "gtFine" / "train"
    (maps / "aachen" / "aachen_000003_000019_gtFine_instanceIds.png").unlink()
    (maps / "zurich" / "zurich_000007_000019_gtFine_labelIds.png").unlink()
    listing = list_pairs(tmp_path, "train")
    assert [pair.stem for pair in listing.pairs] == ["aachen_000003_000019"]
    assert listing.pairs[0].instances is None
    assert listing.unpaired == {
        "photo(s) without gtFine/train/*/STEM_gtFine_labelIds.png": [
            "leftImg8bit/train/zurich/zurich_000007_000019_leftImg8bit.png"
        ],
        "photo(s) without gtFine/train/*/STEM_gtFine_instanceIds.png": [
            "leftImg8bit/train/aachen/aachen_000003_000019_leftImg8bit.png"
        ],
    }
    assert pickle.loads(pickle.dumps(listing)) == listing


def test_an_empty_plain_folder_is_a_listing_without_pairs(tmp_path):
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
    listing = list_pairs(tmp_path)
    assert (listing.layout, listing.pairs, listing.unpaired) == ("folder", [], {})


def test_the_first_of_two_photos_of_one_stem_is_kept(tmp_path):
    write_pair(tmp_path / "images" / "a.png", tmp_path / "labels" / "a.png", [0])
    Image.new("RGB", SIZE[::-1]).save(tmp_path / "images" / "a.jpg")
    listing = list_pairs(tmp_path)
    assert [pair.photo for pair in listing.pairs] == ["images/a.jpg"]
    assert listing.unpaired == {"photo(s) whose stem another photo has": ["images/a.png"]}


def test_shared_samples_are_plain_folders_with_instances():
    for name, count in (("cityscapes", 5), ("coco_stuff", 13)):
        if not (SHARED / name).exists():
            pytest.skip("no shared data beside this repository")
        listing = list_pairs(SHARED / name, "train")
        assert (listing.layout, len(listing.pairs), listing.unpaired) == ("folder", count, {})
        assert listing.has_instances
        sample = FolderDataset(SHARED / name, split="train")[0]
        assert sample.instance_ids.shape == sample.label_map.shape
        assert len(np.unique(sample.label_map)) > 3
