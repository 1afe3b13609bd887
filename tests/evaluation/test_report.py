import json

import pytest

from dpsims_hub.evaluation.report import format_report, format_table, notes_for, save_report

REPORT = {
    "model": {"name": "runs/one"},
    "data": {"name": "city/val", "pairs": 101},
    "size": {"width": 128, "height": 96},
    "seed": 5,
    "features": {
        "backbone": "tinynet",
        "dimension": 488,
        "pooling": "global average",
        "weights": "tiny.safetensors",
    },
    "resizing": {"real photos": "Lanczos", "label maps": "nearest neighbour"},
    "distances": [
        {"images": "generated photos", "n": 101, "against": "real photos", "n_against": 100, "value": 223.456}
    ],
    "diversity": [{"pairs": "4 photos", "n": 99, "feature_distance": 0.12345, "pixel_difference": 0.0678}],
    "faithfulness": [{"images": "painted", "n": 98, "probe_mean_iou": 0.314, "probe_pixel_accuracy": 0.672}],
    "speed": {"seconds_per_photo": 0.0421, "photos_per_second": 23.75, "what": "batch 1", "dtype": "float32"},
    "machine": {
        "device": "cpu",
        "processor": "Z80",
        "torch_threads": 2,
        "cores": 4,
        "load_of_last_minute": 0.3,
    },
    "notes": ["mind the gap"],
}


def test_text_holds_every_number_and_its_recipe():
    text = format_report(REPORT)
    for words in (
        *("runs/one", "city/val", "128x96", "seed 5", "FD-tinynet", "223.5", "101", "100", "0.123", "0.068"),
        *("painted", "98", "31.4%", "67.2%"),
        *(
            "42 ms",
            "23.8 photos/s",
            "Z80",
            "2 of 4 threads",
            "Lanczos",
            "nearest neighbour",
            "488 dimensions",
        ),
        *("tiny.safetensors", "- mind the gap", "global average"),
    ):
        assert words in text
    assert "FID" not in text


def test_table_is_aligned_markdown():
    assert format_table([("a", "bb"), ("ccc", "d")]) == "| a   | bb |\n|-----|----|\n| ccc | d  |"


def test_notes_name_the_backbone_and_the_number_of_photos():
    notes = "\n".join(notes_for(REPORT))
    assert "FD-tinynet" in notes
    assert "n = 101, fewer than its 488 dimensions" in notes
    assert "no segmenter" in notes
    assert "not measured" not in notes
    bare = REPORT | {"faithfulness": None}
    assert "not measured (it needs --train-data)" in "\n".join(notes_for(bare))
    assert "pixel probe" not in format_report(bare)
    many = REPORT | {"data": {"pairs": 5000}}
    assert "(n = 5000):" in "\n".join(notes_for(many))


def test_saved_report_is_the_report(tmp_path):
    path = tmp_path / "new" / "report.json"
    save_report(REPORT, path)
    save_report(REPORT | {"seed": 6}, path)
    assert json.loads(path.read_text()) == REPORT | {"seed": 6}
    assert [file.name for file in path.parent.iterdir()] == ["report.json"]


def test_report_that_cannot_be_written_leaves_nothing(tmp_path):
    (tmp_path / "report.json").mkdir()
    with pytest.raises(OSError, match=r"cannot write .*report\.json .*choose another --output"):
        save_report(REPORT, tmp_path / "report.json")
    assert [path.name for path in tmp_path.rglob("*")] == ["report.json"]
