"""The numbers of the report, with their intervals, from the records of the measures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dpsims_hub.evaluation.distances import distance_rows
from dpsims_hub.evaluation.exposure import exposure_rows
from dpsims_hub.evaluation.measures import Measure
from dpsims_hub.evaluation.resampling import draw_counts, interval, mean_with_interval
from dpsims_hub.evaluation.scenes import ACROSS, ALIKE, APART, GENERATED, JUDGED, within
from dpsims_hub.evaluation.segmentation_scores import iou_by_class, mean_iou, pixel_accuracy
from dpsims_hub.evaluation.settings import Settings
from dpsims_hub.labels import ClassSpec

JUDGES = ("segmenter", "probe")  # the better one first


class Summary:
    """The numbers of an evaluation from its records.

    Args:
        records: of all scenes, by measure, then by "features/KIND", "differences/PAIRS" or "counts/KIND".
        train: features of the training photos by measure, empty without them.
        settings: of the evaluation.
    """

    def __init__(
        self,
        records: Mapping[str, Mapping[str, np.ndarray]],
        train: Mapping[str, np.ndarray],
        settings: Settings,
    ) -> None:
        self.records, self.train, self.settings = records, train, settings

    def report(self, measures: Sequence[Measure], spec: ClassSpec) -> dict[str, Any]:
        """The parts of the report that come from measures; None for missing measures."""
        described = {measure.name: measure.description for measure in measures}
        return {
            "distances": self._distances("backbone"),
            "inception": self._inception(described),
            "diversity": self._diversity(),
            "lpips": described.get("lpips"),
            "exposure": self._exposure(),
            "faithfulness": self._faithfulness(),
            "segmentation": self._segmentation(described, spec),
        }

    def per_map(self) -> tuple[str, np.ndarray] | None:
        """The better judge and its mean IoU (n,) of each generated photo; None without a judge."""
        for name in JUDGES:
            if name in self.records:
                return name, mean_iou(self.records[name][f"counts/{GENERATED}"])
        return None

    def _parts(self, measure: str, part: str) -> dict[str, np.ndarray]:
        """The arrays named part/KIND of a record, by kind, in the order of the report."""
        record = self.records[measure]
        kinds = (*JUDGED, within(self.settings.num_images), ACROSS, ALIKE, APART)
        return {kind: record[f"{part}/{kind}"] for kind in kinds if f"{part}/{kind}" in record}

    def _distances(self, measure: str) -> list[dict]:
        features = self._parts(measure, "features")
        return distance_rows(features, self.train.get(measure), self.settings.seed, self.settings.replicates)

    def _inception(self, described: Mapping[str, dict]) -> dict | None:
        if "inception" not in described:
            return None
        return {"features": described["inception"], "distances": self._distances("inception")}

    def _diversity(self) -> list[dict]:
        """One row for each kind of pair; n counts label maps or pairs."""
        rows = []
        learned = self._parts("lpips", "differences") if "lpips" in self.records else {}
        for kind, values in self._parts("backbone", "differences").items():
            columns = {"feature_distance": values[:, 0], "pixel_difference": values[:, 1]}
            if kind in learned:
                columns["lpips"] = learned[kind]
            row: dict[str, Any] = {"pairs": kind, "n": len(values)}
            for name, column in columns.items():
                row[name], row[f"{name}_interval"] = mean_with_interval(column, self._draws(len(column)))
            rows.append(row)
        return rows

    def _exposure(self) -> list[dict]:
        by_kind = self._parts("exposure", "exposure")
        if self.train:
            by_kind["real training photos"] = self.train["exposure"]
        return exposure_rows(by_kind)

    def _draws(self, count: int) -> np.ndarray:
        return draw_counts(count, self.settings.replicates, np.random.default_rng(self.settings.seed))

    def _faithfulness(self) -> list[dict] | None:
        return self._scores("probe", "probe_") if "probe" in self.records else None

    def _segmentation(self, described: Mapping[str, dict], spec: ClassSpec) -> dict | None:
        """The segmenter and its scores; those of the real photos are the ceiling."""
        if "segmenter" not in self.records:
            return None
        rows = self._scores("segmenter")
        for row in rows:
            counts = self.records["segmenter"][f"counts/{row['images']}"]
            row["class_iou"] = iou_by_class(counts.sum(axis=0), spec.names)
        return {"segmenter": described["segmenter"], "rows": rows}

    def _scores(self, judge: str, prefix: str = "") -> list[dict[str, Any]]:
        """One row for each kind of image: mean IoU and pixel accuracy over all pixels, by prefixed names."""
        rows = []
        for kind, counts in self._parts(judge, "counts").items():
            row: dict[str, Any] = {"images": kind, "n": len(counts)}
            drawn = np.einsum("rn,nck->rck", self._draws(len(counts)), counts)
            for name, score in (("mean_iou", mean_iou), ("pixel_accuracy", pixel_accuracy)):
                value = float(score(counts.sum(axis=0)))
                row[f"{prefix}{name}"] = value
                row[f"{prefix}{name}_interval"] = interval(value, score(drawn), (0, 1))
            rows.append(row)
        return rows
