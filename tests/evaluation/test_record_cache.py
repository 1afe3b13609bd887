import numpy as np
import pytest

from dpsims_hub.evaluation.record_cache import RecordCache, key_of

RECORD = {"features/real": np.arange(6.0).reshape(2, 3), "counts": np.array([[1, 2]], np.int64)}


class Maker:
    """Makes the record, and counts how often."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> dict[str, np.ndarray]:
        self.calls += 1
        return dict(RECORD)


def same(found: dict[str, np.ndarray]) -> bool:
    return found.keys() == RECORD.keys() and all(
        np.array_equal(found[name], RECORD[name]) and found[name].dtype == RECORD[name].dtype
        for name in RECORD
    )


def test_a_record_is_made_once(tmp_path):
    make, key = Maker(), key_of("a", 1)
    cache = RecordCache(tmp_path / "deep" / "cache")
    assert same(cache.fetch(key, make))
    assert same(RecordCache(tmp_path / "deep" / "cache").fetch(key, make))
    assert make.calls == 1
    cache.fetch(key_of("a", 2), make)
    assert make.calls == 2
    assert not list(tmp_path.rglob("*.tmp"))


@pytest.mark.parametrize("damage", ["cut", "changed", "emptied"])
def test_a_damaged_file_is_made_again_with_a_sentence(tmp_path, damage):
    make, said = Maker(), []
    cache = RecordCache(tmp_path, said.append)
    cache.fetch(key_of("a"), make)
    (path,) = tmp_path.rglob("*.features")
    content = path.read_bytes()
    broken = {"cut": content[:-9], "changed": content[:-1] + b"!", "emptied": b""}
    path.write_bytes(broken[damage])
    assert same(cache.fetch(key_of("a"), make))
    assert make.calls == 2
    assert len(said) == 1
    assert f"{path}: this file of cached features is damaged" in said[0]
    assert same(cache.fetch(key_of("a"), make))
    assert make.calls == 2
    assert len(said) == 1


def test_nothing_is_kept_without_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make = Maker()
    assert same(RecordCache(None).fetch("k", make))
    assert same(RecordCache(None).fetch("k", make))
    assert make.calls == 2
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"cannot write .*file.*--cache, or give --no-cache"):
        RecordCache(tmp_path / "file").fetch("kk", Maker())


def test_keys_tell_everything_apart():
    keys = {key_of(*parts) for parts in ((1, 2), (12,), ("1", 2), ({"a": 1, "b": 2},), ([1, 2],), (1, [2]))}
    assert len(keys) == 6
    assert key_of({"a": 1, "b": 2}) == key_of({"b": 2, "a": 1})
