"""A folder from a stranger: whatever is wrong with it costs one sentence, no memory or time and runs no code.

All folders are tried in one process that may hardly allocate anything beyond what its imports took.
"""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from dpsims_hub import DPSIMSGenerator, DPSIMSPipeline
from dpsims_hub.storage.weight_checksum import check_checksum, write_checksum
from tests.storage.hostile_folders import CHANGES

ROOT = Path(__file__).resolve().parents[2]
FROZEN = ROOT / "tests" / "data" / "frozen"
WEIGHTS = "generator/diffusion_pytorch_model.safetensors"
SPARE = 128 * 2**20  # bytes of address space
TRY = """
import json, resource, sys, time
from pathlib import Path
from dpsims_hub import DPSIMSPipeline
sys.path.insert(0, str(Path.cwd()))

def attempt(folder):
    start = time.perf_counter()
    try:
        DPSIMSPipeline.from_pretrained(folder)
        kind, message = "loaded", ""
    except Exception as error:
        kind, message = type(error).__name__, str(error)
    return [kind, message, time.perf_counter() - start]

attempt("harmless")
pages = int(Path("/proc/self/statm").read_text().split()[0])
limit = pages * resource.getpagesize() + int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
before = set(sys.modules)
found = {folder.name: attempt(folder) for folder in sorted(Path.cwd().glob("case *"))}
modules = sorted(set(sys.modules) - before)
print(json.dumps({"found": found, "modules": modules, "harmless": attempt("harmless")}))
"""


@pytest.fixture(scope="module")
def attempts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What became of every folder: kind of error, message, seconds; and the modules loaded meanwhile."""
    if not Path("/proc/self/statm").is_file():
        pytest.skip("memory is limited through /proc here")
    place = tmp_path_factory.mktemp("trust")
    shutil.copytree(FROZEN, place / "harmless")
    for name in ("evil.py", "modeling.py", "pipeline.py"):
        (place / name).write_text("import os\nos.mkdir('code-was-run')\n")
    os.chdir(place)  # where the pickle would leave its mark
    try:
        for number, (name, (_, change)) in enumerate(CHANGES.items()):
            folder = place / f"case {number:02} {name.replace('/', ' ')}"
            shutil.copytree(FROZEN, folder)
            for file in ("evil.py", "modeling.py", "pipeline.py"):
                shutil.copy(place / file, folder / file)
                shutil.copy(place / file, folder / "generator" / file)
            change(folder)
    finally:
        os.chdir(ROOT)
    done = subprocess.run(
        [sys.executable, "-c", TRY, str(SPARE)],
        cwd=place,
        env=os.environ | {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    result["found"] = {name[8:]: attempt for name, attempt in result["found"].items()}
    result["ran"] = list(place.rglob("code-was-run"))
    return result


@pytest.mark.parametrize("name", CHANGES)
def test_hostile_folder_is_refused_in_one_sentence(attempts: dict[str, Any], name: str) -> None:
    kind, message, seconds = attempts["found"][name.replace("/", " ")]
    assert CHANGES[name][0] in message
    assert kind in ("FileNotFoundError", "ValueError", "ClassSpecError")
    assert message.startswith(("/", "case"))  # the file at fault comes first
    assert len(message.splitlines()) == 1
    assert len(message) < 500
    assert seconds < 5


def test_harmless_folder_loads_in_the_same_narrow_room(attempts: dict[str, Any]) -> None:
    assert attempts["harmless"][0] == "loaded", attempts["harmless"]


def test_no_code_of_a_folder_is_run_or_imported(attempts: dict[str, Any]) -> None:
    assert attempts["ran"] == []
    assert [
        name for name in attempts["modules"] if name in ("evil", "modeling", "pipeline", "bitsandbytes")
    ] == []


def test_a_pickle_is_not_read_even_when_it_is_asked_for(tmp_path: Path) -> None:
    folder = shutil.copytree(FROZEN, tmp_path / "model")
    CHANGES["pickle"][1](folder)
    for load in (DPSIMSPipeline.from_pretrained, DPSIMSGenerator.from_pretrained):
        with pytest.raises(ValueError, match="as safetensors only, since a pickled checkpoint can run code"):
            load(folder, use_safetensors=False)
    pipe = DPSIMSPipeline.from_pretrained(FROZEN)
    for model in (pipe, pipe.generator):
        with pytest.raises(ValueError, match="as safetensors only"):
            model.save_pretrained(tmp_path / "saved", safe_serialization=False)
    for name in ("use_flashpack", "use_onnx"):
        with pytest.raises(ValueError, match=f"leave out {name}"):
            DPSIMSPipeline.from_pretrained(FROZEN, **{name: True})
    assert not (tmp_path / "saved").exists()


@pytest.mark.parametrize("keyword", ["trust_remote_code", "custom_pipeline"])
def test_remote_code_is_not_run_even_when_it_is_asked_for(keyword: str) -> None:
    with pytest.raises(ValueError, match="runs no code that a model brings"):
        DPSIMSPipeline.from_pretrained(FROZEN, **{keyword: "hf-internal"})


def test_no_call_of_the_package_trusts_remote_code() -> None:
    for path in [*(ROOT / "dpsims_hub").rglob("*.py"), *ROOT.glob("*.py")]:
        calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        assert "trust_remote_code" not in {keyword.arg for call in calls for keyword in call.keywords}, path


def test_network_class_refuses_what_the_pipeline_refuses(tmp_path: Path) -> None:
    for name in ("flipped bit in the data", "10**9 channels", "missing tensor", "wrong shape", "NaN"):
        folder = shutil.copytree(FROZEN, tmp_path / name)
        sentence, change = CHANGES[name]
        change(folder)
        with pytest.raises(ValueError, match="generator") as caught:
            DPSIMSGenerator.from_pretrained(folder, subfolder="generator")
        assert sentence in str(caught.value)


def test_pipeline_folder_without_subfolder_is_explained() -> None:
    with pytest.raises(FileNotFoundError, match="folder of a pipeline, add subfolder='generator'"):
        DPSIMSGenerator.from_pretrained(FROZEN)


def test_another_number_of_classes_is_loaded_on_request_only() -> None:
    folder = FROZEN / "generator"
    with pytest.raises(ValueError, match=r"has the shape .* where config.json needs"):
        DPSIMSGenerator.from_pretrained(folder, num_classes=7)
    network = DPSIMSGenerator.from_pretrained(
        folder, num_classes=7, ignore_mismatched_sizes=True, low_cpu_mem_usage=False
    )
    assert network.config.num_classes == 7
    assert DPSIMSGenerator.from_pretrained(folder, label_convolution="plain").start.method == "plain"


def test_a_checksum_keeps_every_tensor_and_finds_every_single_flipped_bit(tmp_path: Path) -> None:
    path = Path(shutil.copy(FROZEN / WEIGHTS, tmp_path))
    before = path.read_bytes()
    start = 8 + int.from_bytes(before[:8], "little")
    write_checksum(path)
    assert path.read_bytes() == before  # a second checksum changes nothing
    generator = torch.Generator().manual_seed(0)
    places = torch.randint(start, len(before), (20,), generator=generator).tolist()
    for place in [start, len(before) - 1, *places]:
        path.write_bytes(before[:place] + bytes([before[place] ^ 16]) + before[place + 1 :])
        with pytest.raises(ValueError, match=r"are not those that were saved \(SHA-256\)"):
            check_checksum(path)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
