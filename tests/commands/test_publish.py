"""`dpsims publish` and `publish-space`; what goes to a Hub is in tests/hub/test_publish.py."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from dpsims_hub.commands import main
from dpsims_hub.commands.publish import summary
from dpsims_hub.hub.repository import Change
from dpsims_hub.hub.space_folder import space_files

pytest_plugins = ["tests.loopback_hub"]

ROOT = Path(__file__).resolve().parents[2]
PUBLISH = """
import sys
from dpsims_hub.commands import main
sys.exit(main(["publish-space", "someone/paint", "--yes"]))
"""
SERVE = """
import sys, urllib.request
import dpsims_hub
from dpsims_hub.space.start import start_space
from space_app import parse_arguments

assert dpsims_hub.__file__.startswith(sys.argv[1]), dpsims_hub.__file__
app, address = start_space(parse_arguments([]).model)
page = urllib.request.urlopen(address, timeout=60)
print("status", page.status)
app.close()
"""


def test_bad_folders_are_one_sentence(model, tmp_path, refused):
    assert "nowhere: there is no such folder." in refused("publish", "nowhere", "someone/x")
    assert "README.md: there is no model card" in refused("publish", model, "someone/x")
    (tmp_path / "run" / "pipeline").mkdir(parents=True)
    assert "is a training run; make a folder to publish" in refused("publish", tmp_path / "run", "someone/x")


def test_summary_counts_files_and_bytes():
    kinds = {"a": ("new", 1500), "b": ("changed", 2_000_000), "c": ("same", 9), "d": ("removed", 10)}
    changes = [Change(name, size, what) for name, (what, size) in kinds.items()]
    assert summary(changes) == "1 new (+), 1 changed (~), 1 same (=), 1 removed (-); 2.0 MB to upload"
    assert summary([]) == "; 0 B to upload"


def test_space_brings_the_package_and_what_it_needs():
    files = space_files()
    scripts = {"README.md", "space_app.py", "requirements.txt", "LICENSE"}
    assert scripts | {"dpsims_hub/__init__.py"} <= files.keys()
    assert any(re.fullmatch(r"dpsims_hub/bundled/camvid/generator/.*\.safetensors", name) for name in files)
    assert not any("__pycache__" in name or name.endswith(".pyc") for name in files)
    header = yaml.safe_load(files["README.md"].read_text().split("---")[1])
    assert (header["sdk"], header["app_file"]) == ("gradio", "space_app.py")
    assert header["app_file"] in files
    assert any(line.startswith("gradio") for line in files["requirements.txt"].read_text().splitlines())


@pytest.mark.minutes
def test_space_runs_from_a_clean_folder(tmp_path):
    folder = tmp_path / "space"
    assert main(["publish-space", "someone/paint", "--folder", str(folder)]) == 0
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "DPSIMS_MODEL")}
    done = subprocess.run(
        [sys.executable, "-c", SERVE, str(folder)],
        cwd=folder,
        env=kept | {"HF_HUB_OFFLINE": "1", "GRADIO_ANALYTICS_ENABLED": "False"},
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert done.returncode == 0, done.stderr
    assert "status 200" in done.stdout


def test_an_existing_folder_is_left_alone(tmp_path, refused):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").touch()
    assert "is already there" in refused("publish-space", "someone/paint", "--folder", tmp_path / "mine")


@pytest.mark.slow
def test_space_goes_to_the_hub_as_it_is_here(hub, tmp_path):
    hub.add("someone/paint", {"dpsims_hub/gone.py": b"old", "notes.md": b"kept"}, "spaces")
    done = hub.run(PUBLISH, home=tmp_path, token="hf_of_someone")
    assert f"Uploaded: {hub.url}/spaces/someone/paint\n" in done.stdout
    local = {name: path.read_bytes() for name, path in space_files().items()}
    assert hub.files("someone/paint", "spaces") == local | {"notes.md": b"kept"}
