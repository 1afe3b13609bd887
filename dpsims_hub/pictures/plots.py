"""Plots with matplotlib, an optional dependency; no display is needed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dpsims_hub.storage.atomic_write import atomic_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def new_figure(width: float, height: float) -> Figure:
    """An empty figure; width and height in inches of 130 pixels."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=130, layout="constrained")


def save_figure(figure: Figure, path: Path) -> None:
    """Writes a PNG atomically.

    Raises:
        OSError: the file cannot be written there.
    """
    with atomic_file(path) as unfinished:
        figure.savefig(unfinished, format="png")
