"""What is fit for the Hub goes there in one commit; what is not is refused with one sentence."""

from __future__ import annotations

import io
import json
import pickle
import shutil
from pathlib import Path

import pytest
import torch

from dpsims_hub import DPSIMSPipeline
from dpsims_hub.hub import CardFacts, ExportOptions, Source, export
from dpsims_hub.hub.publish import license_is_stated, publishable_files
from dpsims_hub.labels import ClassSpec
from tests.hub.run_folder import CLASSES
from tests.tiny import tiny_generator

pytest_plugins = ["tests.loopback_hub"]

TOKEN = "hf_of_someone"
WEIGHTS = "generator/diffusion_pytorch_model.safetensors"
RUN = """
import json, sys, time
from dpsims_hub.commands import main

time.sleep = lambda seconds: None  # the client waits longer and longer between its attempts
for arguments in json.loads(sys.argv[1]):
    print("code", main(arguments))
"""


def silent(line: str) -> None:
    pass


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> Path:
    pipe = DPSIMSPipeline(tiny_generator(), ClassSpec.from_dict(CLASSES).to_dict())
    options = ExportOptions("someone/streets", CardFacts(license="cc-by-4.0"))
    return export(Source("tiny", pipe), tmp_path_factory.mktemp("exported") / "out", options, silent)


@pytest.fixture
def folder(exported, tmp_path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(exported, tmp_path / "model"))


def commands(hub, home: Path, *calls: list, token: str = TOKEN) -> tuple[list[str], list[str]]:
    """Calls of `dpsims` in one process: what each printed, and the sentences about faults."""
    texts = [[str(word) for word in call] for call in calls]
    done = hub.run(RUN, json.dumps(texts), home=home, token=token)
    sentences = [line for line in done.stderr.splitlines() if line.startswith("dpsims: ")]
    printed = done.stdout.split("code ")
    codes = [text.split("\n", 1)[0] for text in printed[1:]]
    assert codes.count("2") == len(sentences)
    assert codes.count("0") == len(calls) - len(sentences)
    return [printed[0], *(text.split("\n", 1)[1] for text in printed[1:])], sentences


def test_checkpoints_logs_and_leftovers_stay_at_home(folder):
    whole = set(publishable_files(folder))
    names = ("checkpoint-20/model.bin", "logs/events", "log.jsonl", ".git/x", "a.tmp/b", "__pycache__/c.pyc")
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(pickle.dumps({}))
    (folder / "notes.txt").write_text("mine")
    assert set(publishable_files(folder)) == whole | {"notes.txt"}
    assert WEIGHTS in whole


def saved(value: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def test_pickles_are_refused_whatever_they_are_called(folder):
    disguises = {
        "optimizer.bin": b"anything",
        "extra/model.pt": b"anything",
        "notes.txt": pickle.dumps({"a": 1}),
        "picture.png": saved(torch.ones(2)),
        "generator/weights.dat": pickle.dumps(print, protocol=2),
    }
    for name, content in disguises.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
        with pytest.raises(ValueError, match=f"{Path(name).name}: may hold pickled code"):
            publishable_files(folder)
        (folder / name).unlink()
    assert publishable_files(folder)


HEADER = "---\nlicense: mit\nlibrary_name: diffusers\npipeline_tag: image-to-image\n---\n"


@pytest.mark.parametrize(
    ("card", "words"),
    [
        (None, "README.md: there is no model card; `dpsims export` writes one"),
        ("# No header", "lacks license, library_name, pipeline_tag"),
        (HEADER.replace("license: mit\n", ""), "lacks license; add it between ---"),
        (HEADER.replace("mit", "other"), "the licence is `other`; say which one in license_name"),
        (HEADER.replace("mit", "[mit"), "header of the model card cannot be read"),
        (HEADER + "{{ evaluation }}", r"\{\{ evaluation \}\} of the template was not filled in"),
    ],
)
def test_a_folder_without_a_valid_card_is_refused(folder, card, words):
    (folder / "README.md").unlink()
    if card is not None:
        (folder / "README.md").write_text(card)
    with pytest.raises((ValueError, FileNotFoundError), match=words):
        publishable_files(folder)
    (folder / "README.md").write_text(HEADER)
    assert license_is_stated(folder / "README.md")
    assert publishable_files(folder)


def test_damaged_weights_and_training_runs_are_refused(folder, tmp_path):
    content = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(content[:-8])
    with pytest.raises(ValueError, match="diffusion_pytorch_model.safetensors"):
        publishable_files(folder)
    (folder / WEIGHTS).write_bytes(content)
    (folder / "extra.safetensors").write_bytes(b"\x80\x02no safetensors")
    with pytest.raises(ValueError, match="extra.safetensors: is damaged or no safetensors file"):
        publishable_files(folder)
    (tmp_path / "run" / "pipeline").mkdir(parents=True)
    with pytest.raises(ValueError, match="run: is a training run; make a folder to publish: dpsims export"):
        publishable_files(tmp_path / "run")
    with pytest.raises(FileNotFoundError, match="there is no such folder"):
        publishable_files(tmp_path / "nothing")


@pytest.mark.slow
def test_a_repository_through_its_life(hub, folder, tmp_path):
    """Dry run, upload, nothing new, a branch, a private one, and what is refused, in one process."""
    old = {"generator/old-00001-of-00002.safetensors": b"stale", "pipeline.py": b"stale"}
    card = (folder / "README.md").read_bytes()
    old["classes.json"] = bytes(len((folder / "classes.json").read_bytes()))  # of the same size
    hub.add("someone/streets", {**old, "notes.txt": b"kept", "README.md": card})
    hub.refuse("POST", "someone/refused/commit", 403)
    publish = ["publish", folder, "someone/streets"]
    calls = [
        publish,
        [*publish, "--yes"],
        [*publish, "--yes"],
        [*publish, "--revision", "v2", "--yes"],
        ["publish", folder, "someone/secret", "--private", "--yes"],
        ["publish", folder, "someone/streets", "--private", "--yes"],
        ["publish", folder, "other/theirs", "--yes"],
        ["publish", folder, "someone/a/b"],
        ["publish", folder, "someone/refused", "--yes"],
    ]
    said, sentences = commands(hub, tmp_path, *calls)
    lines = {line.split()[-1]: line.split()[0] for line in said[0].splitlines() if line.startswith("  ")}
    assert lines == dict.fromkeys(publishable_files(folder), "+") | {
        "README.md": "=",
        "classes.json": "~",
        "pipeline.py": "-",
        "generator/old-00001-of-00002.safetensors": "-",
    }
    assert f"Nothing was uploaded. To upload: dpsims publish {folder} someone/streets --yes\n" in said[0]
    assert f"Uploaded: {hub.url}/someone/streets\n" in said[1]
    local = {name: path.read_bytes() for name, path in publishable_files(folder).items()}
    assert hub.files("someone/streets") == local | {"notes.txt": b"kept"}
    assert f"{len(local)} same (=); 0 B to upload\nNothing to upload: nothing has changed.\n" in said[2]
    assert hub.files("someone/streets", revision="v2") == local | {"notes.txt": b"kept"}
    assert len(hub.repositories["models", "someone/streets"].commits) == 2
    assert hub.repositories["models", "someone/secret"].private
    assert not hub.repositories["models", "someone/refused"].private
    beginnings = (
        "--private: someone/streets exists and is public; make it private on the Hub, or choose",
        "publishing: other/theirs cannot be written to: the Hub refuses (",
        "REPO: 'someone/a/b' is no name for a model (",
        "someone/refused: the upload failed: the Hub refuses (",
    )
    assert len(sentences) == len(beginnings)
    for sentence, beginning in zip(sentences, beginnings, strict=True):
        assert sentence.startswith(f"dpsims: {beginning}")


@pytest.mark.minutes
def test_without_login_or_hub_the_files_are_listed_and_nothing_changes(hub, folder, tmp_path):
    card = (folder / "README.md").read_text()
    assert license_is_stated(folder / "README.md")
    (folder / "README.md").write_text(
        card.replace("license: cc-by-4.0", "license: other\nlicense_name: not-stated")
    )
    publish = ["publish", folder, "someone/new"]
    said, sentences = commands(hub, tmp_path, publish, [*publish, "--yes"], token="")
    assert said[0].startswith("The card states no licence: nobody is allowed to use these weights.\n")
    assert f" MB  {WEIGHTS}" in said[0] or f" kB  {WEIGHTS}" in said[0]
    assert sentences == ["dpsims: publishing: nobody is logged in; run `hf auth login`, or set HF_TOKEN."]
    assert hub.repositories == {}
    assert {request.method for request in hub.requests} <= {"GET", "HEAD"}
    hub.stop()
    said, _ = commands(hub, tmp_path, publish)
    assert "its present files are not known: the Hub cannot be reached (" in said[0]
    assert WEIGHTS in said[0]
