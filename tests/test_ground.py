"""Packaging, make targets and imports are what they claim to be."""

from __future__ import annotations

import fnmatch
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

import dpsims_hub

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
MISSION = {"torch", "diffusers", "huggingface_hub", "safetensors", "accelerate", "gradio", "timm", "datasets"}
HEAVY = ("gradio", "scipy", "transformers", "datasets", "matplotlib", "tensorboard")

needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="this machine has no make")


def requirement_bounds(lines: list[str]) -> dict[str, str]:
    """Name -> version bounds of requirement lines such as `torch>=2.11`."""
    found = (re.match(r"([A-Za-z0-9_.-]+)(.*)", line) for line in lines if not line.startswith("#"))
    return {match[1].lower(): match[2].strip() for match in found if match}


def makefile_run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make in a folder that holds only what its rules read, so that nothing here is touched."""
    for name in ("Makefile", "pyproject.toml", "requirements.txt"):
        shutil.copy(ROOT / name, folder)
    return subprocess.run(["make", *arguments], cwd=folder, capture_output=True, text=True, timeout=60)


def test_one_version_everywhere() -> None:
    version = PROJECT["project"]["version"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    released = re.findall(r"^## \[(\d[^]]*)\]", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert dpsims_hub.__version__ == version
    assert str(citation["version"]) == version
    assert released[0] == version


def test_requirements_repeat_the_bounds_of_pyproject() -> None:
    wanted = requirement_bounds((ROOT / "requirements.txt").read_text().splitlines())
    optional = PROJECT["project"]["optional-dependencies"]
    declared = requirement_bounds(PROJECT["project"]["dependencies"] + optional["train"] + optional["space"])
    assert set(wanted) >= MISSION
    assert set(wanted) >= set(requirement_bounds(PROJECT["project"]["dependencies"]))
    assert wanted == {name: declared[name] for name in wanted}


def test_every_data_file_of_the_package_is_packaged() -> None:
    patterns = PROJECT["tool"]["setuptools"]["package-data"]["dpsims_hub"]
    package = ROOT / "dpsims_hub"
    files = [path.relative_to(package).as_posix() for path in package.rglob("*") if path.is_file()]
    data = [name for name in files if not name.endswith((".py", ".pyc", ".pyi"))]
    left_out = [name for name in data if not any(fnmatch.fnmatch(name, pattern) for pattern in patterns)]
    assert data
    assert left_out == []


def test_every_folder_of_modules_is_a_package() -> None:
    folders = {path.parent for path in (ROOT / "dpsims_hub").rglob("*.py")}
    assert [str(folder) for folder in folders if not (folder / "__init__.py").is_file()] == []


def loaded_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert loaded_by("import dpsims_hub") & {*HEAVY, "torch"} == set()


@pytest.mark.slow
def test_using_the_package_loads_nothing_heavy() -> None:
    loaded = loaded_by("from dpsims_hub import *")
    assert "torch" in loaded
    assert loaded & set(HEAVY) <= {"scipy", "transformers"}  # diffusers loads them where they are installed


def test_ci_script_is_executable() -> None:
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


@needs_make
@pytest.mark.parametrize("target", ["demo", "test", "lint"])
@pytest.mark.parametrize(
    ("fails_at", "complaint"), [("version_info", "is too old"), ("ensurepip", "python3-venv")]
)
def test_make_refuses_an_unfit_python_in_one_sentence(
    tmp_path: Path, target: str, fails_at: str, complaint: str
) -> None:
    unfit = tmp_path / "unfit python"
    unfit.write_text(f'#!/bin/sh\ncase "$*" in *{fails_at}*) exit 1;; esac\n')
    unfit.chmod(0o755)
    done = makefile_run(tmp_path, target, f"PYTHON={unfit}")
    sentences = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert done.returncode != 0
    assert len(sentences) == 1
    assert "needs Python 3.11 or newer" in sentences[0]
    assert str(unfit) in sentences[0]
    assert complaint in sentences[0]
    assert not (tmp_path / ".venv").exists()


@needs_make
def test_make_names_a_missing_python(tmp_path: Path) -> None:
    done = makefile_run(tmp_path, "demo", "PYTHON=no-such-python")
    assert done.returncode != 0
    assert "'no-such-python' was not found" in done.stderr


@needs_make
def test_make_clean_keeps_the_environment_and_the_photos(tmp_path: Path) -> None:
    kept = [tmp_path / ".venv" / "__pycache__" / "a.pyc", tmp_path / "outputs" / "demo.png"]
    gone = [tmp_path / "dpsims_hub" / "__pycache__" / "a.pyc", tmp_path / "build" / "b"]
    for path in kept + gone:
        path.parent.mkdir(parents=True)
        path.touch()
    assert makefile_run(tmp_path, "clean").returncode == 0
    assert [path.exists() for path in kept] == [True, True]
    assert [path.exists() for path in gone] == [False, False]
