"""The notes of a report, which explain how to read its numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dpsims_hub.evaluation.exposure import CLIPPED
from dpsims_hub.evaluation.resampling import METHOD


def notes_for(report: Mapping, missing: Sequence[str] = ()) -> list[str]:
    """The notes of a report; the first are the sentences on what was not measured (`missing`)."""
    notes = [*missing, *_on_distances(report), *_on_segmenter(report)]
    notes.append(
        "Feature distance: 1 - cosine at each place, image mean removed, mean over the feature maps of more "
        "than one place; 0 for equal, 1 for unrelated photos. Pixel difference: mean absolute, of the full "
        "range; brightness alone raises it."
    )
    notes.append(
        "Brightness: mean luma of a photo, 0 to 255, and its standard deviation over the photos. White and "
        f"black pixels: all channels within {CLIPPED} levels of an end. A model that copies its training "
        "photos copies their burnt skies too: read its values beside theirs."
    )
    if report["faithfulness"]:
        notes.append(
            "The pixel probe is a ridge regression on colour and texture, fitted on the real training "
            "photos: no segmenter. Read its values only beside that of the real photos; one at or above it "
            "means that the probe sees no more, not that the photos follow their maps better than real ones."
        )
    else:
        notes.append(
            "Pixel probe and the floor of real training photos: not measured (they need --train-data or "
            "--train-split)."
        )
    if report["bootstrap_draws"]:
        notes.append(
            f"In brackets: {METHOD} ({report['bootstrap_draws']} draws). It assumes that photos are "
            "independent; for frames of one video the intervals may be too narrow."
        )
    return notes


def _on_distances(report: Mapping) -> list[str]:
    name, dimension = report["features"]["backbone"], report["features"]["dimension"]
    count = report["data"]["pairs"]
    singular = (
        f", fewer than its {dimension} dimensions, so that covariances are singular; the distance of the "
        "samples is exact in any case"
        if count <= dimension
        else ""
    )
    notes = [
        f"FD-{name} is a Frechet distance of this backbone's pooled features; FID means Inception features.",
        f"Few photos bias it upwards (n = {count}{singular}): compare values of equal n only. KD, the kernel "
        "distance, has no such bias.",
        "If this backbone was the discriminator's encoder in training, the generator was trained on these "
        "very features.",
        "The label maps are those of the real photos and fix what is where, so a value below real training "
        "photos does not mean better than real.",
        "Precision: share of the images in the manifold of the real photos; recall: the reverse (k = 3). "
        "Their intervals leave the manifolds as they are.",
    ]
    if report["inception"]:
        notes.append(
            f"FID of {count} photos, not of 50,000, at {report['size']['width']}x{report['size']['height']}; "
            f"photos are resized for Inception: {report['inception']['features']['resizing']}."
        )
    return notes


def _on_segmenter(report: Mapping) -> list[str]:
    if not report["segmentation"]:
        return []
    described = report["segmentation"]["segmenter"]
    notes = [
        f"Segmenter: {described['segmenter']} ({described['architecture']}, {described['input']}); classes "
        f"paired {described['classes']}. Its value on the real photos is the ceiling."
    ]
    if described["classes_it_cannot_see"]:
        names = ", ".join(described["classes_it_cannot_see"])
        notes.append(f"The segmenter has no class for: {names}; their pixels count as unknown.")
    return notes
