"""Training curves of a study's runs: one panel for each logged value, one colour for each arm."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from dpsims_hub.ablation.plan import Run
from dpsims_hub.pictures.plots import new_figure, save_figure

PANELS = {
    "grad_norm_g": "gradient norm of G",
    "grad_norm_d": "gradient norm of D",
    "accuracy_real": "D's accuracy on real pixels",
    "accuracy_fake": "D's accuracy on generated pixels",
    "pair_distance": "distance of photos of a map",
}
"""Names of values in `log.jsonl`, and their titles."""


def read_curve(log: Path, name: str) -> tuple[list[int], list[float]]:
    """Steps and values of one number in a run's `log.jsonl`, without the values that were not finite."""
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    points = [(entry["step"], entry[name]) for entry in entries if entry.get(name) is not None]
    return [step for step, _ in points], [value for _, value in points]


def draw_curves(runs: Sequence[Run], path: Path) -> bool:
    """Draws the curves of every run that has a log, as PNG; returns False if none has."""
    begun = [run for run in runs if (run.folder / "log.jsonl").is_file()]
    if not begun:
        return False
    figure = new_figure(10, 1.9 * len(PANELS))
    panels = figure.subplots(len(PANELS), 1, sharex=True)
    for panel, (name, title) in zip(panels, PANELS.items(), strict=True):
        colours: dict[str, str] = {}
        for run in begun:
            label = None if run.arm.name in colours else run.arm.name  # one entry of the legend for each arm
            colour = colours.setdefault(run.arm.name, f"C{len(colours)}")
            curve = read_curve(run.folder / "log.jsonl", name)
            panel.plot(*curve, color=colour, linewidth=0.8, label=label)
        panel.set_ylabel(title, fontsize=8)
        panel.tick_params(labelsize=8)
        if name.startswith("grad_norm"):
            panel.set_yscale("log")
    panels[0].legend(fontsize=8)
    panels[-1].set_xlabel("step", fontsize=8)
    save_figure(figure, path)
    return True
