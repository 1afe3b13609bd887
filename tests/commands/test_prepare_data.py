import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import datasets
import pyarrow.parquet
import pytest

from dpsims_hub.commands import main
from dpsims_hub.labels.sources.data_source import DataSource
from tests.labels.pair_folders import CLASSES, cut_off, label_rows, make_pairs, photo_of

ROOT = Path(__file__).parents[2]
datasets.config.SLEEP_TIME_ON_THREADS_SHUTDOWN = 0


def prepare(*options: object) -> int:
    return main(["prepare-data", *map(str, options)])


def names(out: Path) -> list[str]:
    return sorted(path.name for path in (out / "data").iterdir())


def label_files(out: Path, split: str) -> list[str]:
    """Names of the label files in the order of the rows."""
    shards = sorted((out / "data").glob(f"{split}-*"))
    rows = [row for path in shards for row in pyarrow.parquet.read_table(path).to_pylist()]
    return [row["label"]["path"] for row in rows]


def test_a_folder_becomes_shards_that_training_opens(tmp_path, capsys):
    root, out = make_pairs(tmp_path / "pairs", 11), tmp_path / "new" / "out"
    assert prepare(root, out, "--num-shards", 3) == 0
    printed = capsys.readouterr().out
    assert "train: 11 pairs in 3 shard(s)" in printed
    assert f"train_accelerate.py --dataset_name {out} --train_split train --streaming" in printed
    assert names(out) == [f"train-0000{number}-of-00003.parquet" for number in range(3)]
    samples = list(DataSource(name=str(out), streaming=True).open())
    assert sorted(sample.stem for sample in samples) == [f"p{number:03d}" for number in range(11)]
    for sample in samples:
        assert sample.label_map.tolist() == label_rows(int(sample.stem[1:]))


def test_two_splits_at_once_or_one_after_the_other(tmp_path, capsys):
    train, val = make_pairs(tmp_path / "train", 5), make_pairs(tmp_path / "val", 3)
    at_once, later = tmp_path / "at_once", tmp_path / "later"
    assert prepare(train, at_once, "--validation", val, "--num-shards", 2) == 0
    assert "--streaming --validation_split validation" in capsys.readouterr().out
    assert prepare(train, later, "--num-shards", 2) == 0
    assert prepare(val, later, "--split", "validation", "--num-shards", 2) == 0
    assert names(at_once) == names(later)
    for name in names(later):
        assert (at_once / "data" / name).read_bytes() == (later / "data" / name).read_bytes()
    assert (at_once / "README.md").read_text() == (later / "README.md").read_text()


def test_a_data_set_in_splits(tmp_path):
    for split, count in (("train", 4), ("val", 2)):
        make_pairs(tmp_path / "data" / split, count)
        (tmp_path / "data" / split / "classes.json").unlink()
    (tmp_path / "data" / "classes.json").write_text(json.dumps(CLASSES))
    assert prepare(tmp_path / "data", tmp_path / "out") == 0
    assert prepare(tmp_path / "data", tmp_path / "out", "--split", "val") == 0
    assert [len(label_files(tmp_path / "out", split)) for split in ("train", "val")] == [4, 2]


def test_seed_and_number_of_samples(tmp_path):
    root = make_pairs(tmp_path / "pairs", 20)
    for name, options in {"a": (), "b": ("--seed", 1), "c": ("--seed", 1, "--max-samples", 6)}.items():
        assert prepare(root, tmp_path / name, *options) == 0
    a, b, c = (label_files(tmp_path / name, "train") for name in "abc")
    assert a != b
    assert sorted(a) == sorted(b)
    assert c == b[:6]


def test_other_classes(tmp_path):
    root, out = make_pairs(tmp_path / "pairs", 2), tmp_path / "out"
    (tmp_path / "mine.json").write_text('["a", "b", "c", "d", "e"]')
    assert prepare(root, out, "--classes", tmp_path / "mine.json") == 0
    assert DataSource(name=str(out), streaming=True).open().spec.names == ("a", "b", "c", "d", "e")


def test_a_bad_pair(tmp_path, refused, capsys):
    root, out = make_pairs(tmp_path / "pairs", 6), tmp_path / "out"
    cut_off(photo_of(root, "p003"))
    assert "p003.jpg: cannot be opened as an image" in refused("prepare-data", root, out)
    assert not list(tmp_path.glob("out*"))
    assert prepare(root, out, "--skip-bad", 1) == 0
    printed = capsys.readouterr()
    assert "left out: " in printed.err
    assert "p003.jpg" in printed.err
    assert "train: 5 pairs" in printed.out
    assert "p003.png" not in label_files(out, "train")


BAD_USAGE = {
    "no output": (("PAIRS",), "OUT"),
    "no such folder": (("nowhere", "OUT"), "nowhere: no such folder"),
    "no pairs there": (
        ("pairs/images", "OUT"),
        "the folder above, pairs; it has no split 'train' either",
    ),
    "split": (("PAIRS", "OUT", "--split", "my-split"), "split 'my-split' must be letters"),
    "no shards": (("PAIRS", "OUT", "--num-shards", "0"), "'0' is not a whole number from 1"),
    "one split twice": (("PAIRS", "OUT", "--split", "validation", "--validation", "PAIRS"), "leave one out"),
    "no such validation": (("PAIRS", "OUT", "--validation", "nowhere"), "nowhere: no such folder"),
    "no such classes": (("PAIRS", "OUT", "--classes", "nowhere"), "nowhere: neither a built-in class list"),
    "output is no shards": (("PAIRS", "PAIRS"), "exists and holds no shards"),
    "output below a file": (("PAIRS", "PAIRS/classes.json/out"), "cannot write"),
}


@pytest.mark.parametrize("fault", BAD_USAGE)
def test_bad_usage(tmp_path, monkeypatch, refused, fault):
    words, said = BAD_USAGE[fault]
    monkeypatch.chdir(tmp_path)
    make_pairs(tmp_path / "pairs", 2)
    words = [word.replace("PAIRS", "pairs").replace("OUT", "out") for word in words]
    assert said in refused("prepare-data", *words)
    assert not list(tmp_path.glob("out*"))


def test_ctrl_c_leaves_nothing(tmp_path):
    """A real signal to a real process, sent when it has begun to write."""
    root, out = make_pairs(tmp_path / "pairs", 400), tmp_path / "out"
    program = "import sys; from dpsims_hub.commands import main; sys.exit(main(sys.argv[1:]))"
    run = subprocess.Popen(
        [sys.executable, "-c", program, "prepare-data", str(root), str(out), "--num-shards", "400"],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    begun = tmp_path / "out.train.tmp" / "data" / "train-00003-of-00400.parquet"
    while run.poll() is None and not begun.exists():
        time.sleep(0.01)
    run.send_signal(signal.SIGINT)
    said = run.communicate(timeout=100)[1]
    assert run.returncode == 130, said
    assert "dpsims: stopped; no half-written split remains" in said
    assert "photo" not in said  # the sentence of other commands
    assert not list(tmp_path.glob("out*"))
