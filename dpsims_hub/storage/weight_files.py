"""Weight files of a network's folder, and checks of their headers and numbers.

Only safetensors are read: a pickled checkpoint can run code. Headers come first, so that a file which does
not fit costs neither memory nor time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from dpsims_hub.storage.error_text import first_line
from dpsims_hub.storage.stored_settings import read_json_object

WEIGHTS = "diffusion_pytorch_model"
MAX_HEADER_BYTES = 4 * 2**20  # ours are below 100 kB
PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
_FLOATS = ("F64", "F32", "F16", "BF16")
_NAMES = {torch.int64: "I64", torch.int32: "I32", torch.uint8: "U8", torch.bool: "BOOL"}
_AGAIN = "copy or download it again"


class StoredTensor(NamedTuple):
    """A tensor in a header: its shape, and its type as safetensors names it."""

    shape: tuple[int, ...]
    dtype: str


def weight_names(variant: str | None) -> tuple[str, str, str]:
    """Names of the single weight file, the index of shards, and a pattern of the shards' names."""
    stem = f"{WEIGHTS}.{variant}" if variant else WEIGHTS
    index = f"{WEIGHTS}.safetensors.index.{variant}.json" if variant else f"{WEIGHTS}.safetensors.index.json"
    return f"{stem}.safetensors", index, f"{stem}-*-of-*.safetensors"


def weight_files(folder: Path, variant: str | None = None) -> list[Path]:
    """The files that diffusers reads for a variant: the shards of an index, else a single file.

    Raises:
        FileNotFoundError: there are none, a shard is missing, or there are pickled ones only.
        ValueError: the index is damaged, or names a file outside the folder.
    """
    single, index, _ = weight_names(variant)
    if (folder / index).is_file():
        return [folder / name for name in _shards(folder / index)]
    if (folder / single).is_file():
        return [folder / single]
    kind = f"{variant} weights" if variant else "weights"
    if pickled := sorted(path.name for path in folder.iterdir() if path.suffix in PICKLED):
        raise FileNotFoundError(
            f"{folder}: has no {kind} (*.safetensors); {pickled[0]} is not read, since a pickled "
            "checkpoint can run code: ask its author for safetensors."
        )
    raise FileNotFoundError(
        f"{folder}: has no {kind} (*.safetensors); copy them there, or name another variant or revision."
    )


def _shards(index: Path) -> list[str]:
    places = read_json_object(index).get("weight_map")
    names = list(places.values()) if isinstance(places, dict) else []
    if not names or not all(isinstance(name, str) for name in names):
        raise ValueError(f"{index}: does not say which file holds which tensor; {_AGAIN}.")
    names = sorted(set(names))
    for name in names:
        if not re.fullmatch(rf"{WEIGHTS}[\w.-]*\.safetensors", name):
            raise ValueError(
                f"{index}: names {name[:80]!r}, which is no weight file of this folder; {_AGAIN}."
            )
        if not (index.parent / name).is_file():
            raise FileNotFoundError(f"{index.parent}: lacks {name}, which {index.name} names; copy it there.")
    return names


def read_header(path: Path) -> dict[str, StoredTensor]:
    """Tensors of a weight file by name, from its header alone.

    Raises:
        ValueError: the file is truncated, has a header that is too large or inconsistent, or is of another
            kind.
    """
    try:
        with path.open("rb") as file:
            start = file.read(8)
        if start == b"version ":
            raise SafetensorError("a pointer of git-lfs, run git lfs pull")
        length, room = int.from_bytes(start, "little"), path.stat().st_size - 8
        if room <= 0 or length > room:
            raise SafetensorError("cut off, or its header is longer than the file")
        if length > MAX_HEADER_BYTES:
            raise SafetensorError(f"a header of {length} bytes")
        with safe_open(path, framework="pt") as weights:
            slices = {name: weights.get_slice(name) for name in weights.keys()}  # noqa: SIM118
            return {name: StoredTensor(tuple(s.get_shape()), s.get_dtype()) for name, s in slices.items()}
    except SafetensorError as error:
        raise ValueError(
            f"{path}: is damaged or no safetensors file ({first_line(error)[:200]}); {_AGAIN}."
        ) from error


def check_headers(files: list[Path], expected: Mapping[str, Tensor], shapes: bool = True) -> None:
    """Compare the headers of all weight files of a network with its `state_dict`, on any device.

    Raises:
        ValueError: a file is damaged; a tensor is missing, unknown, stored twice, or of another shape or
            type.
    """
    folder = files[0].parent
    stored: dict[str, StoredTensor] = {}
    for path in files:
        header = read_header(path)
        if twice := sorted(stored.keys() & header.keys()):
            raise ValueError(f"{path}: holds {twice[0]}, which another file holds too; {_AGAIN}.")
        stored |= header
    _refuse_names(folder, expected.keys() - stored.keys(), "lack {} tensors of the network")
    _refuse_names(folder, stored.keys() - expected.keys(), "hold {} tensors that the network does not have")
    for name, tensor in expected.items():
        fault = _misfit(stored[name], tensor, shapes)
        if fault:
            raise ValueError(f"{folder}: the tensor {name} has {fault}; {_AGAIN}, with its config.json.")


def _refuse_names(folder: Path, names: Set[str], words: str) -> None:
    if names:
        what, first = words.format(len(names)), min(names)[:200]
        raise ValueError(f"{folder}: the weights {what}, first {first}; copy or download them again.")


def _misfit(stored: StoredTensor, tensor: Tensor, shapes: bool) -> str | None:
    wanted = _FLOATS if tensor.is_floating_point() else (_NAMES[tensor.dtype],)
    if stored.dtype not in wanted:
        return f"the type {stored.dtype} where config.json needs {' or '.join(wanted)}"
    if shapes and stored.shape != tuple(tensor.shape):
        return f"the shape {stored.shape} where config.json needs {tuple(tensor.shape)}"
    return None


def check_numbers(path: Path) -> None:
    """Refuse NaN and infinite numbers, one tensor in memory at a time.

    Raises:
        ValueError: names the tensor.
    """
    with safe_open(path, framework="pt") as weights:
        for name in weights.keys():  # noqa: SIM118
            tensor = weights.get_tensor(name)
            if tensor.is_floating_point() and not _is_finite(tensor):
                raise ValueError(f"{path}: the tensor {name} holds NaN or infinite numbers; {_AGAIN}.")


def _is_finite(tensor: Tensor) -> bool:
    """Whether no element is NaN or infinite; a finite sum proves it ten times as fast."""
    return bool(torch.isfinite(tensor.sum(dtype=torch.float32))) or bool(torch.isfinite(tensor).all())
