"""Texts with one name a line: what may be something else than one name is refused by its line."""

from __future__ import annotations

import pytest

from dpsims_hub.labels import ClassSpec, ClassSpecError

COMMENT = "may be a comment or a class, which moves all ids after it"
BESIDE = "has a number beside the name"
SEVERAL = "holds more than one name"
REFUSED = [
    ("#0 road\n#1 sky", 1, COMMENT),
    ("road\n#1 lane\ncar", 2, COMMENT),
    ("road\n# 1 lane\ncar", 2, COMMENT),
    ("#road\nsky", 1, COMMENT),
    ("0: road\n1: sky", 1, BESIDE),
    ("road;0\nsky;1", 1, SEVERAL),
    ("road=0\nsky=1", 1, BESIDE),
    ("road 0\nsky 1", 1, BESIDE),
    ("road 3\nsky 1\ncar 2", 1, BESIDE),
    ("0 road\nsky\ncar", 1, BESIDE),
    ("road\n\nsky\n2 car\nbus", 4, BESIDE),
    ("road\nsky\n3 car\nbus", 3, BESIDE),
    ("void\n10 road\n20 sky", 2, BESIDE),
    ("0x0 road\n0x1 sky", 1, BESIDE),
    ("0) road\n1) sky", 1, BESIDE),
    ("0-road\n1-sky", 1, BESIDE),
    ("road->0\nsky->1", 1, BESIDE),
    ("road\nsky => 1\ncar", 2, BESIDE),
    ("road\nsky: 1\ncar", 2, BESIDE),
    ("road (0)\nsky (1)", 1, BESIDE),
    ("road_0\nsky_1", 1, BESIDE),
    ("road 0\nsky\ncar 2", 1, BESIDE),
    ("road 128 64 128\nsky 1 2 3", 1, "has a colour beside the name"),
    ("road\n1, 2,3 sky", 2, "has a colour beside the name"),
    ("0\n1\n2", 1, "is a number, not a name"),
    ("road\nsky\n2", 3, "is a number, not a name"),
    ("id name\n0 road\n1 sky", 2, BESIDE),
    ("name\nroad\nsky", 1, "may be a heading, which would be class 0"),
    ("Class_Name\nroad\nsky", 1, "may be a heading"),
    ("road;sky;car", 1, SEVERAL),
    ("road\nsky;water\ncar", 2, SEVERAL),
    ("road\tgrey\nsky\tblue", 1, SEVERAL),
    ("road|sky|car", 1, SEVERAL),
    ("road    sky\ncar", 1, SEVERAL),
    ("road, sky, car", 1, "is the only one, and may be one name or several"),
    ("road sky car", 1, "is the only one"),
    ("road/sky", 1, "is the only one"),
    ("road,\nsky,", 1, "ends in a sign that is no part of a name"),
    ("road\nsky:", 2, "ends in a sign"),
    ("(0) road\n(1) sky", 1, "begins with (, which is no part of a name"),
    ("[0] road\n[1] sky", 1, "begins with ["),
    ("[road, sky]", 1, "begins with ["),
    ("{road", 1, "begins with {"),
    ("- road\n- sky", 1, "begins with -"),
    ("\u2022 road\n\u2022 sky", 1, "begins with \u2022"),
    ("// mine\nroad", 1, "begins with /"),
    ('"road"\n"sky"', 1, 'begins with "'),
    ("road\nsky # blue", 2, "may hold a comment"),
    ("road\nsky // blue", 2, "may hold a comment"),
    ("road\nsky\n\x1a", 3, "has a control character"),
    ("road:1,2,3::\nsky", 2, "is not NAME:RED,GREEN,BLUE:: as others"),
]


@pytest.mark.parametrize(("content", "line", "words"), REFUSED, ids=[repr(case[0]) for case in REFUSED])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["unix", "dos"])
def test_a_line_that_may_be_something_else_is_named(tmp_path, content, line, words, end):
    path = tmp_path / "l.txt"
    path.write_bytes(content.replace("\n", end).encode())
    with pytest.raises(ClassSpecError) as caught:
        ClassSpec.load(path)
    text = content.split("\n")[line - 1]
    assert str(caught.value).startswith(f"{path}: line {line} ({text!r}) {words}")
    assert str(caught.value).endswith(
        '; write the names as a JSON list in the order of the ids, ["road", "sky"].'
    )


@pytest.mark.parametrize("content", ["# 2 classes\n#\nroad\nsky", "##\nroad\n# the rest\nsky", "road\nsky\n"])
def test_comments_are_no_classes(tmp_path, content):
    (tmp_path / "l.txt").write_text(content)
    assert ClassSpec.load(tmp_path / "l.txt").names == ("road", "sky")
