"""A run goes to the Hub, and comes back in a new process as the same photos."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from PIL import Image

from dpsims_hub.pipelines.pipeline_dpsims import DPSIMSPipeline
from tests.hub.run_folder import CONFIG, write_run
from tests.loopback_endpoints import SILENCE
from tests.loopback_hub import LoopbackHub

pytestmark = pytest.mark.slow

TOKEN = "hf_of_someone"
MODEL = {
    "README.md",
    "classes.json",
    "discriminator/config.json",
    "discriminator/diffusion_pytorch_model.safetensors",
    "generator/config.json",
    "generator/diffusion_pytorch_model.fp16.safetensors",
    "generator/diffusion_pytorch_model.safetensors",
    "model_index.json",
    "palette.png",
    "training_config.json",
    "validation_sheet.png",
}
UPLOAD = """
import json, os, resource, sys, time
from pathlib import Path
from dpsims_hub.hub import open_repository, upload_run

time.sleep = lambda seconds: None  # the client waits longer and longer between its attempts

outs, said = Path(sys.argv[1]), {}

def attempt(name, call, *arguments):
    try:
        said[name] = call(*arguments)
    except (OSError, ValueError) as error:
        said[name] = f"{type(error).__name__}: {error}"

for case in json.loads(sys.argv[2]):
    attempt(*case[:1], {"open": open_repository, "upload": upload_run}[case[1]], *case[2:])
resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))
attempt("full disk", upload_run, str(outs / "streets"), "someone/streets", 1200)
os.environ.pop("HF_TOKEN")
attempt("no login", open_repository, "streets", str(outs / "streets"))
print(json.dumps(said))
"""
LOAD = """
import hashlib, json, re, sys
from pathlib import Path
import torch
from dpsims_hub import DPSIMSPipeline

def digest(repo_id, **options):
    pipe = DPSIMSPipeline.from_pretrained(repo_id, **options)
    rng = torch.Generator().manual_seed(3)
    return hashlib.sha256(pipe("map.png", 2, rng, output_type="np").images.tobytes()).hexdigest()

found = {"streets": digest("someone/streets", token=False)}
found["night"] = digest("someone/night", token=sys.argv[1])
try:
    digest("someone/night", token=False, cache_dir="empty")
except FileNotFoundError as error:
    found["no token"] = str(error)
exec(sys.argv[2])
found["written by the card"] = Path("photo.png").read_bytes()[1:4].decode()
print(json.dumps(found))
"""


class Uploaded(NamedTuple):
    """A Hub after the uploads, the runs by name, their folder, and what the process said case by case."""

    hub: LoopbackHub
    pipes: dict[str, DPSIMSPipeline]
    outs: Path
    said: dict[str, str]


@pytest.fixture(scope="module")
def uploaded(tmp_path_factory) -> Iterator[Uploaded]:
    outs, hub = tmp_path_factory.mktemp("outs"), LoopbackHub()
    pipes = {name: write_run(outs / name, seed) for seed, name in enumerate(("streets", "night"))}
    for leftover in ("hub/old", "hub.tmp/old"):  # of an upload that was killed
        (outs / "streets" / leftover).parent.mkdir()
        (outs / "streets" / leftover).touch()
    stale = {"generator/diffusion_pytorch_model-00001-of-00002.safetensors": b"stale"}
    hub.add("someone/streets", {"notes.txt": b"the owner's", "README.md": b"old", **stale})
    hub.add("other/streets", {"README.md": b"another owner's"})
    hub.refuse("POST", "someone/full/commit", 403)
    hub.refuse("POST", "someone/mute/commit", SILENCE)
    streets, night = str(outs / "streets"), str(outs / "night")
    cases = [
        ("public", "open", "someone/streets", streets, False),
        ("public url", "upload", streets, "someone/streets", 1200),
        ("private", "open", "", night, True),
        ("private url", "upload", night, "someone/night", 1200),
        ("bad name", "open", "a/b/c", streets, False),
        ("another owner", "open", "other/streets", streets, False),
        ("not private", "open", "someone/streets", streets, True),
        ("full", "open", "full", streets, False),
        ("refused", "upload", streets, "someone/full", 1200),
        ("mute", "open", "mute", night, False),
        ("no answer", "upload", night, "someone/mute", 1200),
        ("no model", "upload", str(outs), "someone/streets", 1200),
    ]
    home = tmp_path_factory.mktemp("uploads")
    done = hub.run(UPLOAD, outs, json.dumps(cases), home=home, token=TOKEN)
    yield Uploaded(hub, pipes, outs, json.loads(done.stdout.splitlines()[-1]))
    hub.stop()


def test_exactly_the_publishable_files_arrive_in_one_commit(uploaded):
    hub, files = uploaded.hub, uploaded.hub.files("someone/streets")
    assert set(files) == MODEL | {"notes.txt"}
    assert set(hub.files("someone/night")) == MODEL | {".gitattributes"}
    assert len(hub.repositories["models", "someone/streets"].commits) == 2
    assert hub.repositories["models", "someone/night"].private
    assert not hub.repositories["models", "someone/full"].private
    run = uploaded.outs / "streets"
    for name in ("generator/diffusion_pytorch_model.safetensors", "model_index.json"):
        assert files[name] == (run / "pipeline" / name).read_bytes()
    assert files["validation_sheet.png"] == (run / "sheets" / "step-001200.png").read_bytes()
    assert uploaded.said["public url"] == f"{hub.url}/someone/streets"


def test_settings_arrive_without_the_owners_folders(uploaded):
    settings = json.loads(uploaded.hub.files("someone/streets")["training_config.json"])
    kept = {name for name in CONFIG if not name.startswith(("hub_", "push_", "resume_", "output_"))}
    changed = {"train_data_dir": "streets", "backbone_weights": "net.safetensors"}
    assert settings == {name: CONFIG[name] for name in kept} | changed


def test_a_run_comes_back_from_the_hub_as_the_same_photos(uploaded, tmp_path):
    card = uploaded.hub.files("someone/streets")["README.md"].decode()
    Image.fromarray(torch.randint(0, 3, (16, 24)).byte().numpy()).save(tmp_path / "map.png")
    (example,) = re.findall(r"```python\n(.*?)```", card, re.S)
    done = uploaded.hub.run(LOAD, TOKEN, example, home=tmp_path, token=TOKEN)
    found = json.loads(done.stdout.splitlines()[-1])
    for name, pipe in uploaded.pipes.items():
        rng = torch.Generator().manual_seed(3)
        photos = pipe(tmp_path / "map.png", 2, rng, output_type="np").images
        assert found[name] == hashlib.sha256(photos.tobytes()).hexdigest()
    assert found["streets"] != found["night"]
    assert found["no token"].startswith("someone/night: neither a model folder here nor a model that the Hub")
    assert found["written by the card"] == "PNG"


def test_what_cannot_work_is_said_before_training(uploaded):
    said = uploaded.said
    assert (said["public"], said["private"], said["full"]) == (
        "someone/streets",
        "someone/night",
        "someone/full",
    )
    assert said["bad name"].startswith("ValueError: --hub_model_id: 'a/b/c' is no name for a model (")
    assert said["another owner"] == (
        "UploadError: --push_to_hub: other/streets cannot be written to: the Hub refuses "
        "(You have no right to write to other/streets)."
    )
    assert said["not private"].startswith(
        "ValueError: --hub_private_repo: someone/streets exists and is public;"
    )
    assert said["no login"].startswith("UploadError: --push_to_hub: nobody is logged in; run `hf auth login`")


@pytest.mark.parametrize(
    ("case", "run", "repository", "reason"),
    [
        ("refused", "streets", "someone/full", "the Hub refuses (The fake Hub was told to refuse this)"),
        ("no answer", "night", "someone/mute", "the Hub cannot be reached (Server disconnected"),
        ("full disk", "streets", "someone/streets", "File too large"),
    ],
)
def test_a_failed_upload_says_where_the_model_is_and_how_to_retry(uploaded, case, run, repository, reason):
    sentence = uploaded.said[case]
    folder = uploaded.outs / run / ("pipeline" if case == "full disk" else "hub")
    assert sentence.startswith(f"UploadError: {repository}: ")
    assert reason in sentence
    assert f"; the model is in {folder}, " in sentence
    retry = f"hf upload {repository} {folder}"
    assert sentence.endswith(
        f"with: {retry if case == 'full disk' else f'dpsims publish {folder} {repository} --yes'}"
    )
    assert len(sentence.splitlines()) == 1
    assert (uploaded.outs / "streets" / "pipeline" / "model_index.json").is_file()


def test_a_run_without_a_model_is_refused(uploaded):
    assert uploaded.said["no model"].startswith(
        f"FileNotFoundError: {uploaded.outs / 'pipeline'}: is not a model"
    )


def test_a_dead_server_is_one_sentence_before_training_and_after_it(tmp_path):
    write_run(tmp_path / "run")
    hub, run = LoopbackHub(), str(tmp_path / "run")
    hub.stop()
    cases = [("open", "open", "streets", run), ("upload", "upload", run, "someone/streets", 7)]
    done = hub.run(UPLOAD, tmp_path, json.dumps(cases), home=tmp_path, token=TOKEN)
    said = json.loads(done.stdout.splitlines()[-1])
    dead = "the Hub cannot be reached ([Errno 111] Connection refused)"
    assert said["open"] == f"UploadError: --push_to_hub: streets cannot be written to: {dead}."
    assert said["upload"].startswith(
        f"UploadError: someone/streets: the upload failed: {dead}; the model is in "
    )
    assert (tmp_path / "run" / "hub" / "README.md").is_file()
