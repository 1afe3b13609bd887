"""Which label maps a command line names, and what they are called."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dpsims_hub.generation.map_files import check_apart, check_name_lengths, find_maps, unique_names


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_subfolders_are_searched_in_order_and_hidden_files_are_not(tmp_path):
    touch(tmp_path, "b.png", "a.PNG", "town/z.tif", "town/deep/y.png", ".hidden/x.png", ".w.png", "notes.txt")
    found = find_maps([tmp_path])
    assert [(one.source, one.name) for one in found] == [
        ("a.PNG", "a"),
        ("b.png", "b"),
        ("town/deep/y.png", "town__deep__y"),
        ("town/z.tif", "town__z"),
    ]
    assert [one.path for one in found] == [tmp_path / one.source for one in found]


def test_a_data_set_stands_for_its_labels(tmp_path):
    touch(tmp_path, "images/a.png", "labels/a.png", "labels/b.png")
    assert [one.path for one in find_maps([tmp_path])] == [
        tmp_path / "labels/a.png",
        tmp_path / "labels/b.png",
    ]


def test_a_link_back_to_a_folder_above_is_followed_once(tmp_path):
    touch(tmp_path, "town/a.png")
    (tmp_path / "town" / "back").symlink_to(tmp_path)
    assert [one.source for one in find_maps([tmp_path])] == ["town/a.png"]


def test_names_are_unique_whatever_the_paths_are():
    sources = ["a/b.png", "a__b.png", "c.png", "c.tif", "C.png", "c__2.png", "c.gif", "x.y.png"]
    names = unique_names(sources)
    assert names == ["a__b", "a__b__2", "c", "c__3", "C__4", "c__2", "c__5", "x.y"]
    assert len({name.casefold() for name in names}) == len(sources)


def test_a_name_too_long_for_a_file_is_refused(tmp_path):
    touch(tmp_path, f"{'d' * 120}/{'f' * 120}.png")
    with pytest.raises(ValueError, match="shorten the path"):
        check_name_lengths(find_maps([tmp_path]))


def test_a_folder_without_maps_is_refused(tmp_path):
    touch(tmp_path, "town/notes.txt")
    with pytest.raises(FileNotFoundError, match="holds no label maps"):
        find_maps([tmp_path])
    with pytest.raises(FileNotFoundError, match="no such file"):
        find_maps([tmp_path / "none"])


def test_a_data_set_does_not_lie_among_its_maps(tmp_path):
    touch(tmp_path, "maps/a.png", "data/labels/b.png")
    for inside in ("maps", "maps/new", "data/labels/new"):
        with pytest.raises(ValueError, match="where the label maps are"):
            check_apart([tmp_path / "maps", tmp_path / "data"], tmp_path / inside)
    check_apart([tmp_path / "maps", tmp_path / "data"], tmp_path / "data" / "new")


@pytest.mark.parametrize("subfolders", [True, False])
def test_names_that_are_no_utf_8_are_refused_in_signs_that_can_be_printed(tmp_path, subfolders):
    with open(os.fsencode(tmp_path) + b"/caf\xe9.png", "wb"):
        pass
    with pytest.raises(ValueError, match=r"caf\\udce9\.png: its name is not UTF-8; rename it\.$") as caught:
        find_maps([tmp_path], subfolders=subfolders)
    str(caught.value).encode()
