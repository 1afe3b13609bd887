"""What the processes of test_loading.py do: each step tells the Hub its name and prints what it found."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import stat
import sys
import urllib.error
import urllib.request
import warnings
from pathlib import Path
from typing import Any

import torch
from diffusers.utils import logging

from dpsims_hub import ClassSpec, DPSIMSDiscriminator, DPSIMSGenerator, DPSIMSPipeline

NAME = "someone/streets"
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "hub.md"
CLASSES = ClassSpec.from_dict({"name": "renamed", "classes": ["a", "b", "c"]}).to_dict()


def digest(pipe: DPSIMSPipeline) -> str:
    """Of two photos, bit for bit, from fixed latents."""
    generator = torch.Generator().manual_seed(3)
    maps = torch.randint(0, 3, (1, 16, 24), generator=generator)
    latents = torch.randn(2, pipe.generator.config.latent_dim, generator=generator)
    photos = pipe(maps, 2, latents=latents, output_type="pt").images
    return hashlib.sha256(photos.numpy().tobytes()).hexdigest()[:16]


def facts(pipe: DPSIMSPipeline) -> list:
    return [digest(pipe), str(pipe.dtype).removeprefix("torch."), pipe.spec.names[0], pipe.name_or_path]


def load(name: str = NAME, **options: Any) -> list:
    return facts(DPSIMSPipeline.from_pretrained(name, **options))


def network_facts(network: DPSIMSGenerator | DPSIMSDiscriminator) -> list:
    total = sum(weight.double().sum() for weight in network.state_dict().values()).item()
    return [type(network).__name__, network.training, str(network.dtype).removeprefix("torch."), total]


def refused(**options: Any) -> str:
    try:
        load(**options)
    except (FileNotFoundError, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    return "loaded"


def documented() -> list:
    """The first lines of Python in docs/hub.md."""
    names: dict[str, Any] = {}
    exec(re.search(r"```python\n(.*?)```", DOCUMENT.read_text(), re.S)[1], names)
    return [
        *facts(names["pipe"]),
        network_facts(names["generator"])[0],
        names["discriminator"].config.num_classes,
    ]


def with_warning() -> list:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return load(torch_dtype=torch.bfloat16)


def loading_steps(own: DPSIMSGenerator) -> dict[str, Any]:
    """Loads in order: later ones find what earlier ones left in the cache, `elsewhere` begins anew."""
    return {
        "plain": load,
        "again": load,
        "revision": lambda: load(revision="old"),
        "commit": lambda: load(revision=os.environ["OLD_COMMIT"]),
        "half": lambda: load(variant="fp16"),
        "half in half": lambda: load(variant="fp16", dtype=torch.float16),
        "dtype": lambda: load(dtype=torch.bfloat16),
        "torch_dtype": with_warning,
        "private": lambda: load("someone/secret", token="hf_of_someone"),
        "stranger": lambda: refused(name="someone/secret", token="hf_of_visitor", cache_dir="visitor"),
        "sharded": lambda: load("someone/shards"),
        "own network": lambda: load(generator=own, cache_dir="own network"),
        "own network in half": lambda: load(generator=own, variant="fp16", cache_dir="own half"),
        "own classes": lambda: load(class_spec=CLASSES),
        "elsewhere": lambda: load(cache_dir="elsewhere", variant="fp16"),
        "not elsewhere": lambda: refused(cache_dir="elsewhere", local_files_only=True),
        "generator": lambda: network_facts(
            DPSIMSGenerator.from_pretrained(NAME, subfolder="generator", revision="old", cache_dir="network")
        ),
        "discriminator": lambda: network_facts(
            DPSIMSDiscriminator.from_pretrained(
                NAME, subfolder="discriminator", dtype=torch.float16, cache_dir="network"
            )
        ),
        "no such revision": lambda: refused(revision="none"),
        "no such variant": lambda: refused(variant="int4"),
        "no such model": lambda: refused(name="someone/else"),
        "forbidden name": lambda: refused(name="someone/a..b"),
        "documented": documented,
        "pickled": lambda: refused(name="someone/pickled"),
    }


def pushing_steps() -> dict[str, Any]:
    """Save and push, then load what was pushed from the Hub, each into a cache of its own."""
    pipe = DPSIMSPipeline.from_pretrained(NAME)
    token = "hf_of_someone"

    def push(name: str, **options: Any) -> list:
        pipe.push_to_hub(name, token=token, **options)
        kept = {key: options[key] for key in ("variant",) if key in options}
        return load(name, token=token, cache_dir=f"pushed {name} {options}".replace("/", " "), **kept)

    def save_and_push() -> list:
        pipe.save_pretrained(
            "saved", push_to_hub=True, repo_id="someone/saved", token=token, max_shard_size="8KB"
        )
        modes = {stat.S_IMODE(path.stat().st_mode) for path in Path("saved").rglob("*") if path.is_file()}
        files = sorted(path.relative_to("saved").as_posix() for path in Path("saved").rglob("*.*"))
        return [load("saved")[:3], load("someone/saved")[:3], sorted(map(oct, modes)), files[0], len(files)]

    def save_again() -> list:
        pipe.save_pretrained("saved")
        return [load("saved")[:3], sorted(path.name for path in Path("saved/generator").iterdir())]

    def push_network() -> list:
        pipe.generator.push_to_hub("someone/network", token=token)
        return network_facts(DPSIMSGenerator.from_pretrained("someone/network"))

    return {
        "push": lambda: push("someone/pushed", private=True),
        "push half": lambda: push("someone/pushed", variant="fp16"),
        "push over shards": lambda: push("someone/shards"),
        "push beside a card": lambda: push("someone/carded"),
        "save and push": save_and_push,
        "save again": save_again,
        "push network": push_network,
    }


def cached_steps() -> dict[str, Any]:
    """Loads of what the steps before left in the cache, by a process that reaches no Hub."""
    return {
        "plain": load,
        "local": lambda: load(local_files_only=True),
        "half": lambda: load(variant="fp16", dtype=torch.float16),
        "revision": lambda: load(revision="old"),
        "sharded": lambda: load("someone/saved"),
        "never seen": lambda: refused(name="someone/never"),
        "generator": lambda: network_facts(
            DPSIMSGenerator.from_pretrained(NAME, subfolder="generator", revision="old", cache_dir="network")
        ),
    }


def main(which: str) -> None:
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    os.umask(0o022)
    found: dict[str, Any] = {}
    if which == "online":
        run(loading_steps(DPSIMSGenerator.from_pretrained("own")), found)
        run(pushing_steps(), found)
    else:
        run(cached_steps(), found)
    foreign = sorted(name for name in sys.modules if name.startswith(("diffusers_modules", "streets")))
    print(json.dumps(found | {"foreign": foreign}))


def run(steps: dict[str, Any], found: dict[str, Any]) -> None:
    for name, step in steps.items():
        with contextlib.suppress(urllib.error.URLError):
            urllib.request.urlopen(f"{os.environ['HF_ENDPOINT']}/step/{name.replace(' ', '-')}", timeout=20)
        found[name] = step()
