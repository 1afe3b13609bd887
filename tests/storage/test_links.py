"""Links that lead in a circle, and links whose target is gone."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from dpsims_hub.commands import check_data, main
from dpsims_hub.generation.map_files import check_apart, check_outputs
from dpsims_hub.labels.sources.layouts import list_pairs
from dpsims_hub.storage.links import leads_nowhere, real_path
from dpsims_hub.storage.writable import check_file, check_writable
from tests.labels.pair_folders import make_pairs


@pytest.fixture(params=["circle", "gone"])
def link(request, tmp_path) -> Path:
    path = tmp_path / "link"
    path.symlink_to("link" if request.param == "circle" else "gone")
    return path


def test_a_place_behind_a_link_is_found_or_the_link_stays(tmp_path, link):
    (tmp_path / "real").mkdir()
    (tmp_path / "good").symlink_to("real")
    assert real_path(tmp_path / "good" / "a") == Path(os.path.realpath(tmp_path)) / "real" / "a"
    assert real_path(link).parent == Path(os.path.realpath(tmp_path))
    assert leads_nowhere(link)
    assert not leads_nowhere(tmp_path / "good")
    assert not leads_nowhere(tmp_path / "nothing")


def test_nothing_is_written_through_it(tmp_path, link):
    for check, path in ((check_writable, link), (check_writable, link / "a" / "b"), (check_file, link / "a")):
        with pytest.raises(
            OSError, match=f"cannot write to .*: {link} is a link that leads nowhere; choose another"
        ):
            check(path)
    with pytest.raises(OSError, match=f"cannot write {link}: the link leads nowhere; choose another"):
        check_file(link)
    with pytest.raises(OSError, match="leads nowhere"):
        check_apart([tmp_path], link)
    with pytest.raises(OSError, match="leads nowhere"):
        check_outputs([tmp_path / "a.png"], link, 1)


def test_maps_and_photos_that_are_such_links_are_told_apart_without_an_error(tmp_path, link):
    check_outputs([link], tmp_path / "out", 1)
    check_apart([link], tmp_path / "out")


def test_beside_the_folders_of_pairs_it_is_passed_over(tmp_path, link):
    make_pairs(tmp_path, 2)
    (tmp_path / "images" / "more").symlink_to("more")
    assert len(list_pairs(tmp_path).pairs) == 2


def test_what_the_system_says_is_a_sentence_with_the_path(monkeypatch, capsys):
    for number, words in (
        (errno.ELOOP, "its links lead in a circle; remove them."),
        (errno.EIO, "input/output error."),
    ):
        monkeypatch.setattr(check_data, "run", lambda _, number=number: open_that_fails(number))
        assert main(["check-data", "x"]) == 2
        assert capsys.readouterr().err == f"dpsims: some/file: {words}\n"


def open_that_fails(number):
    raise OSError(number, os.strerror(number), "some/file")
