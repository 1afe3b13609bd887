"""What is looked at in a scene: features of pictures, differences of pairs, pixels of each class.

A measure turns a scene into a record: arrays with one row for each label map, named "features/KIND",
"differences/PAIRS" or "counts/KIND". Measures know nothing of each other; each is kept on disk by itself.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from dpsims_hub.evaluation.diversity import differences_within, mean_over_pairs, pair_differences
from dpsims_hub.evaluation.features import feature_maps, pooled
from dpsims_hub.evaluation.inception import InceptionFeatures
from dpsims_hub.evaluation.lpips import Lpips
from dpsims_hub.evaluation.scenes import COLOURED, GENERATED, PAINTED, REAL, STRANGERS, Scene
from dpsims_hub.models import PretrainedBackbone

COMPARED = (GENERATED, REAL, COLOURED, PAINTED)
JUDGED = (*COMPARED, STRANGERS)

ACROSS = "generated and real photo of one label map"
APART = "real photos of different label maps"
ALIKE = "real photos of the most similar label maps"


def within(count: int) -> str:
    """What the report calls the K photos of one label map."""
    return f"{count} generated photos of one label map"


class Measure(Protocol):
    """One way to look at scenes."""

    name: str
    description: dict[str, Any]

    def look(self, scene: Scene) -> dict[str, np.ndarray]:
        """The record of a scene."""


class Judge(Protocol):
    """Says which classes pictures look like: a segmenter or the pixel probe."""

    description: dict[str, Any]

    def judge(self, images: np.ndarray, label_maps: np.ndarray) -> np.ndarray:
        """`class_counts` (B, N, 3) of images (B, H, W, 3) that should follow label maps (B, H, W)."""

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Ids (B, h, w), perhaps at a smaller size."""


class BackboneMeasure:
    """Features of every kind of picture on a timm backbone, and differences of pairs in the same features.

    Args:
        backbone: the network.
        description: of `describe_backbone`.
    """

    name = "backbone"

    def __init__(self, backbone: PretrainedBackbone, description: dict[str, Any]) -> None:
        self.backbone = backbone
        self.description = description

    def vectors(self, photos: np.ndarray) -> np.ndarray:
        """Pooled features (B, D) of photos (B, H, W, 3) uint8."""
        return pooled(feature_maps(self.backbone, photos))

    def look(self, scene: Scene) -> dict[str, np.ndarray]:
        """Features of `COMPARED`, differences of the four kinds of pairs."""
        fakes, real = scene.fakes, scene.pictures(REAL)
        count = fakes.shape[1]
        fake_maps = feature_maps(self.backbone, fakes.reshape(-1, *fakes.shape[2:]))
        first_maps, real_maps = [maps[::count] for maps in fake_maps], feature_maps(self.backbone, real)
        record = {f"features/{GENERATED}": pooled(first_maps), f"features/{REAL}": pooled(real_maps)}
        for kind in (COLOURED, PAINTED):
            record[f"features/{kind}"] = self.vectors(scene.pictures(kind))
        record[f"differences/{within(count)}"] = differences_within(fake_maps, fakes)
        across = pair_differences(first_maps, real_maps, fakes[:, 0], real)
        record[f"differences/{ACROSS}"] = across
        for kind, others in ((ALIKE, scene.neighbours), (APART, scene.strangers)):
            maps = feature_maps(self.backbone, others)
            record[f"differences/{kind}"] = pair_differences(real_maps, maps, real, others)
        return record


class InceptionMeasure:
    """Inception features of every kind of picture."""

    name = "inception"

    def __init__(self, inception: InceptionFeatures) -> None:
        self.vectors = inception.vectors
        self.description = inception.description

    def look(self, scene: Scene) -> dict[str, np.ndarray]:
        """Features of `COMPARED`."""
        return {f"features/{kind}": self.vectors(scene.pictures(kind)) for kind in COMPARED}


class LpipsMeasure:
    """LPIPS of every kind of pair."""

    name = "lpips"

    def __init__(self, lpips: Lpips) -> None:
        self.distances = lpips.distances
        self.description = lpips.description

    def look(self, scene: Scene) -> dict[str, np.ndarray]:
        """Differences of the four kinds of pairs."""
        fakes, real = scene.fakes, scene.pictures(REAL)
        pairs = {
            ACROSS: self.distances(fakes[:, 0], real),
            ALIKE: self.distances(real, scene.neighbours),
            APART: self.distances(real, scene.strangers),
        }
        inside = mean_over_pairs(fakes.shape[1], lambda a, b: self.distances(fakes[:, a], fakes[:, b]))
        pairs[within(fakes.shape[1])] = inside
        return {f"differences/{kind}": values for kind, values in pairs.items()}


class JudgeMeasure:
    """Pixels of each class that a judge finds again in every kind of picture.

    Args:
        name: in the report.
        judge: the segmenter or the probe.
    """

    def __init__(self, name: str, judge: Judge) -> None:
        self.name = name
        self.judge = judge

    @property
    def description(self) -> dict[str, Any]:
        """What the judge says of itself; the probe knows it when it is fitted."""
        return self.judge.description

    def look(self, scene: Scene) -> dict[str, np.ndarray]:
        """Counts of `JUDGED`."""
        return {f"counts/{kind}": self.judge.judge(scene.pictures(kind), scene.label_maps) for kind in JUDGED}
