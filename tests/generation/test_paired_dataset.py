"""The writer of data sets: what lies on disk at every moment, and whom it lets in."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dpsims_hub.generation import paired_dataset
from dpsims_hub.generation.jobs import Job
from dpsims_hub.generation.paired_dataset import PairedDatasetWriter, encode_label, encode_photo
from dpsims_hub.generation.photo_plan import Plan
from dpsims_hub.labels import ClassSpec, FolderDataset

SPEC = ClassSpec.from_dict(
    {"name": "one off", "classes": ["sky", "road", "car"], "stored": {"offset": 1, "ignore_values": [0]}}
)
PLAN = Plan(
    [
        Job(Path("a.png"), "a.png", "a", sha256="0" * 64),
        Job(Path("town/b.png"), "town/b.png", "b", sha256="1" * 64),
    ],
    2,
    7,
)
SETTINGS = {"seed": 7, "num_images": 2, "size": None}
PHOTO = Image.fromarray(np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3))
IDS = np.array([[0, 1, 2, 255, 0, 1]] * 4, dtype=np.uint8)


def begin(folder: Path, plan: Plan = PLAN, settings: dict = SETTINGS, spec: ClassSpec = SPEC) -> set[str]:
    with PairedDatasetWriter(folder) as writer:
        writer.check(settings, spec)
        return writer.begin(plan, settings, {}, spec)


def write(folder: Path, *stems: str) -> None:
    for stem in stems:
        PairedDatasetWriter(folder).write(stem, PHOTO, encode_label(IDS), {"seed": "7"})


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_finished_data_set_reads_back_with_plain_ids(tmp_path):
    assert begin(tmp_path) == set()
    write(tmp_path, *PLAN.stems())
    PairedDatasetWriter(tmp_path).finish(PLAN)
    data = FolderDataset(tmp_path)
    assert [sample.stem for sample in data] == ["a_0", "a_1", "b_0", "b_1"]
    assert data.spec.names == SPEC.names
    assert data.spec.palette.tolist() == SPEC.palette.tolist()
    for sample in data:
        np.testing.assert_array_equal(sample.label_map, IDS)
        np.testing.assert_array_equal(np.asarray(sample.image), np.asarray(PHOTO))


def test_more_than_255_classes_are_stored_in_16_bits(tmp_path):
    spec = ClassSpec.from_dict([f"class {number}" for number in range(300)])
    ids = np.array([[0, 255, 256, 299, spec.ignore_index, 5]] * 4, dtype=spec.dtype)
    begin(tmp_path, spec=spec)
    for stem in PLAN.stems():
        PairedDatasetWriter(tmp_path).write(stem, PHOTO, encode_label(ids), {})
    np.testing.assert_array_equal(FolderDataset(tmp_path)[0].label_map, ids)


def test_seeds_and_maps_are_listed_only_when_all_photos_are_there(tmp_path):
    begin(tmp_path)
    write(tmp_path, "a_0", "a_1", "b_0")
    writer = PairedDatasetWriter(tmp_path)
    with pytest.raises(OSError, match="1 photos are missing"):
        writer.finish(PLAN)
    assert not (tmp_path / "metadata.jsonl").exists()
    write(tmp_path, "b_1")
    writer.finish(PLAN)
    lines = [json.loads(line) for line in (tmp_path / "metadata.jsonl").read_text().splitlines()]
    assert [line["seed"] for line in lines] == [7, 8, 9, 10]
    assert lines[2] == {
        "image_file_name": "images/b_0.png",
        "label_file_name": "labels/b_0.png",
        "seed": 9,
        "map": "town/b.png",
        "map_sha256": "1" * 64,
    }
    assert not (tmp_path / "plan.jsonl").exists()


def test_whatever_instant_it_is_killed_at_a_photo_has_its_label(tmp_path, monkeypatch):
    """Stops at every rename in turn, as a kill would, and looks at what is there."""
    begin(tmp_path)
    seen = []

    class Killed(BaseException):
        pass

    def killed_before(count: int):
        calls = iter(range(count))

        def rename(self: Path, target: Path) -> None:
            if next(calls, None) is None:
                raise Killed
            self.rename(target)

        return rename

    for renames in range(3):
        monkeypatch.setattr(paired_dataset.Path, "replace", killed_before(renames))
        with suppress(Killed):
            write(tmp_path, "a_0")
        seen.append([name for name in files(tmp_path) if name.endswith(".png")])
    assert seen == [[], ["labels/a_0.png"], ["images/a_0.png", "labels/a_0.png"]]


def test_continuing_removes_what_a_kill_left_and_knows_what_is_finished(tmp_path):
    begin(tmp_path)
    write(tmp_path, "a_0", "b_1")
    (tmp_path / "images" / "b_1.png").unlink()  # killed between label and photo
    for name in ("images/.a_1.png.tmp", "labels/.b_0.png.tmp", ".plan.jsonl.tmp"):
        (tmp_path / name).write_bytes(b"half")
    assert begin(tmp_path) == {"a_0"}
    assert not [name for name in files(tmp_path) if name.endswith(".tmp")]


@pytest.mark.parametrize("lost", ["classes.json", "plan.jsonl"])
def test_a_kill_while_it_is_begun_can_be_continued(tmp_path, lost):
    begin(tmp_path)
    before = (tmp_path / lost).read_bytes()
    (tmp_path / lost).unlink()
    begin(tmp_path)
    assert (tmp_path / lost).read_bytes() == before


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"settings": SETTINGS | {"seed": 8}}, "was begun with seed 7, not seed 8"),
        ({"settings": SETTINGS | {"size": "24x16"}}, "was begun with no size, not size 24x16"),
        ({"spec": replace(SPEC, name="other")}, "was begun with other classes"),
        (
            {"plan": replace(PLAN, maps=[PLAN.maps[0], replace(PLAN.maps[1], sha256="2" * 64)])},
            "town/b.png has",
        ),
        (
            {"plan": replace(PLAN, maps=[PLAN.maps[0], replace(PLAN.maps[1], source="c.png")])},
            "other label maps (town/b.png where c.png is now)",
        ),
        ({"plan": replace(PLAN, maps=PLAN.maps[:1])}, "other label maps (town/b.png where none is now)"),
    ],
)
@pytest.mark.parametrize("complete", [False, True])
def test_another_run_is_refused_and_changes_nothing(tmp_path, change, words, complete):
    begin(tmp_path)
    write(tmp_path, *PLAN.stems())
    if complete:
        PairedDatasetWriter(tmp_path).finish(PLAN)
    before = {name: (tmp_path / name).read_bytes() for name in files(tmp_path)}
    with pytest.raises(ValueError) as refusal:  # noqa: PT011 - the words are below
        begin(tmp_path, **change)
    assert words in str(refusal.value)
    assert str(tmp_path) in str(refusal.value)
    assert {name: (tmp_path / name).read_bytes() for name in files(tmp_path)} == before


def test_a_folder_with_other_things_is_refused(tmp_path):
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(ValueError, match=r"holds thesis.txt but no generation.json"):
        begin(tmp_path)


@pytest.mark.parametrize("name", ["images/z_0.png", "images/a_0.txt", "images/a_2.png", "labels/mine.png"])
def test_a_strange_file_is_refused(tmp_path, name):
    begin(tmp_path)
    (tmp_path / name).touch()
    with pytest.raises(ValueError, match=f"{Path(name).name} is not a file of this data set"):
        begin(tmp_path)


def test_two_runs_do_not_write_one_folder(tmp_path):
    pytest.importorskip("fcntl")
    with PairedDatasetWriter(tmp_path) as writer:
        writer.begin(PLAN, SETTINGS, {}, SPEC)
        with pytest.raises(ValueError, match="another run is writing to it"):
            begin(tmp_path)
    assert begin(tmp_path) == set()


def test_a_damaged_description_is_one_sentence(tmp_path):
    begin(tmp_path)
    (tmp_path / "generation.json").write_text('{"settings": ')
    with pytest.raises(ValueError, match=r"generation.json: is not valid JSON"):
        begin(tmp_path)


def test_a_full_disk_is_one_sentence_and_leaves_nothing_half(tmp_path, monkeypatch):
    begin(tmp_path)

    def full(self: Path, content: bytes) -> int:
        with self.open("wb") as file:
            file.write(content[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(paired_dataset.Path, "write_bytes", full)
    with pytest.raises(OSError, match=r"cannot write .*a_0.png \(No space left on device\)"):
        write(tmp_path, "a_0")
    assert not [name for name in files(tmp_path) if "a_0" in name]


def test_facts_travel_in_both_formats(tmp_path):
    facts = {"seed": "7", "label_map": "town/b.png"}
    for image_format in ("png", "jpg"):
        path = tmp_path / f"photo.{image_format}"
        path.write_bytes(encode_photo(PHOTO, image_format, facts))
        with Image.open(path) as image:
            image.load()
            assert image.size == (6, 4)
            found = image.text if image_format == "png" else json.loads(image.info["comment"])
        assert found == facts


def test_only_known_formats(tmp_path):
    with pytest.raises(ValueError, match="png or jpg, not 'gif'"):
        PairedDatasetWriter(tmp_path, "gif")
