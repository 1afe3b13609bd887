from __future__ import annotations

import json
import math
from collections import Counter

import datasets
import numpy as np
import pytest
from PIL import Image

from dpsims_hub.labels.sources.data_source import DataSource
from dpsims_hub.labels.sources.layouts import list_pairs
from dpsims_hub.labels.sources.shards import ShardOptions, write_shards
from dpsims_hub.labels.survey.opened_source import open_for_survey
from dpsims_hub.labels.survey.report import format_survey, survey_facts
from dpsims_hub.labels.survey.survey import MAX_KEPT, Fault, Survey, survey_pairs
from tests.labels.pair_folders import (
    CLASSES,
    HEIGHT,
    WIDTH,
    cut_off,
    label_rows,
    make_pairs,
    object_rows,
    photo_of,
)
from tests.labels.png_files import RGB, write_png
from tests.labels.survey.surveyed import survey_folder, survey_of

datasets.config.SLEEP_TIME_ON_THREADS_SHUTDOWN = 0


def kinds(survey: Survey) -> dict[str, int]:
    return {kind: count for kind, count in survey.num_faults.items() if count}


def only_fault(survey: Survey, kind: str) -> Fault:
    assert kinds(survey) == {kind: 1}
    (fault,) = survey.faults[kind]
    return fault


def counted_by_hand(count: int) -> tuple[Counter, Counter]:
    """Pixels and photos of every value, one pixel after the other."""
    pixels, photos = Counter(), Counter()
    for number in range(count):
        seen = set()
        for row in label_rows(number):
            for value in row:
                pixels[value] += 1
                seen.add(value)
        photos.update(seen)
    return pixels, photos


def objects_by_hand(count: int) -> int:
    """Objects of class 2, the only thing: different numbers under its pixels."""
    total = 0
    for number in range(count):
        labels, objects = label_rows(number), object_rows(number)
        total += len({objects[y][x] for y in range(HEIGHT) for x in range(WIDTH) if labels[y][x] == 2})
    return total


@pytest.mark.parametrize("source_kind", ["folder", "table", "stream", "imagefolder"])
@pytest.mark.parametrize("workers", [0, 3])
def test_counts_by_every_data_source(tmp_path, source_kind, workers):
    root = make_pairs(tmp_path / "pairs", 7, instances=source_kind != "imagefolder")
    source = DataSource(directory=str(root))
    if source_kind == "imagefolder":
        names = [(next((root / "images").glob(f"p{n:03d}.*")).name, f"p{n:03d}.png") for n in range(7)]
        lines = [{"image_file_name": f"images/{a}", "label_file_name": f"labels/{b}"} for a, b in names]
        (root / "metadata.jsonl").write_text("\n".join(map(json.dumps, lines)))
        source = DataSource(name=str(root), cache_dir=str(tmp_path / "cache"))
    elif source_kind != "folder":
        listing = list_pairs(root)
        write_shards(listing, listing.spec(), tmp_path / "out", ShardOptions(num_shards=2))
        cache = str(tmp_path / "cache")
        source = DataSource(name=str(tmp_path / "out"), streaming=source_kind == "stream", cache_dir=cache)
    survey = survey_of(source, workers)
    pixels, photos = counted_by_hand(7)
    assert (survey.num_pairs, survey.num_good, kinds(survey)) == (7, 7, {})
    assert survey.pixels.tolist() == [pixels[value] for value in (0, 1, 2, 3, 255)]
    assert survey.photos.tolist() == [photos[value] for value in (0, 1, 2, 3, 255)]
    assert survey.sizes == {(HEIGHT, WIDTH): 7}
    assert survey.kinds["photo"] == {"PNG RGB": 4, "JPEG RGB": 3}
    assert survey.kinds["label"] == {"PNG L": 7}
    assert survey.num_objects == (0 if source_kind == "imagefolder" else objects_by_hand(7))
    assert len(survey.examples.chosen()) == 7


def test_facts_say_shares_and_what_never_came(tmp_path):
    facts = survey_facts(survey_folder(make_pairs(tmp_path, 5)), "mine")
    pixels, photos = counted_by_hand(5)
    total = 5 * HEIGHT * WIDTH
    for entry in facts["present"]:
        assert entry["share"] == pytest.approx(pixels[entry["id"]] / total)
        assert entry["photo_share"] == pytest.approx(photos[entry["id"]] / 5)
        assert CLASSES[entry["id"]]["name"] == entry["name"]
    assert [entry["pixels"] for entry in facts["present"]] == sorted(
        (pixels[value] for value in range(3)), reverse=True
    )
    assert facts["never_seen"] == ["moon"]
    assert facts["unknown"]["share"] == pytest.approx(pixels[255] / total)
    assert math.fsum(entry["share"] for entry in (*facts["present"], facts["unknown"])) == pytest.approx(1)
    assert facts["sizes"]["counts"] == [{"width": WIDTH, "height": HEIGHT, "photos": 5}]
    assert facts["objects"] is None
    assert json.loads(json.dumps(facts)) == facts


def lossy_map(path):
    Image.new("L", (WIDTH, HEIGHT)).save(path.with_suffix(".jpg"))
    path.with_suffix(".jpg").rename(path)


def deep_photo(path):
    Image.fromarray(np.zeros((HEIGHT, WIDTH), np.uint16)).save(path, format="PNG")


FAULTS = {
    "cut-off photo": ("unreadable", cut_off, "images/p002.png", "is damaged or cut off"),
    "cut-off map": ("unreadable", cut_off, "labels/p002.png", "is damaged or cut off"),
    "no image": ("unreadable", lambda p: p.write_text("<html>"), "images/p002.png", "is not an image"),
    "empty file": ("unreadable", lambda p: p.write_bytes(b""), "labels/p002.png", "is not an image"),
    "damaged objects": ("unreadable", cut_off, "instances/p002.png", "is not an image"),
    "photo as a folder": ("unreadable", lambda p: (p.unlink(), p.mkdir()), "images/p002.png", "is a folder"),
    "lossy map": ("format", lossy_map, "labels/p002.png", "is a JPEG file"),
    "map in other colours": (
        "format",
        lambda p: write_png(p, [[9, 8, 7] * WIDTH] * HEIGHT, kind=RGB),
        "labels/p002.png",
        "colour that is not in the palette",
    ),
    "photo of 16 bits": ("format", deep_photo, "images/p002.png", "more than 8 bits a channel"),
    "lossy objects": ("format", lossy_map, "instances/p002.png", "is a JPEG file"),
    "objects in colour": (
        "format",
        lambda p: write_png(p, [[9, 8, 7] * WIDTH] * HEIGHT, kind=RGB),
        "instances/p002.png",
        "object numbers must be",
    ),
    "small map": ("size", lambda p: write_png(p, label_rows(2, 4, 4)), "labels/p002.png", "make them equal"),
    "small objects": ("size", lambda p: write_png(p, [[1] * 4] * 4), "instances/p002.png", "make them equal"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("source_kind", ["folder", "stream"])
def test_every_kind_of_fault(tmp_path, fault, source_kind):
    """One bad file is one fault, and the others are counted as if it were not there."""
    kind, spoil, name, words = FAULTS[fault]
    root = make_pairs(tmp_path / "pairs", 5, instances=True)
    if source_kind == "stream" and fault == "photo as a folder":
        pytest.skip("a row holds bytes, never a folder")
    spoil(root / name)
    source = DataSource(directory=str(root))
    if source_kind == "stream":
        source = DataSource(name=str(shards_unchecked(root, tmp_path / "shard.parquet")), streaming=True)
    survey = survey_of(source)
    found = only_fault(survey, kind)
    assert words in found.message
    assert "p002" in found.name
    assert "p002" in found.message
    assert (survey.num_pairs, survey.num_good) == (5, 4)
    assert survey.pixels.sum() == 4 * HEIGHT * WIDTH


def shards_unchecked(root, path):
    """A parquet file of a folder's bytes, good or bad."""
    columns = {"image": "images", "label": "labels", "instances": "instances"}
    rows = {
        column: [
            {"bytes": file.read_bytes(), "path": file.name}
            for file in sorted((root / folder).iterdir(), key=lambda file: file.stem)
        ]
        for column, folder in columns.items()
    }
    features = datasets.Features(dict.fromkeys(rows, datasets.Image()))
    datasets.Dataset.from_dict(rows, features=features).to_parquet(path)
    (path.parent / "classes.json").write_text(json.dumps(CLASSES))
    return path


def test_wrong_ids_are_counted(tmp_path):
    root = make_pairs(tmp_path, 4)
    rows = label_rows(1)
    rows[0][:7] = [9] * 7
    rows[1][:2] = [77] * 2
    write_png(root / "labels" / "p001.png", rows)
    found = only_fault(survey_folder(root), "ids")
    assert found.name == str(root / "labels" / "p001.png")
    assert (found.value, found.pixels) == (9, 7)
    assert "value 9 on 7 of 60 px and 1 other such value(s) is no class" in found.message


def test_wrong_ids_by_a_stored_value_rule_and_16_bits(tmp_path):
    root = make_pairs(tmp_path, 2)
    (root / "classes.json").write_text(json.dumps({"classes": CLASSES, "stored": {"offset": 1}}))
    write_png(root / "labels" / "p000.png", [[1, 2, 3, 0]], depth=8)
    write_png(root / "images" / "p000.png", [[0] * 12], kind=RGB)
    write_png(root / "labels" / "p001.png", [[4000] * 3 + [1] * 7] * HEIGHT, depth=16)
    survey = survey_folder(root)
    faults = {fault.name[-8:]: (fault.value, fault.pixels) for fault in survey.faults["ids"]}
    assert faults == {"p000.png": (0, 1), "p001.png": (4000, 18)}


def test_two_bad_files_of_one_pair_are_two_faults(tmp_path):
    root = make_pairs(tmp_path, 3)
    cut_off(photo_of(root, "p001"))
    write_png(root / "labels" / "p001.png", [[200] * WIDTH] * HEIGHT)
    survey = survey_folder(root)
    assert kinds(survey) == {"unreadable": 1, "ids": 1}
    assert (survey.num_pairs, survey.num_good) == (3, 2)


def test_files_without_partners_are_listed(tmp_path):
    root = make_pairs(tmp_path, 5, instances=True)
    photo_of(root, "p000").unlink()
    (root / "labels" / "p001.png").unlink()
    (root / "instances" / "p002.png").unlink()
    survey = survey_folder(root)
    assert sorted(fault.name.removeprefix(f"{root}/") for fault in survey.faults["unpaired"]) == [
        "images/p001.jpg",
        "images/p002.png",
        "labels/p000.png",
    ]


def test_a_file_that_goes_while_reading(tmp_path):
    root = make_pairs(tmp_path, 3)
    opened = open_for_survey(DataSource(directory=str(root)))
    (root / "labels" / "p001.png").unlink()
    survey = Survey(opened.spec)
    survey_pairs(survey, opened.pairs)
    assert "p001.png: cannot be read (no such file)" in only_fault(survey, "unreadable").message


@pytest.mark.parametrize("workers", [0, 2])
def test_a_source_that_breaks_off_is_a_fault(tmp_path, workers):
    opened = open_for_survey(DataSource(directory=str(make_pairs(tmp_path, 3))))

    def breaks_off():
        yield next(opened.pairs)
        yield next(opened.pairs)
        raise RuntimeError("the line is dead")

    survey = Survey(opened.spec)
    survey_pairs(survey, breaks_off(), workers)
    assert survey.num_good == 2
    assert "reading stopped (the line is dead)" in only_fault(survey, "unreadable").message


def test_many_faults_are_counted_and_few_kept(tmp_path):
    survey = survey_folder(make_pairs(tmp_path, 1))
    for number in range(MAX_KEPT + 5):
        survey.add_fault(Fault("size", str(number), f"{number}: too small."))
    facts = survey_facts(survey, "mine")
    assert facts["num_errors"] == facts["errors"]["size"]["count"] == MAX_KEPT + 5
    assert len(facts["errors"]["size"]["listed"]) == MAX_KEPT
    assert f"... and {MAX_KEPT + 5 - 10} more" in format_survey(facts)


def test_advice(tmp_path):
    root = make_pairs(tmp_path, 3, instances=True)
    big = [[0] * 150 for _ in range(100)]
    big[0][0] = 3
    write_png(root / "labels" / "p000.png", big)
    write_png(root / "images" / "p000.png", [[1] * 450] * 100, kind=RGB)
    write_png(root / "instances" / "p000.png", [[1] * 150] * 100)
    write_png(root / "labels" / "p001.png", [[255] * WIDTH] * HEIGHT)
    (root / "classes.json").write_text(json.dumps([entry["name"] for entry in CLASSES]))
    facts = survey_facts(survey_folder(root), "mine")
    said = " ".join(facts["advice"])
    assert "1 class(es) have less than 0.01% of the pixels each and will hardly be learned: moon." in said
    assert "side below 64 px" in said
    assert "1 map(s) hold nothing but unknown" in said
    assert 'no class has "kind": "thing"' in said
    assert facts["sizes"]["smallest"] == {"width": WIDTH, "height": HEIGHT}
    assert facts["sizes"]["largest"] == {"width": 150, "height": 100}
    assert facts["unknown"]["maps_all_unknown"] == 1


def test_the_text_holds_the_facts(tmp_path):
    root = make_pairs(tmp_path, 5)
    cut_off(photo_of(root, "p004"))
    facts = survey_facts(survey_folder(root), "mine")
    text = format_survey(facts)
    for words in ("mine", "5 read, 4 good, 1 bad", "10x6 x 4", "never seen (1): moon", "errors: 1"):
        assert words in text
    for entry in (*facts["present"], facts["unknown"]):
        assert f"{entry['share']:.2%}" in text
    assert facts["errors"]["unreadable"]["listed"][0]["message"] in text
    assert {entry["photo_share"] for entry in facts["present"]} == {1.0}  # of the four good ones
