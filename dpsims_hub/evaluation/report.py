"""The report of an evaluation: as text for people, as JSON for machines."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path


def notes_for(report: Mapping) -> list[str]:
    """What a reader must know to read the numbers rightly.

    Args:
        report: with "features", "data" and "faithfulness".
    """
    name, dimension = report["features"]["backbone"], report["features"]["dimension"]
    count = report["data"]["pairs"]
    singular = (
        f", fewer than its {dimension} dimensions, so that covariances are singular; the distance of the "
        "samples is exact all the same"
        if count <= dimension
        else ""
    )
    return [
        f"FD-{name} is a Frechet distance of this backbone's pooled features; FID means Inception features.",
        f"Few photos bias it upwards (n = {count}{singular}): compare values of equal n only.",
        "If this backbone was the discriminator's encoder in training, the generator was trained on these "
        "very features.",
        "The label maps are those of the real photos and fix what is where, so a value below real training "
        "photos does not mean better than real.",
        "Feature distance: 1 - cosine at each place, image mean removed, mean over the feature maps of more "
        "than one place; 0 for equal, 1 for unrelated photos. Pixel difference: mean absolute, of the full "
        "range; brightness alone raises it.",
        "The pixel probe is a ridge regression on colour and texture, fitted on the real training photos: no "
        "segmenter. Read its values only beside that of the real photos; one at or above it means that the "
        "probe sees no more, not that the photos follow their maps better than real ones."
        if report["faithfulness"]
        else "Faithfulness to the label maps: not measured (it needs --train-data).",
    ]


def format_report(report: Mapping) -> str:
    """The report as text: a heading, tables, speed, recipe, notes."""
    features, size, machine = report["features"], report["size"], report["machine"]
    heading = (
        f"model {report['model']['name']}, data {report['data']['name']} ({report['data']['pairs']} pairs), "
        f"{size['width']}x{size['height']}, seed {report['seed']}"
    )
    distances = [("images", "n", "against", "n", f"FD-{features['backbone']}")] + [
        (row["images"], str(row["n"]), row["against"], str(row["n_against"]), f"{row['value']:.4g}")
        for row in report["distances"]
    ]
    diversity = [("pairs of photos", "n", "feature distance", "pixel difference")] + [
        (row["pairs"], str(row["n"]), f"{row['feature_distance']:.3f}", f"{row['pixel_difference']:.3f}")
        for row in report["diversity"]
    ]
    faithfulness = [("images", "n", "mIoU of the pixel probe", "its pixel accuracy")] + [
        (row["images"], str(row["n"]), f"{row['probe_mean_iou']:.1%}", f"{row['probe_pixel_accuracy']:.1%}")
        for row in report["faithfulness"] or ()
    ]
    tables = [distances, diversity, faithfulness] if report["faithfulness"] else [distances, diversity]
    speed = report["speed"]
    timing = (
        f"{speed['seconds_per_photo'] * 1000:.0f} ms per photo ({speed['photos_per_second']:.3g} photos/s; "
        f"{speed['what']}, {speed['dtype']}; {machine['device']}, {machine['processor']}, "
        f"{machine['torch_threads']} of {machine['cores']} threads, load {machine['load_of_last_minute']})"
    )
    recipe = (
        f"features: {features['pooling']}, {features['dimension']} dimensions, {features['weights']}; "
        f"real photos: {report['resizing']['real photos']}; label maps: {report['resizing']['label maps']}"
    )
    notes = "\n".join(f"- {note}" for note in report["notes"])
    return "\n\n".join([heading, *map(format_table, tables), timing, recipe, notes])


def format_table(rows: Sequence[Sequence[str]]) -> str:
    """Aligned columns as a Markdown table; the first row is the header."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])


def save_report(report: Mapping, path: str | Path) -> None:
    """Writes the report as JSON, complete or not at all.

    Raises:
        OSError: the file cannot be written there.
    """
    path = Path(path)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
        unfinished.replace(path)
    except OSError as error:
        raise OSError(f"cannot write {path} ({error.strerror or error}); choose another --output.") from error
    finally:
        if path.parent.is_dir():
            unfinished.unlink(missing_ok=True)
