import json
import re

import pytest

from dpsims_hub.evaluation.notes import notes_for
from dpsims_hub.evaluation.report import format_report, format_table, save_report


def distances(value: float) -> list[dict]:
    empty = dict.fromkeys(("interval", "kernel_interval", "precision_interval", "recall_interval"))
    bare = {"n": 98, "against": "real photos", "n_against": 100, "value": 6.5, "kernel_distance": 0.1}
    bare |= {"precision": None, "recall": None, "images": "painted"} | empty
    whole = bare | {
        "images": "generated photos",
        "n": 101,
        "value": value,
        "interval": [value - 3, value + 4],
    }
    whole |= {"kernel_distance": 1.2345, "kernel_interval": [1.1, 1.3], "precision": 0.876, "recall": 0.123}
    return [whole | {"precision_interval": [0.8, 0.9], "recall_interval": [0.1, 0.2]}, bare]


REPORT = {
    "model": {"name": "runs/one"},
    "data": {"name": "city/val", "pairs": 101},
    "size": {"width": 128, "height": 96},
    "seed": 5,
    "bootstrap_draws": 77,
    "features": {
        "backbone": "tinynet",
        "dimension": 488,
        "pooling": "global average",
        "weights": "tiny.safetensors",
    },
    "resizing": {"real photos": "Lanczos", "label maps": "nearest neighbour"},
    "distances": distances(223.456),
    "inception": None,
    "segmentation": None,
    "diversity": [
        {"pairs": "4 photos", "n": 99, "feature_distance": 0.12345, "feature_distance_interval": [0.11, 0.13]}
        | {"pixel_difference": 0.0678, "pixel_difference_interval": None}
    ],
    "exposure": [
        {"images": "real photos", "n": 96, "brightness": 123.44, "brightness_deviation": 17.36}
        | {"white_share": 0.0321, "black_share": 0.0045}
    ],
    "faithfulness": [
        {"images": "painted", "n": 98, "probe_mean_iou": 0.314, "probe_mean_iou_interval": [0.3, 0.33]}
        | {"probe_pixel_accuracy": 0.672, "probe_pixel_accuracy_interval": None}
    ],
    "speed": {
        "seconds_per_photo": 0.0421,
        "photos_per_second": 23.75,
        "what": "batch 1",
        "dtype": "float32",
        "peak_memory_bytes": 3 * 2**29,
        "memory_of": "the process",
    },
    "machine": {
        "device": "cpu",
        "processor": "Z80",
        "torch_threads": 2,
        "cores": 4,
        "load_of_last_minute": 0.3,
    },
    "notes": ["mind the gap"],
}
SCORES = {"n": 97, "mean_iou": 0.512, "mean_iou_interval": [0.5, 0.53], "pixel_accuracy": 0.83}
SEGMENTED = REPORT | {
    "inception": {"features": {"resizing": "bilinear"}, "distances": distances(18.25)},
    "segmentation": {
        "segmenter": {
            "segmenter": "someone/segformer",
            "architecture": "Segformer",
            "input": "512x512",
            "classes": "by name",
            "classes_it_cannot_see": ["pole"],
        },
        "rows": [
            SCORES | {"images": "generated photos", "class_iou": {"road": 0.7, "pole": None}},
            SCORES | {"images": "real photos", "class_iou": {"road": 0.9, "pole": None}},
            SCORES | {"images": "painted", "class_iou": {"road": 0.2, "pole": None}},
        ],
    },
}


def test_text_holds_every_number_and_its_recipe():
    text = format_report(REPORT)
    for words in (
        *("runs/one", "city/val", "128x96", "seed 5", "FD-tinynet", "KD-tinynet", "101", "100"),
        *("223.5 [220.5, 227.5]", "1.23 [1.1, 1.3]", "0.88 [0.80, 0.90]", "0.12 [0.10, 0.20]", "| 6.5 "),
        *("0.123 [0.110, 0.130]", "0.068", "painted", "98", "31.4% [30.0%, 33.0%]", "67.2%"),
        *("42 ms", "23.8 photos/s", "Z80", "2 of 4 threads", "peak memory 1536 MiB, the process"),
        *("Lanczos", "nearest neighbour", "488 dimensions", "tiny.safetensors", "- mind the gap"),
        *("123.4", "17.4", "3.2%", "0.4%", "96"),
        "global average",
    ):
        assert words in text
    for absent in ("FID", "LPIPS", "segmenter"):
        assert absent not in text


def test_text_of_a_segmenter_and_of_inception():
    text = format_report(SEGMENTED)
    assert re.search(r"\| FID +\| KID +\| precision", text)
    assert "18.25 [15.25, 22.25]" in text
    assert "mIoU of the segmenter" in text
    assert "51.2% [50.0%, 53.0%]" in text
    assert "| IoU of the segmenter | generated photos | real photos |" in text
    assert "| road                 | 70.0%            | 90.0%       |" in text
    assert "| pole                 | -                | -           |" in text
    lpips = [{"lpips": 0.4567, "lpips_interval": None} | one for one in REPORT["diversity"]]
    assert "| LPIPS | feature distance" in format_report(REPORT | {"diversity": lpips})


def test_table_is_aligned_markdown():
    assert format_table([("a", "bb"), ("ccc", "d")]) == "| a   | bb |\n|-----|----|\n| ccc | d  |"


def test_notes_name_the_backbone_and_the_number_of_photos():
    notes = "\n".join(notes_for(REPORT))
    assert "FD-tinynet" in notes
    assert "n = 101, fewer than its 488 dimensions" in notes
    assert "no segmenter" in notes
    assert "77 draws" in notes
    assert "not measured" not in notes
    bare = "\n".join(
        notes_for(REPORT | {"faithfulness": None, "bootstrap_draws": 0}, ["LPIPS: not measured."])
    )
    assert "not measured (they need --train-data" in bare
    assert "LPIPS: not measured." in bare
    assert "draws" not in bare
    assert "pixel probe" not in format_report(REPORT | {"faithfulness": None})
    many = REPORT | {"data": {"pairs": 5000}}
    assert "(n = 5000):" in "\n".join(notes_for(many))


def test_notes_on_segmenter_and_inception():
    notes = "\n".join(notes_for(SEGMENTED))
    assert "Segmenter: someone/segformer (Segformer, 512x512); classes paired by name." in notes
    assert "has no class for: pole; their pixels count as unknown" in notes
    assert "FID of 101 photos, not of 50,000, at 128x96; photos are resized for Inception: bilinear." in notes


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
