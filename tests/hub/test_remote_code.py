"""The self-contained layout loads where this package cannot be imported, and makes the same photos."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from dpsims_hub import DPSIMSPipeline
from dpsims_hub.hub import ExportOptions, Source, export
from dpsims_hub.hub.remote_code import network_source, pipeline_source
from dpsims_hub.hub.single_file import SingleFileError, single_file
from dpsims_hub.labels import ClassSpec
from tests.hub.run_folder import CLASSES
from tests.tiny import tiny_generator

pytest_plugins = ["tests.loopback_hub"]

WITHOUT_PACKAGE = """
import sys
sys.modules["dpsims_hub"] = None  # importing it now fails, wherever it lies
import hashlib, json, logging, torch, numpy as np
from diffusers import DiffusionPipeline

def digest(name, **options):
    pipe = DiffusionPipeline.from_pretrained(name, trust_remote_code=True, **options)
    rng = torch.Generator().manual_seed(3)
    photos = pipe(np.load("ids.npy"), 2, rng, output_type="np", class_latents={"car": torch.ones(6)}).images
    return hashlib.sha256(photos.tobytes()).hexdigest(), pipe.id2label[2]

name = sys.argv[1]
print(*digest(name))
print(*digest(name, local_files_only=True))
pipe = DiffusionPipeline.from_pretrained(name, trust_remote_code=True, variant="fp16", dtype=torch.float16)
print(pipe.generator.dtype)
for call in (lambda: pipe([[9]]), lambda: DiffusionPipeline.from_pretrained(name)):
    try:
        call()
    except ValueError as error:
        print(str(error).splitlines()[0])
print(sorted(part for part in sys.modules if part.startswith("dpsims_hub.")))
"""


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> tuple[Path, str]:
    """The folder, and the digest of the photos that the package itself makes."""
    folder = tmp_path_factory.mktemp("remote") / "out"
    generator = tiny_generator(noise_fields=2, smooth_output=True)
    source = Source("tiny", DPSIMSPipeline(generator, ClassSpec.from_dict(CLASSES).to_dict()))
    export(source, folder, ExportOptions("someone/streets", remote_code=True), say=lambda line: None)
    rng = torch.Generator().manual_seed(3)
    options = {"output_type": "np", "class_latents": {"car": torch.ones(6)}}
    photos = source.pipe(some_ids(), 2, rng, **options).images
    return folder, hashlib.sha256(photos.tobytes()).hexdigest()


def some_ids() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 3, (16, 24), dtype=np.uint8)


@pytest.mark.slow
def test_a_stranger_with_diffusers_alone_gets_the_same_photos_from_the_hub(hub, exported, tmp_path):
    folder, digest = exported
    hub.add("someone/streets", folder)
    home = tmp_path / "home"
    home.mkdir()
    np.save(home / "ids.npy", some_ids())
    done = hub.run(WITHOUT_PACKAGE, "someone/streets", home=home, PYTHONPATH="")
    lines = done.stdout.splitlines()
    assert lines[:3] == [f"{digest} car", f"{digest} car", "torch.float16"]
    assert lines[3].startswith("label map: value 9 on 1 of 1 px is no class")
    assert "contains custom code" in lines[4]
    assert lines[5] == "[]"
    assert "generator/modeling_dpsims.py" in hub.fetched("someone/streets")
    assert not any("samples" in name or "README" in name for name in hub.fetched("someone/streets"))
    assert "Expected types" not in done.stderr


def test_the_card_says_so_and_the_package_refuses(exported):
    folder, _ = exported
    card = (folder / "README.md").read_text()
    assert 'DiffusionPipeline.from_pretrained("someone/streets", trust_remote_code=True)' in card
    assert "from dpsims_hub" not in card
    with pytest.raises(ValueError, match="code that a model brings is never run here"):
        DPSIMSPipeline.from_pretrained(folder)


@pytest.mark.parametrize("source", [pipeline_source, network_source])
def test_files_are_whole_and_lean_on_nothing_of_the_package(source, tmp_path):
    path = tmp_path / "file.py"
    path.write_text(source())
    found = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--select", "F,E9", str(path)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert found.returncode == 0, found.stdout  # no name is missing, none is idle
    for line in path.read_text().splitlines():
        assert not line.lstrip().startswith(("from dpsims_hub", "import dpsims_hub", "from ."))


PARTS = {
    "__init__": "from onefile_parts.deep import Shape",
    "deep": '"""Says."""\nfrom math import tau\n_size = 2\nclass Shape:\n    """Kept."""\n    turn = tau\n'
    "def idle(): return tau\n",
    "other": "import os.path\nfrom onefile_parts.deep import idle as lazy\n_size = 5\n"
    "def grow(x: int = _size): return f'{_size * x}'\ndef unused(): return lazy()",
    "entry": "from typing import TYPE_CHECKING\nfrom onefile_parts import Shape\n"
    "if TYPE_CHECKING:\n    from onefile_parts.other import unused\n"
    "_size = 3\ndef grow_all():\n    from onefile_parts.other import grow as larger\n"
    "    unused = _size\n    return Shape.turn, larger(), larger(2), unused\n"
    "Shape.__module__ = 'elsewhere'\n",
    "shadow": "from onefile_parts.other import grow\n_size = 1\n"
    "def f():\n    _size = grow()\n    return _size\ndef g(): return _size\n",
    "whole": "import onefile_parts.deep\ndef f(): return onefile_parts.deep.idle()",
}


@pytest.fixture
def parts(tmp_path, monkeypatch) -> None:
    """A package of its own, taken for ours."""
    (tmp_path / "onefile_parts").mkdir()
    for name, text in PARTS.items():
        (tmp_path / "onefile_parts" / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("dpsims_hub.hub.single_file.PACKAGE", "onefile_parts")


@pytest.mark.usefixtures("parts")
def test_equal_names_of_two_modules_stay_apart():
    text = single_file("onefile_parts.entry", "grow_all", "Header.")
    space: dict = {}
    exec(text, space)
    assert space["grow_all"]() == (2 * np.pi, "25", "10", 3)
    assert space["__doc__"] == "Header."
    assert "Kept." in text
    assert not any(word in text for word in ("idle", "def unused", "TYPE_CHECKING", "elsewhere", "os.path"))


@pytest.mark.usefixtures("parts")
def test_a_stand_in_takes_the_place_of_what_is_imported():
    shape = {"Shape": "import cmath\n\nclass Shape:\n    turn = cmath.pi"}
    space: dict = {}
    exec(single_file("onefile_parts.entry", "grow_all", "", shape), space)
    assert space["grow_all"]()[0] == np.pi


@pytest.mark.usefixtures("parts")
@pytest.mark.parametrize(
    ("entry", "wanted", "replacements", "words"),
    [
        ("whole", "f", {}, "whole: imports a module of onefile_parts as a whole"),
        ("shadow", "g", {}, "shadow: a function has a variable _size"),
        ("entry", "grow_all", {"Gone": "Gone = 1"}, "nothing that it needs imports Gone"),
    ],
)
def test_what_cannot_be_told_apart_is_refused(entry, wanted, replacements, words):
    with pytest.raises(SingleFileError, match=words):
        single_file(f"onefile_parts.{entry}", wanted, "", replacements)
