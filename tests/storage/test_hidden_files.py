"""Hidden and system files are passed over in every data source, by one rule."""

from __future__ import annotations

import shutil

import pytest

from dpsims_hub.generation.map_files import find_maps
from dpsims_hub.labels import FolderDataset
from dpsims_hub.labels.sources.data_source import DataSource
from dpsims_hub.labels.sources.layouts import list_pairs
from dpsims_hub.labels.sources.shards import ShardOptions, write_shards
from tests.labels.pair_folders import make_pairs

MAC = b"\0\5\x16\7\0\2\0\0Mac OS X        "  # how a file of attributes begins
STRAYS = ["._p000.png", ".p000.png", ".DS_Store", "Thumbs.db", "desktop.ini", "~$p000.png", "ehthumbs.db"]
FOLDERS = ["@eaDir", "__MACOSX", ".ipynb_checkpoints", "$RECYCLE.BIN", "System Volume Information"]


@pytest.fixture
def littered(tmp_path):
    """Three pairs with what systems leave behind in every folder."""
    root = make_pairs(tmp_path / "pairs", 3, instances=True)
    for folder in (root, root / "images", root / "labels", root / "instances"):
        for name in STRAYS:
            (folder / name).write_bytes(MAC)
        for name in FOLDERS:
            (folder / name).mkdir()
            shutil.copy(root / "labels" / "p000.png", folder / name / "p000.png")
    return root


def test_pairs(littered):
    data = FolderDataset(littered)
    assert [data[number].stem for number in range(len(data))] == ["p000", "p001", "p002"]


@pytest.mark.parametrize("inside", [False, True])
def test_splits(littered, tmp_path, inside):
    """The folder's own files in `train`, and the system's folders beside it."""
    base = tmp_path / "splits"
    shutil.copytree(littered, base / "train")
    for name in FOLDERS:
        shutil.copytree(littered / "images", base / name / "images")
        shutil.copytree(littered / "labels", base / name / "labels")
    if inside:
        for name in ("images", "labels", "instances"):
            shutil.copytree(littered / name, base / name / "train")
        shutil.rmtree(base / "train")
    assert [pair.stem for pair in list_pairs(base, "train").pairs] == ["p000", "p001", "p002"]
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        list_pairs(base)
    assert not any(name in str(caught.value) for name in FOLDERS)


def test_maps_of_generate(littered):
    names = ["p000.png", "p001.png", "p002.png"]
    assert [one.source for one in find_maps([littered / "labels"], subfolders=False)] == names
    assert [one.source for one in find_maps([littered])] == names


def test_rows(littered, tmp_path):
    listing = list_pairs(littered)
    write_shards(listing, listing.spec(), tmp_path / "rows", ShardOptions(num_shards=1))
    for name in FOLDERS:
        (tmp_path / "rows" / name).mkdir()
        (tmp_path / "rows" / name / "train-00000.parquet").write_bytes(MAC)
    (tmp_path / "rows" / "data" / "._train-00000-of-00001.parquet").write_bytes(MAC)
    assert len(DataSource(name=str(tmp_path / "rows"), cache_dir=str(tmp_path / "cache")).open()) == 3
