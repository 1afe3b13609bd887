"""Evaluation of a model: distances to real photos, segmentation scores, diversity, speed, the recipe."""

from dpsims_hub.evaluation.frechet import frechet_distance
from dpsims_hub.evaluation.measure import Evaluation
from dpsims_hub.evaluation.report import format_report, save_report
from dpsims_hub.evaluation.settings import Settings

__all__ = [
    "Evaluation",
    "Settings",
    "format_report",
    "frechet_distance",
    "save_report",
]
