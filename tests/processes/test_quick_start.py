"""A model is loaded without packages that it does not need, and makes the same photo; they can come later."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from dpsims_hub.processes.quick_start import StandIn, hidden

ROOT = Path(__file__).parents[2]
HEAVY = ("transformers", "torch._dynamo", "torch._inductor", "scipy")
LOAD = """
import contextlib, os, sys
import numpy as np
import torch
from dpsims_hub.processes import quick_start
if sys.argv[2] == "plain":
    quick_start.stand_in_compiler = contextlib.nullcontext
else:
    quick_start.start_process()
from dpsims_hub.commands.model_options import load_pipeline
pipe = load_pipeline(sys.argv[1], "cpu")
photo = pipe(np.arange(192 * 256).reshape(192, 256) % 7, generator=torch.Generator().manual_seed(3)).images[0]
print(",".join(sorted(name for name in sys.argv[3].split(",") if name in sys.modules)) or "-")
print(os.times().user + os.times().system)
import diffusers, torch._dynamo, transformers
assert callable(torch._dynamo.optimize) and transformers.AutoConfig
assert type(diffusers.__spec__.loader).__module__ != quick_start.__name__
print(photo.tobytes().hex())
"""


def load(how: str) -> tuple[str, float, str]:
    """The heavy packages that one loading imported, its seconds of processor time, and its photo."""
    command = [sys.executable, "-c", LOAD, "camvid", how, ",".join(HEAVY)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    names, seconds, photo = done.stdout.split()[-3:]
    return names, float(seconds), photo


@pytest.mark.slow
def test_a_model_is_loaded_without_what_it_does_not_need_and_makes_the_same_photo() -> None:
    plain, plain_seconds, photo = load("plain")
    assert plain.split(",") == sorted(HEAVY)  # else there would be nothing to leave out
    light, seconds, same = load("light")
    assert light == "-"
    assert same == photo
    assert seconds < 0.85 * plain_seconds  # 0.6 when it was written


COMMANDS = {
    "dpsims": "from dpsims_hub.commands import run_process as run",
    "train_accelerate.py": "run = lambda: runpy.run_path(sys.argv[0], run_name='__main__')",
    "-m dpsims_hub.commands.train": "run = lambda: runpy.run_module(sys.argv[0][3:], run_name='__main__')",
    "space_app.py": "run = lambda: runpy.run_path(sys.argv[0], run_name='__main__')",
}
IMPORT = """
import gc, runpy, sys
{run}
try:
    run()
except SystemExit:
    pass
print(gc.get_threshold()[0])
import diffusers.utils
print(diffusers.utils.is_transformers_available(), "transformers" in sys.modules)
import transformers
"""


@pytest.mark.parametrize("name", COMMANDS)
def test_processes_of_our_own_leave_transformers_alone(name: str) -> None:
    code = IMPORT.format(run=COMMANDS[name])
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.argv = [{name!r}, '--help']\n{code}"],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.stdout.splitlines()[-2:] == ["50000", "False False"]


def test_importing_the_package_leaves_other_people_s_diffusers_as_it_is() -> None:
    code = "import dpsims_hub, sys; dpsims_hub.DPSIMSPipeline; from diffusers.utils import import_utils"
    last = "sys.exit(not import_utils.is_transformers_available())"
    subprocess.run([sys.executable, "-c", f"{code}; {last}"], check=True)


def test_a_hidden_package_is_not_found_and_is_there_again() -> None:
    sys.modules.pop("this", None)
    with hidden("this"):
        assert find_spec("this") is None
        with pytest.raises(ModuleNotFoundError):
            import this  # noqa: F401
    assert find_spec("this") is not None
    with hidden("json"):  # imported already: it stays
        import json
    assert json.loads("1") == 1


def test_marks_for_the_compiler_leave_functions_alone_and_the_rest_is_the_compilers_own() -> None:
    stand_in = StandIn("torch._dynamo")
    assert stand_in.disable(len, recursive=True, wrapping=False) is len
    assert stand_in.disable(recursive=False)(len) is len
    assert stand_in.allow_in_graph(len) is len
    assert not isinstance(3, stand_in.eval_frame.OptimizedModule)
    import torch._dynamo

    assert stand_in.optimize is torch._dynamo.optimize
    assert not hasattr(stand_in, "__file__")
