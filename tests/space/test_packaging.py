"""Requirements of a Space on the Hub besides the code: front matter, requirements.txt, the script."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
import urllib.request
from importlib.util import find_spec
from pathlib import Path

import gradio as gr
import pytest
import yaml
from huggingface_hub import SpaceCard, SpaceCardData
from packaging.specifiers import SpecifierSet

import space_app
from dpsims_hub.bundled import NAMES, bundled_examples
from dpsims_hub.space import zero_gpu
from dpsims_hub.space.app import build_app, launch_app
from dpsims_hub.space.model_registry import ModelRegistry
from dpsims_hub.space.photo_worker import PhotoWorker
from tests.space.live_space import LiveSpace

ROOT = Path(__file__).resolve().parents[2]
ROOM = ROOT / "dpsims_hub" / "space"
README = (ROOM / "README.md").read_text(encoding="utf-8")
FRONT = yaml.safe_load(README.split("---")[1])
REQUIREMENTS = {
    match[1].lower(): SpecifierSet(match[2])
    for match in re.finditer(r"^([\w.-]+)([<>=!~].*)$", (ROOT / "requirements.txt").read_text(), re.M)
}
OF_GRADIO = {"starlette"}
COLOURS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}


def test_the_front_matter_is_valid_for_the_hub() -> None:
    card = SpaceCard(README)
    assert isinstance(card.data, SpaceCardData)
    assert card.data.to_dict() == FRONT
    assert FRONT["sdk"] == "gradio"
    assert len(FRONT["short_description"]) <= 60
    assert {FRONT["colorFrom"], FRONT["colorTo"]} <= COLOURS
    assert FRONT["suggested_hardware"] in {"cpu-basic", "cpu-upgrade", "zero-a10g", "t4-small"}
    assert FRONT["license"] == "cc-by-nc-4.0"


def test_the_front_matter_fits_the_code() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert REQUIREMENTS["gradio"].contains(FRONT["sdk_version"])
    assert SpecifierSet(project["requires-python"]).contains(FRONT["python_version"])
    assert (ROOT / FRONT["app_file"]).is_file()


def imported(path: Path) -> set[str]:
    """Top-level names of all imports of a file, also inside functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(str(node.module).partition(".")[0])
    return names


def test_the_requirements_hold_everything_that_the_room_imports() -> None:
    used = set().union(*(imported(path) for path in [*ROOM.glob("*.py"), ROOT / "space_app.py"]))
    packages = {"PIL": "pillow"}
    foreign = {packages.get(name, name) for name in used - set(sys.stdlib_module_names) - {"dpsims_hub"}}
    assert foreign - set(REQUIREMENTS) <= OF_GRADIO
    assert "gradio" in foreign


@pytest.mark.parametrize(
    ("readme", "address"),
    [(ROOM / "README.md", "owner/space"), (ROOT / "README.md", "http://127.0.0.1:7860")],
)
def test_the_client_of_each_readme_works(
    space: LiveSpace, tmp_path: Path, monkeypatch, readme: Path, address: str
) -> None:
    snippets = re.findall(r"```python\n(.*?)```", readme.read_text(encoding="utf-8"), re.S)
    (snippet,) = [one for one in snippets if "Client(" in one]
    assert f'Client("{address}")' in snippet
    (tmp_path / "map.png").write_bytes(bundled_examples("camvid")[0].read_bytes())
    monkeypatch.chdir(tmp_path)
    (named,) = re.findall(r'handle_file\("(.*?)"\)', snippet)
    assert named == "map.png" or ROOT / named in bundled_examples(NAMES[0])
    names: dict[str, object] = {}
    exec(snippet.replace(address, space.address).replace(named, "map.png"), names)
    assert Path(names["photo"]).read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("environment", "arguments", "model", "mcp"),
    [
        ({}, [], "", False),
        ({"DPSIMS_MODEL": "a/b,c"}, [], "a/b,c", False),
        ({"DPSIMS_MODEL": "a/b"}, ["--model", "c"], "c", False),
        ({"DPSIMS_MCP": "1"}, [], "", True),
        ({"DPSIMS_MCP": "0"}, [], "", False),
        ({}, ["--mcp"], "", True),
    ],
)
def test_the_script_reads_flags_and_environment(monkeypatch, environment, arguments, model, mcp) -> None:
    for name in ("DPSIMS_MODEL", "DPSIMS_MCP"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    read = space_app.parse_arguments(arguments)
    assert (read.model, read.mcp, read.host, read.port, read.share) == (model, mcp, None, None, False)


def test_the_script_refuses_a_missing_model_in_one_sentence(capsys: pytest.CaptureFixture) -> None:
    assert space_app.main(["--model", "no_such_model"]) == 2
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1
    assert printed.err.startswith("space_app.py: no_such_model: there is no such model folder")


@pytest.mark.skipif(find_spec("mcp") is not None, reason="the package is installed")
def test_mcp_without_its_package_is_one_sentence() -> None:
    with gr.Blocks() as app, pytest.raises(ValueError, match=r"pip install 'gradio\[mcp\]'"):
        launch_app(app, "127.0.0.1", mcp=True)


@pytest.mark.skipif(find_spec("mcp") is None, reason="needs gradio[mcp]")
def test_mcp_tools_bear_the_names_of_the_endpoints(registry: ModelRegistry) -> None:
    worker = PhotoWorker(registry)
    app = build_app(registry, worker)
    try:
        address = launch_app(app, "127.0.0.1", mcp=True)
        with urllib.request.urlopen(f"{address}gradio_api/mcp/schema") as answer:
            tools = {tool["name"]: tool for tool in json.load(answer)}
    finally:
        app.close(verbose=False)
        worker.close()
    assert set(tools) == {"models", "generate", "variations", "read_map"}
    assert "the same map and seed" in tools["generate"]["inputSchema"]["properties"]["seed"]["description"]


def test_calls_borrow_a_gpu_where_the_package_is_there(tmp_path: Path) -> None:
    code = (
        "from dpsims_hub.space import zero_gpu; zero_gpu.prepare(); print(zero_gpu.on_gpu(lambda: 'plain')())"
    )
    fake = "def GPU(duration):\n    return lambda call: lambda: f'{call()} for {duration} s'\n"
    (tmp_path / "spaces.py").write_text(fake)
    for folder, wanted in ((ROOT, "plain"), (tmp_path, f"plain for {zero_gpu.SECONDS} s")):
        environment = os.environ | {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60
        )
        assert done.stdout.strip() == wanted, done.stderr
