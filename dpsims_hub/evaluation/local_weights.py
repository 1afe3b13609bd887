"""Published weights in PyTorch's format, from a given file or torch's cache; nothing is downloaded."""

from __future__ import annotations

import pickle
from pathlib import Path

import torch
from torch import Tensor

from dpsims_hub.storage.error_text import one_line


class MissingWeightsError(Exception):
    """The weights are not on this machine; the message says how to get them."""


def find_weights(given: str | Path | None, name: str, url: str, what: str, option: str) -> Path:
    """The path of weights: the given file, or `name` in torch's cache.

    Messages name the measures that need the weights (`what`), their `url` and the command's `option`.

    Raises:
        FileNotFoundError: the given file does not exist.
        MissingWeightsError: no file was given, and the cache has none.
    """
    if given is not None:
        if not Path(given).is_file():
            raise FileNotFoundError(f"{option} {given}: no such file.")
        return Path(given)
    cached = Path(torch.hub.get_dir()) / "checkpoints" / name
    if not cached.is_file():
        raise MissingWeightsError(f"{what}: not measured; fetch {url} and give it with {option}.")
    return cached


def read_weights(path: Path, what: str) -> dict[str, Tensor]:
    """The tensors of a .pth file that should hold `what`.

    Raises:
        ValueError: the file is damaged, or contains anything other than named tensors, such as code.
    """
    try:
        tensors = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, ValueError) as error:
        raise ValueError(f"{path}: no readable {what} ({one_line(error, 150)}).") from error
    if not isinstance(tensors, dict) or not all(isinstance(one, Tensor) for one in tensors.values()):
        raise ValueError(f"{path}: does not hold {what}: it must hold tensors by name.")
    return tensors
