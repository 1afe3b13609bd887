"""Weight files of a network's folder, and checks of their headers and numbers.

Only safetensors files are read, because a pickled checkpoint can run code. Headers are checked first, so that
a file that does not fit costs neither memory nor time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from pathlib import Path

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

Header = dict[str, tuple[tuple[int, ...], str]]
"""For each tensor of a file its shape, and its type as safetensors names it."""


def weight_names(variant: str | None) -> tuple[str, str, str]:
    """Names of the single weight file and of the index of shards, and a pattern of the shards' names."""
    tag = f".{variant}" if variant else ""
    stem, index = f"{WEIGHTS}{tag}", f"{WEIGHTS}.safetensors.index{tag}.json"
    return f"{stem}.safetensors", index, f"{stem}-*-of-*.safetensors"


def weight_files(folder: Path, variant: str | None = None) -> list[Path]:
    """The files that diffusers reads for a variant: the shards of an index, else a single file.

    Raises:
        FileNotFoundError: there are none, a shard is missing, or there are only pickled files.
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


def read_header(path: Path) -> Header:
    """Shapes and types of the tensors in a weight file; only its header is read.

    Raises:
        ValueError: the file is truncated, has a header that is too large or inconsistent, or has another
            format.
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
            return {name: (tuple(part.get_shape()), part.get_dtype()) for name, part in slices.items()}
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
    stored: Header = {}
    for path in files:
        header = read_header(path)
        if twice := sorted(stored.keys() & header.keys()):
            raise ValueError(f"{path}: holds {twice[0]}, which another file holds too; {_AGAIN}.")
        stored |= header
    _refuse_names(folder, expected.keys() - stored.keys(), "lack {} tensors of the network")
    _refuse_names(folder, stored.keys() - expected.keys(), "hold {} tensors that the network does not have")
    for name, tensor in expected.items():
        if fault := _misfit(*stored[name], tensor, shapes):
            raise ValueError(f"{folder}: the tensor {name} has {fault}; {_AGAIN}, with its config.json.")


def _refuse_names(folder: Path, names: Set[str], words: str) -> None:
    if names:
        what, first = words.format(len(names)), min(names)[:200]
        raise ValueError(f"{folder}: the weights {what}, first {first}; copy or download them again.")


def _misfit(shape: tuple[int, ...], dtype: str, tensor: Tensor, shapes: bool) -> str | None:
    wanted = _FLOATS if tensor.is_floating_point() else (_NAMES[tensor.dtype],)
    if dtype not in wanted:
        return f"the type {dtype} where config.json needs {' or '.join(wanted)}"
    if shapes and shape != tuple(tensor.shape):
        return f"the shape {shape} where config.json needs {tuple(tensor.shape)}"
    return None


def check_numbers(path: Path) -> None:
    """Refuse NaN and infinite numbers; one tensor at a time is in memory.

    Raises:
        ValueError: a tensor holds one; the message names it.
    """
    with safe_open(path, framework="pt") as weights:
        for name in weights.keys():  # noqa: SIM118
            tensor = weights.get_tensor(name)
            if tensor.is_floating_point() and not _is_finite(tensor):
                raise ValueError(f"{path}: the tensor {name} holds NaN or infinite numbers; {_AGAIN}.")


def _is_finite(tensor: Tensor) -> bool:
    """Whether no element is NaN or infinite; the sum is tried first, as it takes a tenth of the time."""
    return bool(torch.isfinite(tensor.sum(dtype=torch.float32))) or bool(torch.isfinite(tensor).all())
