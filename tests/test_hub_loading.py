"""Loading from a Hub goes another way through diffusers than loading from a folder: a test of its own."""

from __future__ import annotations

from dpsims_hub.pipeline import DPSIMSPipeline
from tests.tiny import tiny_generator

pytest_plugins = ["tests.loopback_hub"]

NAME = "someone/streets"
NEEDED = ["generator/config.json", "generator/diffusion_pytorch_model.safetensors", "model_index.json"]
UNWANTED = [
    "README.md",
    "discriminator/config.json",
    "discriminator/diffusion_pytorch_model.safetensors",
    "generator/diffusion_pytorch_model.fp16.safetensors",
]
LOAD = """
import os, sys
from dpsims_hub.pipeline import DPSIMSPipeline

def total(**options):
    pipe = DPSIMSPipeline.from_pretrained("someone/streets", **options)
    return sum(w.double().sum() for w in pipe.generator.parameters()).item(), pipe.spec.num_classes

print(*total())
print(*total(local_files_only=True))
print(*total(revision="old"))
for name, revision in (("someone/else", "main"), ("someone/secret", "main"), ("someone/streets", "none")):
    try:
        DPSIMSPipeline.from_pretrained(name, revision=revision)
    except FileNotFoundError as error:
        print(error)
"""


def test_pipeline_loads_from_a_hub(hub, tmp_path):
    totals = []
    for seed, branch in enumerate(("main", "old")):
        pipe = DPSIMSPipeline(tiny_generator(num_classes=3 + seed, seed=seed, spectral_norm=False))
        pipe.save_pretrained(tmp_path / branch)
        total = sum(w.double().sum() for w in pipe.generator.parameters()).item()
        totals.append(f"{total} {3 + seed}")
        for name in UNWANTED:
            (tmp_path / branch / name).parent.mkdir(exist_ok=True)
            (tmp_path / branch / name).write_text("not needed")
        hub.add(NAME, tmp_path / branch, branch=branch)
    hub.add("someone/secret", tmp_path / "main", private=True)
    done = hub.run(LOAD, home=tmp_path / "home")
    lines = done.stdout.splitlines()
    assert lines[:3] == [totals[0], totals[0], totals[1]]
    assert totals[0] != totals[1]
    for name, line in zip(("someone/else", "someone/secret", NAME), lines[3:], strict=True):
        assert line.startswith(f"{name}: neither a model folder here nor a model that the Hub gives (")
    assert hub.fetched(NAME) == NEEDED
    assert hub.fetched("someone/secret") == []
