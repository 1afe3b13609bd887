import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dpsims_hub.ablation.curves import PANELS, draw_curves, read_curve
from dpsims_hub.ablation.plan import Run, make_runs
from dpsims_hub.ablation.study import Arm, Study

STUDY = Study("s", "Which?", "that one", (Arm("a"), Arm("b", {"focal_gamma": 0.0})))
BLUE, ORANGE = (31, 119, 180), (255, 127, 14)  # matplotlib's first two colours


def write_log(folder: Path, *norms: float | None) -> None:
    folder.mkdir(parents=True)
    lines = [{"step": 5 * n, **dict.fromkeys(PANELS, norm)} for n, norm in enumerate(norms)]
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.fixture
def runs(tmp_path) -> list[Run]:
    """One run of each arm."""
    return make_runs(STUDY, STUDY.arms, [], ("t", "v"), tmp_path, 5, 1)


def share_of(colour: tuple[int, int, int], path: Path) -> float:
    pixels = np.asarray(Image.open(path).convert("RGB")).astype(int)
    return float((np.abs(pixels - colour).max(axis=-1) < 8).mean())


def test_values_that_are_no_numbers_are_left_out(tmp_path):
    write_log(tmp_path / "run", 3.0, None, 2.0)
    assert read_curve(tmp_path / "run" / "log.jsonl", "grad_norm_g") == ([0, 10], [3.0, 2.0])
    assert read_curve(tmp_path / "run" / "log.jsonl", "loss") == ([], [])


def test_each_arm_has_its_colour(runs, tmp_path):
    pytest.importorskip("matplotlib")
    path = tmp_path / "new" / "curves.png"
    write_log(runs[0].folder, 1.0, 2.0, 3.0)
    assert draw_curves(runs, path)
    assert share_of(BLUE, path) > 1e-4 > share_of(ORANGE, path)
    write_log(runs[1].folder, 3.0, 2.0, 1.0)
    assert draw_curves(runs, path)
    assert min(share_of(BLUE, path), share_of(ORANGE, path)) > 1e-4


def test_nothing_to_draw(runs, tmp_path):
    assert not draw_curves(runs, tmp_path / "curves.png")
    assert not (tmp_path / "curves.png").exists()
