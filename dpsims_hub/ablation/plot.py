"""The plot of a study: one panel for each measure, with all runs, and mean and interval of each arm."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dpsims_hub.ablation.measures import is_lower_better
from dpsims_hub.ablation.results import titles_of
from dpsims_hub.pictures.plots import new_figure, save_figure

COLUMNS = 4
REFERENCE, OTHERS, REAL = "#1b6ca8", "#444444", "#2a9d4a"


def draw_study(result: Mapping, path: Path) -> None:
    """Draws a result of `collect` as PNG.

    Raises:
        ValueError: no run is finished.
    """
    titles = titles_of(result)
    if not titles:
        raise ValueError(f"study {result['study']} has no finished run to draw yet.")
    names = list(result["arms"])
    columns = min(COLUMNS, len(titles))
    rows = -(-len(titles) // columns)
    figure = new_figure(1.2 + 3 * columns, 0.5 + rows * (0.9 + 0.3 * len(names)))
    panels = figure.subplots(rows, columns, sharey=True, squeeze=False)
    for panel, title in zip(panels.flat, titles, strict=False):
        _draw_panel(panel, result, title)
    for panel in panels.flat[len(titles) :]:
        panel.set_visible(False)
    panels[0, 0].set_yticks(range(len(names)), names)
    panels[0, 0].invert_yaxis()
    figure.suptitle(
        f"{result['study']}: {result['steps']} steps, {result['resolution']}; "
        "dots: seeds, line: mean, bar: its 95 % interval (cut at the frame), dotted: real photos",
        fontsize=8,
    )
    save_figure(figure, path)


def _draw_panel(panel, result: Mapping, title: str) -> None:
    seen: list[float] = []
    for row, (name, arm) in enumerate(result["arms"].items()):
        cell = arm["measures"].get(title)
        if not cell or not cell["n"]:
            continue
        colour = REFERENCE if name == result["reference"] else OTHERS
        seen += cell["values"]
        if cell["half_width_95"] is not None:
            style = {"color": colour, "capsize": 3, "alpha": 0.5, "linewidth": 1.2}
            panel.errorbar(cell["mean"], row, xerr=cell["half_width_95"], **style)
        panel.vlines(cell["mean"], row - 0.2, row + 0.2, color=colour, linewidth=2)
        panel.plot(cell["values"], [row] * cell["n"], "o", color=colour, markersize=4)
    if (real := result["real_photos"].get(title)) is not None:
        panel.axvline(real, color=REAL, linestyle=":", linewidth=1.2)
        seen.append(real)
    low, high = min(seen), max(seen)
    room = 0.25 * (high - low) or 0.1 * abs(high) or 1.0
    panel.set_xlim(low - room, high + room)
    panel.set_title(title + (" (lower is better)" if is_lower_better(title) else ""), fontsize=8)
    panel.tick_params(labelsize=7)
    panel.grid(axis="x", alpha=0.3)
