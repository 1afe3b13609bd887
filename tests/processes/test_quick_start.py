"""A model is loaded without packages that it does not need, and makes the same photo; they can come later."""

from __future__ import annotations

import gc
import subprocess
import sys
from importlib.util import find_spec

import pytest

from dpsims_hub.bundled import bundled_model
from dpsims_hub.processes.quick_start import StandIn, hidden, quick_imports

HEAVY = ("transformers", "torch._dynamo", "torch._inductor", "scipy")
LOAD = """
import contextlib, os, sys
import numpy as np
from dpsims_hub.space import photo_maker, photo_worker
from dpsims_hub.space.model_registry import ModelRegistry
from dpsims_hub.space.photo_request import PhotoRequest
if sys.argv[2] == "plain":
    photo_maker.light_imports = contextlib.nullcontext
registry = ModelRegistry([sys.argv[1]])
model_info = registry.find()
worker = photo_worker.PhotoWorker(registry)
worker.prepare(model_info).result()
label_map = np.arange(model_info.size[0] * model_info.size[1]).reshape(model_info.size) % 7
photo, _ = worker.photo(model_info, PhotoRequest(label_map.astype(np.uint16), seed=3))
print(",".join(sorted(name for name in sys.argv[3].split(",") if name in sys.modules)) or "-")
print(os.times().user + os.times().system)
import torch._dynamo, transformers
assert callable(torch._dynamo.optimize) and transformers.AutoConfig
print(photo.tobytes().hex())
"""


def load(how: str) -> tuple[str, float, str]:
    """The heavy packages that one loading imported, its seconds of processor time, and its photo."""
    command = [sys.executable, "-c", LOAD, str(bundled_model("camvid")), how, ",".join(HEAVY)]
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


def test_garbage_is_collected_again_after_imports_also_where_one_fails() -> None:
    inside = []

    def fail() -> None:
        with quick_imports("this", "antigravity"):
            inside.extend([gc.isenabled(), find_spec("this"), find_spec("antigravity")])
            raise ImportError

    sys.modules.pop("this", None)
    pytest.raises(ImportError, fail)
    assert inside == [False, None, None]
    assert gc.isenabled()
    assert find_spec("this") is not None


def test_marks_for_the_compiler_leave_functions_alone_and_the_rest_is_the_compilers_own() -> None:
    stand_in = StandIn("torch._dynamo")
    assert stand_in.disable(len, recursive=True, wrapping=False) is len
    assert stand_in.disable(recursive=False)(len) is len
    assert stand_in.allow_in_graph(len) is len
    assert not isinstance(3, stand_in.eval_frame.OptimizedModule)
    import torch._dynamo

    assert stand_in.optimize is torch._dynamo.optimize
    assert not hasattr(stand_in, "__file__")
