"""Model folders that a stranger could publish: one harmless folder, and one change for each."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

WEIGHTS = "generator/diffusion_pytorch_model.safetensors"
SHARDS = "generator/diffusion_pytorch_model.safetensors.index.json"
CONFIG = "generator/config.json"
INDEX = "model_index.json"
Change = Callable[[Path], object]


class Mine:
    """Runs code where it is unpickled."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (f"{os.getcwd()}/code-was-run",)


def settings(**values: Any) -> Change:
    """Change settings in generator/config.json; None removes one."""
    return lambda folder: rewrite(folder / CONFIG, values)


def index(**values: Any) -> Change:
    return lambda folder: rewrite(folder / INDEX, values)


def classes(change: Callable[[dict], object]) -> Change:
    """Change the class list inside model_index.json."""

    def apply(folder: Path) -> None:
        stored = json.loads((folder / INDEX).read_text())
        change(stored["class_spec"])
        (folder / INDEX).write_text(json.dumps(stored))

    return apply


def rewrite(path: Path, values: dict[str, Any]) -> None:
    stored = json.loads(path.read_text()) | values
    path.write_text(json.dumps({name: value for name, value in stored.items() if value is not None}))


def content(name: str, data: bytes) -> Change:
    return lambda folder: (folder / name).write_bytes(data)


def edited(name: str, change: Callable[[bytes], bytes]) -> Change:
    return lambda folder: (folder / name).write_bytes(change((folder / name).read_bytes()))


def tensors(change: Callable[[dict[str, torch.Tensor]], object]) -> Change:
    """Write the tensors anew, without a checksum."""

    def apply(folder: Path) -> None:
        stored = {name: tensor.clone() for name, tensor in load_file(folder / WEIGHTS).items()}
        change(stored)
        save_file(stored, folder / WEIGHTS, metadata={"format": "pt"})

    return apply


def header(change: Callable[[dict[str, Any]], object]) -> Change:
    """Change the header of the weight file, leave the data."""

    def apply(data: bytes) -> bytes:
        length = int.from_bytes(data[:8], "little")
        stored = json.loads(data[8 : 8 + length])
        change(stored)
        text = json.dumps(stored).encode()
        return len(text).to_bytes(8, "little") + text + data[8 + length :]

    return edited(WEIGHTS, apply)


def shards(name: str) -> Change:
    places = {"metadata": {}, "weight_map": dict.fromkeys("abc", name)}
    return content(SHARDS, json.dumps(places).encode())


def linked(name: str, target: str) -> Change:
    def apply(folder: Path) -> None:
        (folder / name).unlink()
        (folder / name).symlink_to(target)

    return apply


def flip(place: int) -> Callable[[bytes], bytes]:
    """Invert the lowest bit of one byte."""
    return lambda data: data[:place] + bytes([data[place] ^ 1]) + data[place:][1:]


def pickled(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    (folder / WEIGHTS).with_suffix(".bin").write_bytes(pickle.dumps({"start.weight": Mine()}))


def overlap(stored: dict[str, Any]) -> None:
    first, second = (name for name in list(stored)[:3][-2:])
    stored[second]["data_offsets"] = stored[first]["data_offsets"]


def poisoned(value: float) -> Change:
    return tensors(lambda stored: stored["to_rgb.weight"].view(-1)[5:6].fill_(value))


def repeat_tensor(folder: Path) -> None:
    """Two shards that both hold everything."""
    names = [f"diffusion_pytorch_model-0000{i}-of-00002.safetensors" for i in (1, 2)]
    for name in names:
        (folder / "generator" / name).write_bytes((folder / WEIGHTS).read_bytes())
    places = {tensor: names[i % 2] for i, tensor in enumerate(load_file(folder / WEIGHTS))}
    (folder / SHARDS).write_text(json.dumps({"metadata": {}, "weight_map": places}))


def outside(folder: Path) -> None:
    """A whole weight file beside the folder, and an index that points at it."""
    (folder.parent / "outside.safetensors").write_bytes((folder / WEIGHTS).read_bytes())
    shards("../../outside.safetensors")(folder)


def huge_weights(folder: Path) -> None:
    """Settings within their ranges that would take terabytes."""
    widths = {"image_widths": [16384, 16384, 16383, 16382], "encoder_widths": [16384] * 3}
    settings(num_classes=65000, ignore_index=65535, **widths)(folder)
    index(class_spec=None)(folder)


DEEP = b"[" * 100_000 + b"]" * 100_000
WIDE_HEADER = (2**40).to_bytes(8, "little") + b"{}"
LONG_HEADER = (5 * 2**20).to_bytes(8, "little") + b" " * (5 * 2**20 + 8)

CHANGES: dict[str, tuple[str, Change]] = {  # name -> (part of the sentence that refuses it, change)
    # weights
    "pickle": ("a pickled checkpoint can run code", pickled),
    "pickle named safetensors": ("no safetensors file", content(WEIGHTS, pickle.dumps(Mine()))),
    "empty weights": ("damaged or no safetensors file (cut off", content(WEIGHTS, b"")),
    "truncated weights": ("is damaged or no safetensors file", edited(WEIGHTS, lambda data: data[:-100])),
    "longer weights": ("is damaged or no safetensors file", edited(WEIGHTS, lambda data: data + bytes(64))),
    "flipped bit in the data": ("are not those that were saved (SHA-256)", edited(WEIGHTS, flip(-9000))),
    "flipped bit in the header's length": ("is damaged or no safetensors", edited(WEIGHTS, flip(1))),
    "flipped bit in a name": ("lack 1 tensors of the network", edited(
        WEIGHTS, lambda data: data.replace(b'"to_rgb.bias"', b'"to_rgb.bhas"', 1)
    )),
    "header longer than the file": ("its header is longer than the file", content(WEIGHTS, WIDE_HEADER)),
    "header of five megabytes": ("a header of 5242880 bytes", content(WEIGHTS, LONG_HEADER)),
    "header that is no JSON": ("is damaged or no safetensors file", edited(WEIGHTS, flip(8))),
    "overlapping offsets": ("is damaged or no safetensors file", header(overlap)),
    "offsets beyond the file": ("is damaged or no safetensors file", header(
        lambda stored: stored["to_rgb.bias"].update(data_offsets=[0, 2**62])
    )),
    "negative shape": ("is damaged or no safetensors file", header(
        lambda stored: stored["to_rgb.bias"].update(shape=[-3])
    )),
    "NaN": ("to_rgb.weight holds NaN or infinite numbers", poisoned(float("nan"))),
    "infinity": ("to_rgb.weight holds NaN or infinite numbers", poisoned(float("inf"))),
    "wrong shape": ("to_rgb.bias has the shape (1, 3) where", tensors(
        lambda stored: stored.update({"to_rgb.bias": stored["to_rgb.bias"][None].clone()})
    )),
    "wrong type": ("to_rgb.bias has the type I32 where", tensors(
        lambda stored: stored.update({"to_rgb.bias": stored["to_rgb.bias"].int()})
    )),
    "eight-bit floats": ("to_rgb.bias has the type F8_E4M3 where", tensors(
        lambda stored: stored.update({"to_rgb.bias": stored["to_rgb.bias"].to(torch.float8_e4m3fn)})
    )),
    "missing tensor": ("lack 1 tensors of the network, first to_rgb.bias", tensors(
        lambda stored: stored.pop("to_rgb.bias")
    )),
    "unknown tensor": ("hold 1 tensors that the network does not have, first extra", tensors(
        lambda stored: stored.update(extra=torch.zeros(3))
    )),
    "no weights": ("has no weights (*.safetensors)", lambda folder: (folder / WEIGHTS).unlink()),
    "link to nowhere": ("has no weights (*.safetensors)", linked(WEIGHTS, "nowhere")),
    "link to a device": ("has no weights (*.safetensors)", linked(WEIGHTS, "/dev/zero")),
    "link to itself": ("has no weights (*.safetensors)", linked(WEIGHTS, Path(WEIGHTS).name)),
    "link to a text": ("is damaged or no safetensors file", linked(WEIGHTS, "config.json")),
    # shards
    "index that leads outside": ("names '../../outside.safetensors', which is no weight file", outside),
    "index with an absolute path": ("which is no weight file of this folder", shards("/etc/passwd")),
    "index of a missing shard": ("lacks diffusion_pytorch_model-7.safetensors", shards(
        "diffusion_pytorch_model-7.safetensors"
    )),
    "index of numbers": ("does not say which file holds", content(SHARDS, b'{"weight_map": {"a": 3}}')),
    "index of nothing": ("does not say which file holds", content(SHARDS, b"{}")),
    "tensor in two shards": ("which another file holds too", repeat_tensor),
    # settings
    "no config.json": ("has no generator/config.json", lambda folder: (folder / CONFIG).unlink()),
    "empty config.json": ("config.json: is not valid JSON", content(CONFIG, b"")),
    "list as config.json": ("must hold an object", content(CONFIG, b"[1, 2]")),
    "deep JSON": ("config.json: is not valid JSON", content(CONFIG, DEEP)),
    "large JSON": ("has more than 16777216 bytes", content(CONFIG, b" " * 2**24 + b"{}")),
    "long number": ("config.json: is not valid JSON", content(CONFIG, b'{"a": ' + b"9" * 10**5 + b"}")),
    "a million classes": ("num_classes=1000000 must be a whole number", settings(num_classes=10**6)),
    "pixel size of 10**5": ("sample_size=[100000, 100000] must be", settings(sample_size=[10**5] * 2)),
    "10**9 channels": ("image_widths=[1000000000,", settings(image_widths=[10**9] * 4)),
    "10**9 layers": ("mapping_layers=1000000000 must be", settings(mapping_layers=10**9)),
    "10**6 blocks": ("image_widths=[8, 8, 8, 8, 8, 8, ...]", settings(image_widths=[8] * 10**5)),
    "terabytes": ("has the shape", huge_weights),
    "negative channels": ("encoder_widths=[4, -6, 6] must be", settings(encoder_widths=[4, -6, 6])),
    "text for a number": ("latent_dim='64' must be a whole number", settings(latent_dim="64")),
    "list for a number": ("latent_dim=[[[", settings(latent_dim=json.loads(DEEP[:50] + DEEP[-50:]))),
    "fraction": ("latent_dim=3.5 must be a whole number", settings(latent_dim=3.5)),
    "truth for a number": ("noise_fields=True must be a whole number", settings(noise_fields=True)),
    "number for truth": ("smooth_output=1 must be true or false", settings(smooth_output=1)),
    "unknown word": ("upsample='cubic' is none of", settings(upsample="cubic")),
    "one block": ("label_encoder='unet' needs 2 blocks", settings(
        image_widths=[8, 8], encoder_widths=[4], modulation_widths=[5]
    )),
    "unknown setting": ("has the setting 'quantization_config', which", settings(
        quantization_config={"quant_method": "bitsandbytes"}
    )),
    "missing setting": ("lacks the setting num_classes", settings(num_classes=None)),
    "settings of another class": ("describes a 'DPSIMSDiscriminator', not a DPSIMSGenerator", settings(
        _class_name="DPSIMSDiscriminator"
    )),
    # model_index.json
    "no model_index.json": ("it has no model_index.json", lambda folder: (folder / INDEX).unlink()),
    "empty model_index.json": ("model_index.json: is not valid JSON", content(INDEX, b"")),
    "foreign library": ("names ['evil', 'DPSIMSGenerator'] as its generator", index(
        generator=["evil", "DPSIMSGenerator"]
    )),
    "code of the folder": ("names ['modeling', 'DPSIMSGenerator'] as its generator", index(
        generator=["modeling", "DPSIMSGenerator"]
    )),
    "foreign class": ("names ['os', 'system'] as its generator", index(generator=["os", "system"])),
    "foreign component": ("has the entry 'tokenizer', which", index(tokenizer=["evil", "Tokenizer"])),
    "foreign pipeline": ("names the pipeline ['pipeline', 'Evil']", index(_class_name=["pipeline", "Evil"])),
    "no generator": ("names None as its generator", index(generator=None)),
    "class list that is too short": ("num_classes is 3 in the class list frozen but 4", classes(
        lambda spec: spec["classes"].pop()
    )),
    "two classes of one name": ("1 name(s) are given to two classes, first 'road'", classes(
        lambda spec: spec["classes"][1].update(name="Road")
    )),
    "another unknown id": ("ignore_index is 254 in the class list frozen but 255", classes(
        lambda spec: spec.update(ignore_index=254)
    )),
    "class list that is a number": ("must be a list or a mapping", index(class_spec=7)),
    "colour beyond 255": ("colour must be three integers", classes(
        lambda spec: spec["classes"][0].update(rgb=[0, 0, 256])
    )),
}  # fmt: skip
