import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dpsims_hub.commands import main
from dpsims_hub.commands.check_data import counted_warnings
from dpsims_hub.labels import ClassSpec
from tests.labels.pair_folders import CLASSES, cut_off, make_pairs, photo_of
from tests.labels.png_files import RGB, write_png

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
CAMVID_TRAIN = {"Road": 31.65, "Building": 23.25, "Sky": 16.85, "Tree": 9.72, "Bicyclist": 0.29}  # SOURCE.md


def check(*options: object) -> int:
    return main(["check-data", *map(str, options)])


def test_good_data(tmp_path, capsys):
    root = make_pairs(tmp_path / "pairs", 9)
    sheet, report = tmp_path / "a" / "s.png", tmp_path / "b" / "r.json"
    assert check(root, "--sheet", sheet, "--json", report) == 0
    printed = capsys.readouterr().out
    facts = json.loads(report.read_text())
    assert "9 read, 9 good, 0 bad" in printed
    assert "no errors" in printed
    assert str(sheet) in printed
    assert facts["source"] == str(root)
    assert facts["num_errors"] == 0
    for entry in facts["present"]:
        assert f"{entry['share']:.2%}" in printed
    assert sorted(path.name for path in tmp_path.rglob("*.tmp")) == []


def test_the_sheet_shows_photos_beside_coloured_maps(tmp_path):
    root, sheet = make_pairs(tmp_path / "pairs", 9), tmp_path / "sheet.png"
    assert check(root, "--sheet", sheet) == 0
    picture = np.asarray(Image.open(sheet)).reshape(-1, 3)
    colours, counts = np.unique(picture, axis=0, return_counts=True)
    shown = dict(zip(map(tuple, colours.tolist()), counts.tolist(), strict=True))
    for entry in CLASSES[:3]:
        assert shown.get(tuple(entry["rgb"]), 0) > 8 * 10 * 6  # eight maps, a third of each, enlarged
    assert tuple(CLASSES[3]["rgb"]) not in shown  # neither in a map nor in the legend


def test_the_default_sheet_and_none(tmp_path, monkeypatch):
    root = make_pairs(tmp_path / "pairs", 1)
    monkeypatch.chdir(tmp_path)
    assert check(root, "--no-sheet") == 0
    assert not (tmp_path / "outputs").exists()
    assert check(root) == 0
    assert (tmp_path / "outputs" / "check-data.png").is_file()


def test_json_alone_on_stdout(tmp_path, capsys):
    root = make_pairs(tmp_path / "pairs", 3)
    assert check(root, "--json", "-", "--sheet", tmp_path / "sheet.png") == 0
    facts = json.loads(capsys.readouterr().out)
    assert set(facts) == {
        *("source", "classes", "pairs", "sizes", "formats", "present", "never_seen", "unknown"),
        *("objects", "num_errors", "errors", "advice"),
        *("turned_photos", "other_palettes", "only_0_and_255", "mixed_masks", "class_255_in_8_bits"),
    }
    assert set(facts["errors"]) == {"unpaired", "unreadable", "ids", "format", "size"}
    assert facts["pairs"] == {"read": 3, "good": 3, "bad": 0}


def test_errors_are_listed_and_the_pass_goes_on(tmp_path, capsys):
    root = make_pairs(tmp_path / "pairs", 9)
    cut_off(photo_of(root, "p001"))
    write_png(root / "labels" / "p003.png", [[200] * 10] * 6)
    (root / "labels" / "p005.png").unlink()
    assert check(root, "--no-sheet", "--json", tmp_path / "r.json") == 1
    printed = capsys.readouterr().out
    facts = json.loads((tmp_path / "r.json").read_text())
    assert facts["pairs"] == {"read": 8, "good": 6, "bad": 2}
    assert {kind: errors["count"] for kind, errors in facts["errors"].items() if errors["count"]} == {
        "unpaired": 1,
        "unreadable": 1,
        "ids": 1,
    }
    (wrong,) = facts["errors"]["ids"]["listed"]
    assert (Path(wrong["name"]).name, wrong["value"], wrong["pixels"]) == ("p003.png", 200, 60)
    assert "errors: 3" in printed
    for name in ("p001.jpg", "p003.png", "p005.jpg"):
        assert name in printed


def test_nothing_good_makes_no_sheet(tmp_path):
    root = make_pairs(tmp_path / "pairs", 1)
    cut_off(photo_of(root, "p000"))
    assert check(root, "--sheet", tmp_path / "sheet.png") == 1
    assert not (tmp_path / "sheet.png").exists()


def test_the_first_pairs_only(tmp_path, capsys):
    root = make_pairs(tmp_path / "pairs", 9)
    cut_off(photo_of(root, "p006"))
    assert check(root, "--no-sheet", "--max-samples", "5") == 0
    assert "5 read, 5 good" in capsys.readouterr().out
    assert check(root, "--no-sheet", "--max-samples", "7") == 1


SOURCE_KINDS = [
    ("OUT",),
    ("OUT", "--streaming"),
    ("--dataset-name", "OUT"),
    ("--dataset_name", "OUT", "--streaming"),
]


@pytest.mark.parametrize("source_kind", SOURCE_KINDS)
def test_shards_by_their_folder_or_by_name(tmp_path, capsys, source_kind):
    root, out = make_pairs(tmp_path / "pairs", 5, instances=True), tmp_path / "out"
    assert main(["prepare-data", str(root), str(out), "--num-shards", "2"]) == 0
    assert check(root, "--no-sheet", "--json", tmp_path / "folder.json") == 0
    words = [str(out) if word == "OUT" else word for word in (*source_kind, "--no-sheet")]
    assert check(*words, "--cache-dir", tmp_path / "cache", "--json", tmp_path / "rows.json") == 0
    folder, rows = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("folder", "rows"))
    for facts in (folder, rows):
        del facts["source"], facts["classes"]["name"]
        facts["formats"] = {column: sorted(kinds.items()) for column, kinds in facts["formats"].items()}
    assert rows == folder


def test_other_column_names_and_classes(tmp_path, capsys):
    import datasets

    root = make_pairs(tmp_path / "pairs", 2)
    paths = [[str(path) for path in sorted((root / name).iterdir())] for name in ("images", "labels")]
    features = datasets.Features({"photo": datasets.Image(), "mask": datasets.Image()})
    table = datasets.Dataset.from_dict({"photo": paths[0], "mask": paths[1]}, features=features)
    (tmp_path / "rows").mkdir()
    table.to_parquet(tmp_path / "rows" / "train.parquet")
    options = ("--streaming", "--no-sheet", "--image-column", "photo", "--label-column", "mask")
    assert check(tmp_path / "rows", *options) == 2
    assert "--classes" in capsys.readouterr().err
    assert check(tmp_path / "rows", *options, "--classes", root / "classes.json") == 0


BAD_USAGE = {
    "nothing": ((), "nothing to read; give one"),
    "both sources": (("PAIRS", "--dataset-name", "x/y"), "DIR and --dataset-name both name data"),
    "no such folder": (("./nowhere",), "nowhere: no such folder"),
    "no such split": (("PAIRS", "--split", "test"), "no such folder"),
    "no such classes": (("PAIRS", "--classes", "nowhere.json"), "nowhere.json: neither a built-in"),
    "streamed folder": (("PAIRS", "--streaming"), "cannot be streamed"),
    "no samples": (("PAIRS", "--max-samples", "0"), "'0' is not a whole number from 1"),
    "workers": (("PAIRS", "--workers", "-1"), "--workers"),
    "sheet and none": (("PAIRS", "--sheet", "a.png", "--no-sheet"), "not allowed with"),
    "sheet is a folder": (("PAIRS", "--sheet", "PAIRS"), "cannot write"),
    "json is a folder": (("PAIRS", "--no-sheet", "--json", "PAIRS"), "cannot write"),
}


@pytest.mark.parametrize("fault", BAD_USAGE)
def test_bad_usage(tmp_path, refused, fault):
    words, said = BAD_USAGE[fault]
    root = str(make_pairs(tmp_path / "pairs", 1))
    assert said in refused("check-data", *[root if word == "PAIRS" else word for word in words])


def test_an_empty_folder(tmp_path, refused):
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
    (tmp_path / "classes.json").write_text('["a"]')
    assert "holds no pairs" in refused("check-data", tmp_path)


def test_warnings_become_one_line_of_advice(tmp_path, capsys):
    """Two classes of one colour: maps in colours cannot tell them apart, and every file says so."""
    root = make_pairs(tmp_path / "pairs", 4)
    twins = [{"id": 0, "name": "road", "rgb": [9, 9, 9]}, {"id": 1, "name": "tower", "rgb": [9, 9, 9]}]
    (root / "classes.json").write_text(json.dumps(twins))
    for number in range(4):
        write_png(root / "labels" / f"p{number:03d}.png", [[9] * 30] * 6, kind=RGB)
    assert check(root, "--no-sheet") == 0
    printed = capsys.readouterr()
    assert "1. 4 x colour (9, 9, 9) is shared by road, tower" in printed.out
    assert "shared by" not in printed.err


def test_other_warnings_are_not_swallowed():
    with warnings.catch_warnings(record=True) as passed_on:
        warnings.simplefilter("always")
        with counted_warnings() as noted:
            warnings.warn("file: twice", stacklevel=1)
            warnings.warn("other file: twice", stacklevel=1)
            warnings.warn("file: old", DeprecationWarning, stacklevel=1)
    assert noted == {"twice": 2}
    assert [str(warning.message) for warning in passed_on] == ["file: old"]


@pytest.mark.skipif(not (SHARED / "camvid").is_dir(), reason="the shared data are not here")
def test_shares_of_camvid(tmp_path):
    """Against the shares that were counted when the data were made."""
    report, sheet = tmp_path / "report.json", tmp_path / "sheet.png"
    assert check(SHARED / "camvid", "--split", "train", "--json", report, "--sheet", sheet) == 0
    facts = json.loads(report.read_text())
    shares = {entry["name"]: 100 * entry["share"] for entry in facts["present"]}
    for name, share in CAMVID_TRAIN.items():
        assert shares[name] == pytest.approx(share, abs=0.005)
    assert 100 * facts["unknown"]["share"] == pytest.approx(3.95, abs=0.005)
    assert facts["pairs"]["read"] == 367
    assert facts["classes"]["num_classes"] == ClassSpec.load("camvid").num_classes
