"""Cost of an edit relative to a whole photo, and the difference of its photo from the exact one.

Strokes of a round brush in a random class over the bundled scenes, each about 1 % of the map: at once, and in
steps as in painting; and squares of the same size. All are drawn here, not recorded. Photos and edits are
timed in turns, in CPU time of one thread.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch

from dpsims_hub import DPSIMSPipeline, bundled_examples, bundled_model, read_label_map
from dpsims_hub.benchmark.variants import random_network
from dpsims_hub.evaluation.report import format_table
from dpsims_hub.processes.cpu_setup import prepare_cpu

STEPS = 6
SHARE = 0.01
LEVELS = 127.5


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--networks", nargs="+", default=["outdoor", "dpsims"], help="bundled models, presets"
    )
    parser.add_argument("--strokes", type=int, default=12)
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    arguments = parser.parse_args()
    prepare_cpu()
    torch.set_num_threads(1)
    rows = [
        ("network", "edit", "whole, ms", "edit, ms", "times as fast", "off, levels", "change, levels"),
        *(row for name in arguments.networks for row in measure(name, arguments.strokes, arguments.dtype)),
    ]
    print(format_table(rows))
    print(
        f"Medians of {arguments.strokes} strokes at 256x256, CPU time of one thread, {arguments.dtype}.\n"
        "Presets have random weights. Off: mean difference from the exact photo at the pixels painted; "
        "change: how much these pixels change."
    )


def measure(name: str, strokes: int, dtype: str) -> list[tuple[str, ...]]:
    """Rows of the table: strokes at once and in steps, squares."""
    world = DPSIMSPipeline.from_pretrained(bundled_model("outdoor"))
    spec = world.spec
    pipe = world if name == "outdoor" else DPSIMSPipeline(random_network(name, spec.num_classes, (256, 256)))
    pipe.optimize(getattr(torch, dtype))
    scenes = [read_label_map(path, spec) for path in bundled_examples("outdoor")]
    random = np.random.default_rng(0)
    results: dict[str, list[list[float]]] = {"at once": [], f"in {STEPS} steps": [], "a square at once": []}
    session = pipe.edit_session(scenes[0], generator=torch.Generator().manual_seed(0))
    for number in range(strokes):
        scene = scenes[number % len(scenes)]
        steps = brush_stroke(scene, random)
        for kind, maps in zip(results, (steps[-1:], steps, [square(scene, random)]), strict=True):
            session.finish(scene)
            before = session.values.clone()
            edit = [cpu_seconds(lambda one=one: session.update(one)) for one in maps]
            live, whole = session.values.clone(), cpu_seconds(session.finish)
            painted = torch.from_numpy(maps[-1] != scene)
            off, change = (
                ((session.values - other)[..., painted].abs().mean() * LEVELS).item()
                for other in (live, before)
            )
            results[kind].append([whole, statistics.median(edit), off, change])
    rows = []
    for kind, values in results.items():
        whole, edit, off, change = (statistics.median(column) for column in zip(*values, strict=True))
        ratio = statistics.median(value[0] / value[1] for value in values)
        cells = (f"{1000 * whole:.0f}", f"{1000 * edit:.1f}", f"{ratio:.1f}", f"{off:.1f}", f"{change:.1f}")
        rows.append((name, kind, *cells))
    return rows


def brush_stroke(scene: np.ndarray, random: np.random.Generator) -> list[np.ndarray]:
    """Maps while a round brush draws a line over about 1 % of the scene, in a class that is not around it."""
    height, width = scene.shape
    brush = int(0.06 * min(height, width))
    length = SHARE * height * width / brush
    angle = random.uniform(0, np.pi)
    y, x = random.uniform(0.25, 0.75, 2) * (height, width)
    rows, columns = np.mgrid[:height, :width]
    new = other_class(scene, int(y), int(x), random)
    maps, current = [], scene
    for share in np.linspace(-0.5, 0.5, STEPS * 8):
        at = rows - (y + share * length * np.sin(angle)), columns - (x + share * length * np.cos(angle))
        current = np.where(at[0] ** 2 + at[1] ** 2 < (brush / 2) ** 2, new, current)
        maps.append(current)
    return maps[7::8]


def square(scene: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The map with a square of 1 % in a class that is not around its centre."""
    side = round((SHARE * scene.size) ** 0.5)
    y, x = (int(value) for value in random.uniform(0.25, 0.75, 2) * scene.shape)
    changed = scene.copy()
    top, left = y - side // 2, x - side // 2
    changed[top : top + side, left : left + side] = other_class(scene, y, x, random)
    return changed


def other_class(scene: np.ndarray, y: int, x: int, random: np.random.Generator) -> int:
    """A class of the scene that is not within 5 pixels of a place."""
    around = scene[y - 5 : y + 5, x - 5 : x + 5]
    return random.choice(np.setdiff1d(np.arange(scene[scene != 255].max() + 1), around))


def cpu_seconds(call: Callable[[], object]) -> float:
    """CPU time of one call."""
    start = time.process_time()
    call()
    return time.process_time() - start


if __name__ == "__main__":
    main()
