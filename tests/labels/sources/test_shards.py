from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import datasets
import numpy as np
import pyarrow.parquet
import pytest
import yaml

from dpsims_hub.labels import ClassSpec, FolderDataset, LabelMapError
from dpsims_hub.labels.sources.data_source import DataSource
from dpsims_hub.labels.sources.layouts import list_pairs
from dpsims_hub.labels.sources.shards import ShardOptions, choose_num_shards, write_shards
from tests.labels.pair_folders import CLASSES, cut_off, label_rows, make_pairs, object_rows, photo_of
from tests.labels.png_files import write_png

datasets.config.SLEEP_TIME_ON_THREADS_SHUTDOWN = 0
ROOT = Path(__file__).parents[3]


def write(root, out, **options):
    listing = list_pairs(root)
    return write_shards(listing, listing.spec(), out, ShardOptions(**options))


def files_of(root: Path, folder: str) -> dict[str, bytes]:
    return {path.stem: path.read_bytes() for path in (root / folder).iterdir()}


def stored_rows(out: Path, split: str = "train") -> list[dict]:
    """The rows in the order of the shards, read without the library that will read them."""
    return [
        row
        for path in sorted((out / "data").glob(f"{split}-*"))
        for row in pyarrow.parquet.read_table(path).to_pylist()
    ]


def nothing_beside(out: Path) -> bool:
    return not [path for path in out.parent.iterdir() if path.name.startswith(out.name)]


@pytest.mark.parametrize("streaming", [False, True])
def test_every_file_comes_back_byte_for_byte_and_once(tmp_path, streaming):
    root = make_pairs(tmp_path / "pairs", 21, instances=True)
    written = write(root, tmp_path / "out", num_shards=4)
    rows = datasets.load_dataset(
        str(tmp_path / "out"), split="train", streaming=streaming, cache_dir=str(tmp_path / "cache")
    )
    assert all(isinstance(feature, datasets.Image) for feature in rows.features.values())
    assert rows.num_shards == 4 if streaming else len(rows) == 21
    for column, folder in (("image", "images"), ("label", "labels"), ("instances", "instances")):
        rows = rows.cast_column(column, datasets.Image(decode=False))
        cells = [row[column] for row in rows]
        names = sorted(path.name for path in (root / folder).iterdir())
        assert sorted(cell["path"] for cell in cells) == names
        assert {Path(cell["path"]).stem: cell["bytes"] for cell in cells} == files_of(root, folder)
    total = sum(path.stat().st_size for path in root.rglob("*/*"))
    assert (written.num_pairs, written.num_shards, written.num_bytes) == (21, 4, total)


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("palette", [False, True])
def test_ids_and_objects_through_our_own_source(tmp_path, streaming, palette):
    root = make_pairs(tmp_path / "pairs", 5, instances=True, palette=palette)
    write(root, tmp_path / "out")
    source = DataSource(
        name=str(tmp_path / "out"), streaming=streaming, cache_dir=str(tmp_path / "cache"), split="train"
    )
    data = source.open()
    assert data.spec == ClassSpec.load(root)
    assert data.has_instances
    samples = {sample.stem: sample for sample in (data if streaming else map(data.__getitem__, range(5)))}
    assert len(samples) == 5
    for number in range(5):
        sample = samples[f"p{number:03d}"]
        assert sample.label_map.tolist() == label_rows(number)
        assert sample.instance_ids.tolist() == object_rows(number)


def test_ids_above_255(tmp_path):
    root = make_pairs(tmp_path / "pairs", 2)
    (root / "classes.json").write_text(json.dumps([f"class {number}" for number in range(300)]))
    for number in range(2):
        write_png(root / "labels" / f"p{number:03d}.png", [[290 + y] * 10 for y in range(6)], depth=16)
    write(root, tmp_path / "out")
    for sample in DataSource(name=str(tmp_path / "out"), streaming=True).open():
        assert sample.label_map.tolist() == [[290 + y] * 10 for y in range(6)]


def test_order_depends_on_the_seed_alone(tmp_path):
    root = make_pairs(tmp_path / "pairs", 30)
    for name, seed, workers in (("a", 4, 0), ("b", 4, 3), ("c", 5, 0)):
        write(root, tmp_path / name, num_shards=3, seed=seed, num_workers=workers)
    names = {name: [row["label"]["path"] for row in stored_rows(tmp_path / name)] for name in "abc"}
    assert names["a"] == names["b"] != names["c"]
    assert sorted(names["a"]) == sorted(names["c"]) != names["a"]
    for path in (tmp_path / "a" / "data").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / "data" / path.name).read_bytes()


def test_a_part_of_the_pairs_is_drawn_by_the_seed(tmp_path):
    root = make_pairs(tmp_path / "pairs", 30)
    whole, part = tmp_path / "whole", tmp_path / "part"
    write(root, whole, seed=2)
    assert write(root, part, seed=2, max_samples=7).num_pairs == 7
    assert stored_rows(part) == stored_rows(whole)[:7]


def test_row_groups_are_small_and_shards_even(tmp_path):
    root = make_pairs(tmp_path / "pairs", 41)
    write(root, tmp_path / "one", num_shards=1)
    shard = pyarrow.parquet.read_metadata(tmp_path / "one" / "data" / "train-00000-of-00001.parquet")
    assert [shard.row_group(i).num_rows for i in range(shard.num_row_groups)] == [16, 16, 9]
    write(root, tmp_path / "four", num_shards=4)
    files = sorted((tmp_path / "four" / "data").iterdir())
    assert [path.name for path in files] == [f"train-0000{i}-of-00004.parquet" for i in range(4)]
    assert sorted(pyarrow.parquet.read_metadata(path).num_rows for path in files) == [10, 10, 10, 11]
    write(root, tmp_path / "many", num_shards=100)
    assert len(list((tmp_path / "many" / "data").iterdir())) == 41


@pytest.mark.parametrize(("gigabytes", "shards"), [(0.1, 8), (3.9, 8), (4.1, 16), (19.9, 40), (25, 56)])
def test_shards_stay_at_500_megabytes(tmp_path, gigabytes, shards):
    root = make_pairs(tmp_path, 2)
    for number in range(2):  # files with holes: only their length counts
        os.truncate(photo_of(root, f"p{number:03d}"), int(gigabytes * 1e9 / 2))
    assert choose_num_shards(root, list_pairs(root).pairs) == shards


def test_classes_travel_in_every_shard_and_the_card_names_the_splits(tmp_path):
    root, out = make_pairs(tmp_path / "pairs", 9), tmp_path / "out"
    write(root, out, num_shards=2)
    write(root, out, num_shards=3, split="val", max_samples=4)
    spec = ClassSpec.from_dict(CLASSES)
    for path in (out / "data").iterdir():
        text = pyarrow.parquet.read_schema(path).metadata[b"dpsims_classes"]
        assert ClassSpec.from_dict(json.loads(text)).classes == spec.classes
    assert ClassSpec.load(out).classes == spec.classes
    card = yaml.safe_load((out / "README.md").read_text().split("---")[1])
    assert card["configs"][0]["data_files"] == [
        {"split": "train", "path": "data/train-*"},
        {"split": "val", "path": "data/val-*"},
    ]
    sizes = {split["name"]: split["num_examples"] for split in card["dataset_info"]["splits"]}
    assert sizes == {"train": 9, "val": 4}
    loaded = datasets.load_dataset(str(out), cache_dir=str(tmp_path / "cache"))
    assert {split: len(rows) for split, rows in loaded.items()} == sizes


def test_what_a_person_wrote_into_the_card_stays(tmp_path):
    root, out = make_pairs(tmp_path / "pairs", 3), tmp_path / "out"
    write(root, out)
    card = (out / "README.md").read_text()
    (out / "README.md").write_text(card.replace("---\n", "---\nlicense: mit\n", 1) + "\nPhotos by Ada.\n")
    write(root, out, split="val")
    card = (out / "README.md").read_text()
    assert "license: mit" in card
    assert "Photos by Ada." in card
    assert "data/val-*" in card


@pytest.mark.parametrize("workers", [0, 2])
def test_a_bad_pair_stops_and_leaves_nothing(tmp_path, workers):
    root, out = make_pairs(tmp_path / "pairs", 12), tmp_path / "out"
    path = root / "labels" / "p007.png"
    write_png(path, [[9] * 10] * 6)
    with pytest.raises(LabelMapError, match=r"^\S+p007.png: value 9 on 60 of 60 px"):
        write(root, out, num_workers=workers)
    assert nothing_beside(out)


def test_bad_pairs_may_be_left_out(tmp_path):
    root, out = make_pairs(tmp_path / "pairs", 4), tmp_path / "out"
    cut_off(photo_of(root, "p001"))
    photo_of(root, "p002").write_text("no photo")
    with pytest.raises(LabelMapError, match="it is bad pair 2, 1 may be left out"):
        write(root, out, skip_bad=1)
    assert nothing_beside(out)
    written = write(root, out, num_shards=4, skip_bad=2)  # of four shards two stay empty
    assert (written.num_pairs, len(written.skipped)) == (2, 2)
    assert sorted(Path(sentence.split(": ")[0]).stem for sentence in written.skipped) == ["p001", "p002"]
    for streaming in (False, True):
        rows = datasets.load_dataset(
            str(out), split="train", streaming=streaming, cache_dir=str(tmp_path / "cache")
        )
        assert len(list(rows)) == 2


def test_nothing_but_bad_pairs(tmp_path):
    root, out = make_pairs(tmp_path / "pairs", 2), tmp_path / "out"
    for number in range(2):
        cut_off(photo_of(root, f"p{number:03d}"))
    with pytest.raises(LabelMapError, match="is damaged or cut off"):
        write(root, out, skip_bad=2)
    assert nothing_beside(out)


def test_a_file_that_has_gone(tmp_path):
    root = make_pairs(tmp_path / "pairs", 3)
    listing = list_pairs(root)
    (root / "labels" / "p001.png").unlink()
    with pytest.raises(LabelMapError, match="p001.png: no such file"):
        write_shards(listing, listing.spec(), tmp_path / "out")


def test_files_without_partner_are_refused(tmp_path):
    root = make_pairs(tmp_path / "pairs", 3)
    (root / "labels" / "p001.png").unlink()
    with pytest.raises(ValueError, match=r"1 photo\(s\) without labels/STEM.png \(images/p001.jpg\)"):
        write(root, tmp_path / "out")
    assert nothing_beside(tmp_path / "out")


def test_other_folders_are_not_touched(tmp_path):
    root, out = make_pairs(tmp_path / "pairs", 3), tmp_path / "out"
    out.mkdir()
    write(root, out)  # an empty folder is as good as none
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    with pytest.raises(ValueError, match=r"has a split train already \(3 shards\)"):
        write(root, out)
    with pytest.raises(ValueError, match="holds no shards"):
        write(root, root)
    with pytest.raises(ValueError, match="is a file"):
        write(root, root / "classes.json")
    with pytest.raises(ValueError, match="image, label, this one would have image, label, instances"):
        write(make_pairs(tmp_path / "objects", 3, instances=True), out, split="val")
    other = make_pairs(tmp_path / "other", 3)
    (other / "classes.json").write_text('["a", "b", "c"]')
    with pytest.raises(ValueError, match="has other classes|have other classes"):
        write(other, out, split="val")
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_a_killed_run_leaves_nothing_in_the_way(tmp_path):
    root, out = make_pairs(tmp_path / "pairs", 6), tmp_path / "out"
    remains = tmp_path / "out.train.tmp" / "data" / "train-00000-of-00008.parquet"
    remains.parent.mkdir(parents=True)
    remains.write_text("half a shard")
    write(root, out, num_shards=2)
    (out / "data" / "val-00001-of-00003.parquet").write_text("killed between two renames")
    write(root, out, num_shards=2, split="val")
    names = sorted(path.name for path in (out / "data").iterdir())
    assert names == [f"{split}-0000{i}-of-00002.parquet" for split in ("train", "val") for i in range(2)]
    assert not (tmp_path / "out.train.tmp").exists()


@pytest.mark.parametrize("into_existing", [False, True])
def test_ctrl_c_leaves_things_as_they_were(tmp_path, into_existing):
    root, out = make_pairs(tmp_path / "pairs", 9), tmp_path / "out"
    if into_existing:
        write(root, out, split="val")
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    listing, seen = list_pairs(root), []

    def stop_at_the_fifth():
        seen.append(0)
        if len(seen) == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_shards(listing, listing.spec(), out, ShardOptions(num_workers=2), stop_at_the_fifth)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    assert not (tmp_path / "out.train.tmp").exists()


def test_a_disk_that_is_full(tmp_path):
    """A limit on the size of a file fails the write in the middle of a shard, as a full disk does."""
    root, out = make_pairs(tmp_path / "pairs", 40), tmp_path / "out"
    signal_before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (6000, limits[1]))
    try:
        with pytest.raises(OSError, match=rf"^cannot write {out} \(.*[Ff]ile too large"):
            write(root, out, num_shards=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, signal_before)
    assert nothing_beside(out)


BAD_OPTIONS = {
    "a dash": ({"split": "my-split"}, "split 'my-split' must be letters"),
    "a folder": ({"split": "../train"}, "must be letters"),
    "shards": ({"num_shards": -1}, "num_shards must be a whole number from 0"),
    "seed": ({"seed": -1}, "seed must be"),
}


@pytest.mark.parametrize("fault", BAD_OPTIONS)
def test_bad_options(fault):
    options, words = BAD_OPTIONS[fault]
    with pytest.raises(ValueError, match=words):
        ShardOptions(**options)


def test_importing_the_writer_loads_neither_datasets_nor_arrow():
    code = "import sys, dpsims_hub.labels.sources.shards; print({'datasets', 'pyarrow'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert done.stdout == "set()\n", done.stderr


def test_a_stored_value_rule_travels_with_the_files(tmp_path):
    root = make_pairs(tmp_path / "pairs", 3)
    rule = {"name": "plus one", "classes": CLASSES, "stored": {"offset": 1, "ignore_values": [0]}}
    for path in (root / "labels").iterdir():
        number = int(path.stem[1:])
        write_png(path, [[0 if value == 255 else value + 1 for value in row] for row in label_rows(number)])
    (root / "classes.json").write_text(json.dumps(rule))
    write(root, tmp_path / "out")
    samples = list(DataSource(name=str(tmp_path / "out"), streaming=True).open())
    for sample in samples:
        assert sample.label_map.tolist() == label_rows(int(sample.stem[1:]))
    folder = {sample.stem: sample for sample in map(FolderDataset(root).__getitem__, range(3))}
    for sample in samples:
        assert np.array_equal(np.asarray(sample.image), np.asarray(folder[sample.stem].image))
