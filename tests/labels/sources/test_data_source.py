from __future__ import annotations

import json
import tarfile
import tempfile
from pathlib import Path

import datasets
import pytest

from dpsims_hub.labels import FolderDataset
from dpsims_hub.labels.sources.data_source import DataSource
from dpsims_hub.labels.sources.streams import RowStream
from dpsims_hub.labels.sources.tables import TableDataset
from tests.labels.row_data import (
    CLASSES,
    label_bytes,
    numbers_of,
    photo_bytes,
    write_archive,
    write_imagefolder,
    write_parquet,
)

pytest_plugins = ["tests.loopback_hub"]


@pytest.fixture(autouse=True)
def _no_wait(monkeypatch):
    monkeypatch.setattr(datasets.config, "SLEEP_TIME_ON_THREADS_SHUTDOWN", 0)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data set"


def open_rows(path, tmp_path, **options):
    return DataSource(name=str(path), cache_dir=str(tmp_path / "cache"), **options).open()


def write_classes(folder, classes=CLASSES):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "classes.json").write_text(json.dumps(classes))
    return folder


def write_pairs(folder, count=3):
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True)
    for number in range(count):
        (folder / "images" / f"{number}.png").write_bytes(photo_bytes(number))
        (folder / "labels" / f"{number}.png").write_bytes(label_bytes(number))
    return write_classes(folder)


STREAMED = pytest.mark.parametrize("streaming", [False, True])


def test_a_folder_of_pairs(tmp_path):
    write_pairs(tmp_path / "train")
    for source in (
        DataSource(directory=str(tmp_path / "train")),
        DataSource(directory=str(tmp_path), split="train"),
    ):
        dataset = source.open()
        assert isinstance(dataset, FolderDataset)
        assert numbers_of(dataset) == [0, 1, 2]
        assert dataset.spec.names == tuple(CLASSES)


@STREAMED
def test_parquet_with_its_classes_in_the_schema(data, tmp_path, streaming):
    write_parquet(data)
    write_parquet(data, split="val", shards=1)
    dataset = open_rows(data, tmp_path, streaming=streaming)
    assert isinstance(dataset, RowStream if streaming else TableDataset)
    assert dataset.spec.names == tuple(CLASSES)
    assert numbers_of(dataset) == list(range(12))
    for split in ("val", "validation"):
        assert numbers_of(open_rows(data, tmp_path, streaming=streaming, split=split)) == [0, 1, 2]


@STREAMED
def test_a_single_parquet_file(data, tmp_path, streaming):
    file = write_parquet(data, shards=1) / "data" / "train-00000-of-00001.parquet"
    assert numbers_of(open_rows(file, tmp_path, streaming=streaming)) == [0, 1, 2]


@STREAMED
def test_webdataset_with_a_class_file_beside_one_archive(data, tmp_path, streaming):
    write_archive(data / "pairs-000.tar")
    write_archive(data / "test-000.tar", 2, first=5)
    write_classes(data)
    dataset = open_rows(data, tmp_path, streaming=streaming)
    assert numbers_of(dataset) == [0, 1, 2]
    assert [sample.stem for sample in dataset] == ["000", "001", "002"]
    assert numbers_of(open_rows(data, tmp_path, streaming=streaming, split="test")) == [5, 6]


def test_webdataset_with_columns_by_ending(data, tmp_path):
    file = write_archive(data / "a.tar", endings=("webp", "png"))
    found = open_rows(
        file, tmp_path, image_column="webp", label_column="png", classes=str(write_classes(data))
    )
    assert numbers_of(found) == [0, 1, 2]


@STREAMED
def test_imagefolder_with_two_image_columns(data, tmp_path, streaming):
    write_classes(write_imagefolder(data))
    dataset = open_rows(data, tmp_path, label_column="annotation", streaming=streaming)
    assert numbers_of(dataset) == [0, 1, 2]
    assert [sample.stem for sample in dataset] == ["photo0", "photo1", "photo2"]


def test_a_card_says_which_files_are_which_split(data, tmp_path):
    write_parquet(data, shards=2)
    (data / "data" / "train-00001-of-00002.parquet").rename(data / "other.parquet")
    card = """---
configs:
- config_name: default
  data_files:
  - split: night
    path: other.parquet
---
"""
    (data / "README.md").write_text(card)
    assert numbers_of(open_rows(data, tmp_path, split="night")) == [3, 4, 5]
    with pytest.raises(ValueError, match="has no split 'train'; it has night"):
        open_rows(data, tmp_path)


def test_classes_are_those_named_then_the_file_then_the_schema(data, tmp_path):
    write_parquet(data)
    assert open_rows(data, tmp_path).spec.names == tuple(CLASSES)
    write_classes(data, ["a", "b", "c"])
    assert open_rows(data, tmp_path).spec.names == ("a", "b", "c")
    assert open_rows(data, tmp_path, classes="camvid").spec.name == "camvid"


def test_the_description_says_where_and_how():
    source = DataSource(name="someone/streets", config_name="small", streaming=True)
    assert source.describe() == "someone/streets, small, split train, streamed"
    assert DataSource(directory="mine").describe() == "mine"
    assert DataSource(directory="mine", split="val").describe() == "mine, split val"


FAULTS = {
    "no source": ({}, ValueError, "neither names the data"),
    "two sources": ({"directory": "a", "name": "b"}, ValueError, "both name the data"),
    "unknown id": (
        {"name": "someone/nothing"},
        ValueError,
        "someone/nothing: no such folder here, and the Hub",
    ),
    "unknown path": ({"name": "./nothing"}, FileNotFoundError, "nothing: no such folder or file"),
    "unknown folder": ({"directory": "nothing"}, FileNotFoundError, "nothing: no such folder"),
    "unknown classes": ({"name": "{parquet}", "classes": "nothing"}, FileNotFoundError, "neither a built-in"),
    "no classes": ({"name": "{bare}"}, FileNotFoundError, "carries no class list.*--classes: ade20k"),
    "no split": ({"name": "{parquet}", "split": "test"}, ValueError, "no split 'test'; it has train"),
    "no column": ({"name": "{parquet}", "image_column": "photo"}, ValueError, "its columns are image, label"),
    "streamed folder": ({"directory": "{pairs}", "streaming": True}, ValueError, "dpsims prepare-data"),
    "parquet as folder": ({"directory": "{parquet}"}, ValueError, "holds parquet files .*--dataset_name"),
    "tar as folder": ({"directory": "{tar}"}, ValueError, "holds webdataset archives .*--dataset_name"),
    "imagefolder as folder": ({"directory": "{imagefolder}"}, ValueError, "holds an imagefolder"),
    "pairs as name": ({"name": "{pairs}"}, ValueError, "open a folder of pairs with --train_data_dir"),
    "other file": ({"name": "{pairs}/classes.json"}, ValueError, r"neither a \.parquet nor a \.tar"),
    "empty folder": ({"name": "{empty}"}, ValueError, "holds no parquet files"),
    "damaged": ({"name": "{damaged}", "classes": "camvid"}, ValueError, "cannot be opened as a data set"),
    "uneven archive": ({"name": "{uneven}"}, ValueError, "cannot be opened as a data set .*same prefix"),
}


@pytest.fixture(scope="module")
def places():
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_parquet(root / "parquet")
        write_parquet(root / "bare", classes=None)
        write_pairs(root / "pairs")
        write_classes(write_archive(root / "tar" / "a.tar").parent)
        write_classes(write_imagefolder(root / "imagefolder"))
        (root / "empty").mkdir()
        (write_classes(root / "damaged") / "a.parquet").write_bytes(b"PAR1 and no more")
        write_classes(write_archive(root / "uneven" / "a.tar", endings=("image.png",)).parent)
        with tarfile.open(root / "uneven" / "a.tar", "a") as archive:
            archive.addfile(tarfile.TarInfo("000.label.png"))
        yield {path.name: str(path) for path in root.iterdir()}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_cannot_be_opened_is_one_sentence(places, tmp_path, monkeypatch, fault):
    options, error, message = FAULTS[fault]
    monkeypatch.chdir(tmp_path)
    given = {
        key: value.format(**places) if isinstance(value, str) else value for key, value in options.items()
    }
    with pytest.raises(error, match=message) as caught:
        DataSource(**given, cache_dir=str(tmp_path / "cache")).open()
    assert "\n" not in str(caught.value)
    assert type(caught.value) is error


FROM_HUB = """
import sys
import datasets
from dpsims_hub.labels.sources.data_source import DataSource
datasets.config.SLEEP_TIME_ON_THREADS_SHUTDOWN = 0
for name, revision in (("someone/streets", ""), ("someone/tars", ""), ("someone/streets", "old")):
    for streaming in (False, True):
        dataset = DataSource(name=name, streaming=streaming, revision=revision).open()
        print(len(dataset.spec.names), [sample.label_map.tolist()[0][:2] for sample in dataset])
        if streaming:
            print(type(next(iter(dataset.rows))["image"]["bytes"]).__name__)
for options in ({"name": "someone/nothing"}, {"name": "someone/streets", "revision": "none"}):
    try:
        DataSource(**options).open()
    except (ValueError, OSError) as error:
        print(type(error).__name__, error)
"""


def test_a_data_set_on_the_hub(hub, data, tmp_path):
    old = write_classes(write_parquet(data / "old", shards=1, rows_each=1), [*CLASSES, "tree"])
    hub.add("someone/streets", old, "datasets", branch="old")
    hub.add("someone/streets", write_parquet(data / "new", shards=2, rows_each=1), "datasets")
    write_classes(write_archive(data / "tars" / "train-0.tar", 2).parent)
    (data / "tars" / "README.md").write_text(
        "---\nconfigs:\n- config_name: default\n  data_files: '*.tar'\n---\n"
    )
    hub.add("someone/tars", data / "tars", "datasets")
    lines = hub.run(FROM_HUB, home=tmp_path / "home").stdout.splitlines()
    both = "3 [[0, 1], [1, 2]]"
    assert lines[:9] == [both, both, "bytes", both, both, "bytes", "4 [[0, 1]]", "4 [[0, 1]]", "bytes"]
    assert "someone/nothing: no such folder here and no such data set on the Hub" in lines[9]
    assert lines[9].startswith("FileNotFoundError")
    assert "Revision 'none' doesn't exist" in lines[10] or "no such data set" in lines[10]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", r"shard\.parquet: is empty \(0 bytes\)"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 3\n",
            r"a pointer of Git LFS; fetch",
        ),
    ],
)
@pytest.mark.parametrize("with_card", [False, True])
def test_shards_that_were_never_fetched(data, tmp_path, content, words, with_card):
    """A clone from the Hub without its large files has a README.md that names them, and pointers."""
    write_parquet(write_classes(data), shards=1)
    (data / "shard.parquet").write_bytes(content)
    if with_card:
        (data / "README.md").write_text(
            "---\nconfigs:\n- config_name: default\n  data_files: '*.parquet'\n---\n"
        )
    with pytest.raises(ValueError, match=words):
        open_rows(data, tmp_path)


def test_a_table_without_rows_is_called_so(data, tmp_path):
    write_parquet(write_classes(data), shards=1, rows_each=0)
    with pytest.raises(ValueError, match=r"cannot be opened as a data set \(a file of it holds no rows\)"):
        open_rows(data, tmp_path)


def test_an_archive_of_another_kind_is_to_be_unpacked(tmp_path):
    (tmp_path / "data.zip").write_bytes(b"PK\3\4")
    with pytest.raises(ValueError, match=r"neither a \.parquet nor a \.tar file; unpack it\."):
        open_rows(tmp_path / "data.zip", tmp_path)
