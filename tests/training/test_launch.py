"""The command as the documents write it, in processes of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.training.tiny_run import log_lines

ROOT = Path(__file__).resolve().parents[2]


def test_accelerate_launch_trains_with_a_progress_bar(flags, tmp_path):
    launch = [sys.executable, "-m", "accelerate.commands.accelerate_cli", "launch", "--cpu"]
    done = subprocess.run(
        [*launch, "train_accelerate.py", *flags(steps=3)],
        cwd=ROOT,
        env=os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    assert f"Model: {tmp_path / 'out' / 'pipeline'}" in done.stdout
    assert "12 pairs of 3 classes at 32x24; 1 process(es) on cpu" in done.stdout
    assert [line["step"] for line in log_lines(tmp_path / "out")] == [1, 2, 3]
    # steps done / all steps [time so far < time left, ...]
    assert re.search(r"[1-3]/3 \[\d\d:\d\d<\d\d:\d\d,", done.stderr)
