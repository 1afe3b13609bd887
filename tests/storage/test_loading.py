"""A published model loads from a Hub, and what is pushed comes back: every way, through the loopback Hub.

Loading from a Hub id goes another way through diffusers than loading from a folder.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from huggingface_hub import ModelCard

from dpsims_hub import DPSIMSDiscriminator, DPSIMSGenerator, DPSIMSPipeline
from tests.loopback_hub import LoopbackHub
from tests.storage import loading_steps
from tests.storage.loading_steps import NAME, digest, network_facts
from tests.tiny import tiny_generator

pytestmark = pytest.mark.slow

GENERATOR = ["generator/config.json", "generator/diffusion_pytorch_model.safetensors"]
NEEDED = [*GENERATOR, "model_index.json"]
HALF = [name.replace(".safetensors", ".fp16.safetensors") for name in NEEDED]


class Visit(NamedTuple):
    """What the processes found, what the Hub was asked for in each step, and what lies on it now."""

    online: dict[str, Any]
    offline: dict[str, Any]
    dead: dict[str, Any]
    asked: dict[str, list[str]]
    digests: dict[str, str]
    networks: dict[str, list]
    hub: LoopbackHub


def publish(hub: LoopbackHub, folder: Path) -> tuple[str, dict[str, str], dict[str, list]]:
    """Two revisions, a private, a sharded, a pickled and a carded model; photos and networks by name."""
    pipes = {
        branch: DPSIMSPipeline(tiny_generator(seed=seed, spectral_norm=False))
        for seed, branch in enumerate(("main", "old"))
    }
    torch.manual_seed(0)
    discriminator = DPSIMSDiscriminator(3, (3, 5), (2, 4), decoder_widths=(6, 4)).half().eval()
    for branch, pipe in pipes.items():
        pipe.save_pretrained(folder / branch)
        half = DPSIMSPipeline.from_pretrained(folder / branch, dtype=torch.float16)
        half.save_pretrained(folder / branch, variant="fp16")
        discriminator.save_pretrained(folder / branch / "discriminator")
        (folder / branch / "pipeline.py").write_text("raise SystemExit('remote code was run')\n")
        (folder / branch / "README.md").write_text("---\nlicense: mit\n---\n# A card of its own\n")
    old = hub.add(NAME, folder / "old", branch="old")
    for name, options in ((NAME, {}), ("someone/secret", {"private": True}), ("someone/carded", {})):
        hub.add(name, folder / "main", **options)
    for branch in ("main", "v1"):
        hub.add("owner/model", folder / "main", branch=branch)
    shutil.copytree(folder / "main", folder / "home" / "outputs" / "mine" / "pipeline")
    pipes["main"].save_pretrained(folder / "shards", max_shard_size="8KB")
    hub.add("someone/shards", folder / "shards")
    weights = folder / "main" / "generator" / "diffusion_pytorch_model"
    content = {path: (folder / "main" / path).read_bytes() for path in ("model_index.json", GENERATOR[0])}
    torch.save(torch.load, weights.with_suffix(".bin"))
    hub.add(
        "someone/pickled",
        content | {f"generator/{weights.name}.bin": weights.with_suffix(".bin").read_bytes()},
    )
    pipes["half"] = DPSIMSPipeline.from_pretrained(folder / "main", variant="fp16")
    networks = {"old": network_facts(pipes["old"].generator), "discriminator": network_facts(discriminator)}
    pipes["half in half"] = DPSIMSPipeline.from_pretrained(
        folder / "main", variant="fp16", dtype=torch.float16
    )
    pipes["bfloat16"] = DPSIMSPipeline.from_pretrained(folder / "main", dtype=torch.bfloat16)
    return old, {name: digest(pipe) for name, pipe in pipes.items()}, networks


@pytest.fixture(scope="module")
def visit(tmp_path_factory: pytest.TempPathFactory) -> Visit:
    folder = tmp_path_factory.mktemp("loading")
    home, hub = folder / "home", LoopbackHub()
    try:
        old, digests, networks = publish(hub, folder)
        own = tiny_generator(seed=9, spectral_norm=False)
        own.save_pretrained(home / "own")
        digests["own"] = digest(DPSIMSPipeline(own))

        def run(which: str, **variables: str) -> dict[str, Any]:
            # by its path: an installed package may be called `tests` too
            code = f"import runpy; runpy.run_path({loading_steps.__file__!r})['main']({which!r})"
            return json.loads(hub.run(code, home=home, OLD_COMMIT=old, **variables).stdout.splitlines()[-1])

        online = run("online", HF_HUB_OFFLINE="0")
        asked = files_by_step(hub)
        offline = run("offline", HF_HUB_OFFLINE="1")
    finally:
        hub.stop()
    return Visit(online, offline, run("offline", HF_HUB_OFFLINE="0"), asked, digests, networks, hub)


def files_by_step(hub: LoopbackHub) -> dict[str, list[str]]:
    """Paths of the files that each step read."""
    asked: dict[str, list[str]] = {}
    for request in hub.requests:
        if request.path.startswith("/step/"):
            files = asked.setdefault(request.path.removeprefix("/step/").replace("-", " "), [])
        elif request.method == "GET" and "/resolve/" in request.path and request.status == 200:
            files.append(request.path.split("/resolve/")[1].partition("/")[2])
    return {step: sorted(files) for step, files in asked.items()}


@pytest.mark.parametrize(
    ("step", "weights", "dtype", "name"),
    [
        ("plain", "main", "float32", NAME),
        ("again", "main", "float32", NAME),
        ("revision", "old", "float32", NAME),
        ("commit", "old", "float32", NAME),
        ("half", "half", "float32", NAME),
        ("half in half", "half in half", "float16", NAME),
        ("dtype", "bfloat16", "bfloat16", NAME),
        ("torch_dtype", "bfloat16", "bfloat16", NAME),
        ("private", "main", "float32", "someone/secret"),
        ("sharded", "main", "float32", "someone/shards"),
        ("own network", "own", "float32", NAME),
        ("own network in half", "own", "float32", NAME),
        ("elsewhere", "half", "float32", NAME),
    ],
)
def test_pipeline_of_a_hub_makes_the_photos_that_it_made_before(
    visit: Visit, step: str, weights: str, dtype: str, name: str
) -> None:
    assert visit.online[step] == [visit.digests[weights], dtype, "class 0", name]
    assert len(set(visit.digests.values())) == len(visit.digests)


def test_own_class_list_replaces_the_stored_one(visit: Visit) -> None:
    assert visit.online["own classes"] == [visit.digests["main"], "float32", "a", NAME]


def test_networks_load_by_their_own_classes(visit: Visit) -> None:
    assert visit.online["generator"] == visit.networks["old"]
    assert visit.online["discriminator"] == visit.networks["discriminator"]
    assert visit.networks["discriminator"][:3] == ["DPSIMSDiscriminator", False, "float16"]


def test_lines_of_the_document_do_what_they_say(visit: Visit) -> None:
    half = visit.digests["half in half"]
    expected = [half, "float16", "class 0", "owner/model", "DPSIMSGenerator", 3]
    assert visit.online["documented"] == expected


def test_only_needed_files_are_fetched_and_none_twice(visit: Visit) -> None:
    shards = visit.asked["sharded"]
    assert visit.asked["plain"] == visit.asked["private"] == NEEDED
    assert visit.asked["again"] == visit.asked["dtype"] == visit.asked["own classes"] == []
    assert visit.asked["half"] == HALF[1:2]  # the rest is there
    assert visit.asked["elsewhere"] == sorted(HALF)
    assert visit.asked["own network"] == visit.asked["own network in half"] == ["model_index.json"]
    assert visit.asked["generator"] == GENERATOR
    assert visit.asked["discriminator"] == [name.replace("generator", "discriminator") for name in GENERATOR]
    assert len(shards) > 5
    assert shards[0 :: len(shards) - 1] == [GENERATOR[0], "model_index.json"]
    assert "generator/diffusion_pytorch_model.safetensors.index.json" in shards
    assert [name for name in shards if name.endswith(".bin")] == visit.asked["pickled"][5:] == []
    assert visit.online["foreign"] == []


@pytest.mark.parametrize(
    ("step", "sentence"),
    [
        (
            "stranger",
            "FileNotFoundError: someone/secret: neither a model folder here nor a model that the Hub",
        ),
        (
            "no such revision",
            f"FileNotFoundError: {NAME}: neither a model folder here nor a model that the Hub",
        ),
        (
            "no such model",
            "FileNotFoundError: someone/else: neither a model folder here nor a model that the",
        ),
        ("forbidden name", "FileNotFoundError: someone/a..b: neither a model folder here nor a model that"),
        ("no such variant", "generator: has no int4 weights (*.safetensors)"),
        ("pickled", "generator: has no weights (*.safetensors)"),
        ("not elsewhere", "streets"),  # older clients hand out the half snapshot, newer ones refuse it
    ],
)
def test_what_cannot_be_loaded_is_named_in_one_sentence(visit: Visit, step: str, sentence: str) -> None:
    message = visit.online[step]
    assert message.startswith("FileNotFoundError: ")
    assert sentence in message
    assert len(message.splitlines()) == 1


@pytest.mark.parametrize("kind", ["offline", "dead"])
def test_cached_model_loads_without_a_hub(visit: Visit, kind: str) -> None:
    found = dict(getattr(visit, kind))
    assert found.pop("never seen").startswith("FileNotFoundError: someone/never: neither a model folder here")
    same = ("plain", "half", "revision", "generator")
    steps = {"half": "half in half"}
    assert [found[step] for step in same] == [visit.online[steps.get(step, step)] for step in same]
    assert found["local"] == found["plain"]
    assert found["sharded"][0] == visit.digests["main"]


@pytest.mark.parametrize("step", ["push", "push over shards", "push beside a card"])
def test_pushed_pipeline_comes_back_bit_for_bit(visit: Visit, step: str) -> None:
    assert visit.online[step][:3] == [visit.digests["main"], "float32", "class 0"]


def test_pushed_half_variant_holds_the_same_numbers(visit: Visit) -> None:
    # Saved from float32: the name alone does not change the numbers.
    assert visit.online["push half"][:2] == [visit.digests["main"], "float32"]


def test_pushed_folder_is_complete_and_carries_our_card(visit: Visit) -> None:
    files = visit.hub.files("someone/pushed")
    weights = [name for name in files if name.endswith(".safetensors")]
    assert sorted(set(files) - set(weights)) == [
        ".gitattributes",
        "README.md",
        "generator/config.json",
        "model_index.json",
    ]
    assert sorted(weights) == sorted([NEEDED[1], HALF[1]])
    index = json.loads(files["model_index.json"])
    assert index["_class_name"] == "DPSIMSPipeline"
    assert index["generator"] == ["dpsims_hub", "DPSIMSGenerator"]
    for name in ("model_index.json", "generator/config.json"):
        assert "_name_or_path" not in json.loads(files[name])
    card = ModelCard(files["README.md"].decode())
    assert (card.data.library_name, card.data.pipeline_tag) == ("diffusers", "image-to-image")
    assert 'DPSIMSPipeline.from_pretrained("someone/pushed")' in card.text
    assert visit.hub.repositories["models", "someone/pushed"].private


def test_card_of_the_owner_is_kept(visit: Visit) -> None:
    assert b"# A card of its own" in visit.hub.files("someone/carded")["README.md"]


def test_push_removes_shards_that_would_be_read_instead(visit: Visit) -> None:
    left = sorted(name for name in visit.hub.files("someone/shards") if name.startswith("generator/"))
    assert left == GENERATOR


def test_saved_folder_is_readable_by_everyone_and_can_be_saved_over(visit: Visit) -> None:
    local, remote, modes, first, count = visit.online["save and push"]
    assert local == remote == [visit.digests["main"], "float32", "class 0"]
    assert modes == ["0o644"]
    assert (first, count > 5) == (GENERATOR[0], True)
    again, files = visit.online["save again"]
    assert (again, files) == (local, [Path(name).name for name in GENERATOR])


def test_pushed_network_comes_back(visit: Visit) -> None:
    assert visit.online["push network"] == network_facts(tiny_generator(seed=0, spectral_norm=False))


def test_library_entry_does_not_follow_the_file(tmp_path: Path) -> None:
    for kind in (DPSIMSGenerator, DPSIMSDiscriminator, DPSIMSPipeline):
        assert kind.__module__ == "dpsims_hub"
    DPSIMSPipeline(tiny_generator(spectral_norm=False)).save_pretrained(tmp_path)
    assert json.loads((tmp_path / "model_index.json").read_text())["generator"][0] == "dpsims_hub"
