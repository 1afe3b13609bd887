"""Plots with matplotlib, which is no requirement: found missing before the work, drawn without a screen."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from dpsims_hub.storage.atomic_write import atomic_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def require_matplotlib() -> None:
    """Finds out before the work whether a plot can be drawn after it.

    Raises:
        ValueError: matplotlib is not installed.
    """
    try:
        importlib.import_module("matplotlib")
    except ImportError as error:
        raise ValueError(
            "the plot needs matplotlib; pip install matplotlib, or go without the plot."
        ) from error


def new_figure(width: float, height: float) -> Figure:
    """An empty figure that needs no screen; sides in inches at 130 pixels each."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Figure, path: Path) -> None:
    """Writes a PNG atomically.

    Raises:
        OSError: the file cannot be written there.
    """
    with atomic_file(path) as unfinished:
        figure.savefig(unfinished, format="png")
