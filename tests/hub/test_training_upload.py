"""`--push_to_hub` of the trainer: refused before the first step, or a model on the Hub after the last."""

from __future__ import annotations

import json

import pytest

from tests.training.tiny_run import tiny_flags, write_pairs

pytest_plugins = ["tests.loopback_hub"]

TRAIN = """
import json, os, sys
from train_accelerate import main

flags = json.loads(sys.argv[1])
assert main([*flags, "--hub_model_id", "streets", "--hub_private_repo", "--hub_license", "cc-by-4.0"]) == 0
os.environ.pop("HF_TOKEN")
print("code", main([*flags, "--output_dir", "other"]))
"""


@pytest.mark.slow
def test_a_run_is_uploaded_at_its_end(hub, tmp_path):
    out = tmp_path / "out"
    flags = tiny_flags(write_pairs(tmp_path / "pairs"), out, "--report_to", "none", "--push_to_hub", steps=1)
    done = hub.run(TRAIN, json.dumps(flags), home=tmp_path, token="hf_of_someone")
    files = hub.files("someone/streets")
    assert f"Uploaded: {hub.url}/someone/streets\n" in done.stdout
    assert hub.repositories["models", "someone/streets"].private
    assert {"README.md", "discriminator/config.json", "validation_sheet.png"} <= files.keys()
    assert b"license: cc-by-4.0" in files["README.md"]
    weights = "generator/diffusion_pytorch_model.safetensors"
    assert files[weights] == (out / "pipeline" / weights).read_bytes()
    assert not any(name.startswith(("checkpoint", "log")) for name in files)
    assert done.stdout.endswith("code 2\n")
    assert done.stderr.splitlines()[-1].startswith("train_accelerate.py: --push_to_hub: nobody is logged in;")
    assert not (tmp_path / "other" / "pipeline").exists()
