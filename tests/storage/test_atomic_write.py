"""What is written is complete or absent, and what cannot be written is said in one sentence."""

from __future__ import annotations

import pytest

from dpsims_hub.storage.atomic_write import (
    atomic_file,
    atomic_folder,
    check_new_folder,
    write_text_atomically,
)


def test_text_replaces_text_and_makes_its_folder(tmp_path):
    write_text_atomically(tmp_path / "new" / "a.md", "one")
    write_text_atomically(str(tmp_path / "new" / "a.md"), "zwölf")
    assert (tmp_path / "new" / "a.md").read_bytes() == "zwölf".encode()
    assert len(list((tmp_path / "new").iterdir())) == 1


@pytest.mark.parametrize("hidden", [False, True])
def test_until_the_end_the_old_file_stays(tmp_path, hidden):
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")
    with atomic_file(target, hidden=hidden) as unfinished:
        unfinished.write_bytes(b"new")
        assert unfinished.parent == tmp_path
        assert unfinished.name.endswith(".tmp")  # what uploads leave out
        assert unfinished.name.startswith(".") is hidden
        assert target.read_bytes() == b"old"
    assert target.read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]


@pytest.mark.parametrize("fault", [KeyboardInterrupt, ValueError])
def test_what_stops_half_way_leaves_the_old_file_and_nothing_else(tmp_path, fault):
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")

    def write_half() -> None:
        with atomic_file(target) as unfinished:
            unfinished.write_bytes(b"ne")
            raise fault

    with pytest.raises(fault):
        write_half()
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]


def test_what_cannot_be_written_is_one_sentence_with_advice(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"^cannot write .*a\.md \(.+\); choose another --json\.$"):
        write_text_atomically(tmp_path / "file" / "a.md", "text", "choose another --json")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match=r"^cannot write .*folder \([^()]+\)\.$"):
        write_text_atomically(tmp_path / "folder", "text")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_a_new_folder_has_its_name_when_it_is_complete(tmp_path):
    target = tmp_path / "deep" / "model"
    leftover = tmp_path / "deep" / "model.tmp"
    leftover.mkdir(parents=True)
    (leftover / "of an earlier try").write_text("")
    with atomic_folder(target) as unfinished:
        (unfinished / "a").write_text("new")
        assert not target.exists()
    assert [path.relative_to(tmp_path).as_posix() for path in sorted(tmp_path.rglob("*"))] == [
        "deep",
        "deep/model",
        "deep/model/a",
    ]


def test_a_new_folder_that_fails_leaves_nothing(tmp_path):
    def write_half() -> None:
        with atomic_folder(tmp_path / "model") as unfinished:
            (unfinished / "a").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert list(tmp_path.iterdir()) == []


def test_only_a_missing_or_empty_folder_is_new(tmp_path):
    check_new_folder(tmp_path / "missing")
    check_new_folder(tmp_path)
    (tmp_path / "a").write_text("")
    for taken in (tmp_path, tmp_path / "a"):
        with pytest.raises(FileExistsError, match="is already there; delete it, or choose another folder"):
            check_new_folder(taken)
