"""Measuring what a model makes: distances between photos, diversity, speed, each with its whole recipe."""

from dpsims_hub.evaluation.features import load_backbone
from dpsims_hub.evaluation.frechet import frechet_distance
from dpsims_hub.evaluation.measure import Settings, count_images, evaluate
from dpsims_hub.evaluation.report import format_report, save_report

__all__ = [
    "Settings",
    "count_images",
    "evaluate",
    "format_report",
    "frechet_distance",
    "load_backbone",
    "save_report",
]
