"""The measures of an evaluation.

A measure turns a scene into a record: arrays with one row for each label map, named "features/KIND",
"differences/PAIRS" or "counts/KIND". The records of each measure are cached separately.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from dpsims_hub.evaluation.diversity import differences_within, pair_differences
from dpsims_hub.evaluation.features import feature_maps, pooled
from dpsims_hub.evaluation.scenes import (
    ACROSS,
    ALIKE,
    APART,
    COLOURED,
    GENERATED,
    JUDGED,
    PAINTED,
    REAL,
    Scene,
    within,
)
from dpsims_hub.models import PretrainedBackbone


class Measure(Protocol):
    """Name and description (JSON-safe) are part of the cache's keys."""

    name: str
    description: dict[str, Any]

    def record(self, scene: Scene) -> dict[str, np.ndarray]:
        """The record of a scene."""


class Judge(Protocol):
    """Predicts the classes of pictures: a segmenter or the pixel probe."""

    description: dict[str, Any]

    def judge(self, images: np.ndarray, label_maps: np.ndarray) -> np.ndarray:
        """`class_counts` (B, N, 3) of images (B, H, W, 3) that should follow label maps (B, H, W)."""

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Ids (B, h, w), perhaps at a smaller size."""


class BackboneMeasure:
    """Features of pictures on a timm backbone, and differences of pairs in the same features.

    `description` is that of `describe_backbone`.
    """

    name = "backbone"

    def __init__(self, backbone: PretrainedBackbone, description: dict[str, Any]) -> None:
        self.backbone = backbone
        self.description = description

    def vectors(self, photos: np.ndarray) -> np.ndarray:
        """Pooled features (B, D) of photos (B, H, W, 3) uint8."""
        return pooled(feature_maps(self.backbone, photos))

    def record(self, scene: Scene) -> dict[str, np.ndarray]:
        """Features of the kinds in `COMPARED`, differences of the four kinds of pairs."""
        fakes, real = scene.fakes, scene.pictures(REAL)
        count = fakes.shape[1]
        fake_maps = feature_maps(self.backbone, fakes.reshape(-1, *fakes.shape[2:]))
        first_maps, real_maps = [maps[::count] for maps in fake_maps], feature_maps(self.backbone, real)
        record = {f"features/{GENERATED}": pooled(first_maps), f"features/{REAL}": pooled(real_maps)}
        for kind in (COLOURED, PAINTED):
            record[f"features/{kind}"] = self.vectors(scene.pictures(kind))
        record[f"differences/{within(count)}"] = differences_within(fake_maps, fakes)
        record[f"differences/{ACROSS}"] = pair_differences(first_maps, real_maps, fakes[:, 0], real)
        for kind, photos in ((ALIKE, scene.neighbours), (APART, scene.others)):
            maps = feature_maps(self.backbone, photos)
            record[f"differences/{kind}"] = pair_differences(real_maps, maps, real, photos)
        return record


class JudgeMeasure:
    """Counts of correct, true and predicted pixels of each class by a judge; `name` is that in the report."""

    def __init__(self, name: str, judge: Judge) -> None:
        self.name = name
        self.judge = judge

    @property
    def description(self) -> dict[str, Any]:
        """The judge's description; the probe has one after `fit`."""
        return self.judge.description

    def record(self, scene: Scene) -> dict[str, np.ndarray]:
        """Counts of the kinds in `JUDGED`."""
        return {f"counts/{kind}": self.judge.judge(scene.pictures(kind), scene.label_maps) for kind in JUDGED}
