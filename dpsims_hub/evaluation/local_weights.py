"""Published weights in PyTorch's own format: a file that is named, or torch's cache, never a download."""

from __future__ import annotations

import pickle
from pathlib import Path

import torch
from torch import Tensor


class MissingWeightsError(Exception):
    """The weights are not on this machine, and nobody named a file: one sentence says how to get them."""


def find_weights(given: str | Path | None, name: str, url: str, what: str, option: str) -> Path:
    """Where weights lie: the given file, or the one of that name in torch's cache.

    Args:
        given: by the user.
        name: of the file in the cache.
        url: where it is published.
        what: is not measured without them.
        option: that names a file.

    Raises:
        FileNotFoundError: the given file does not exist.
        MissingWeightsError: none was given, and the cache has none.
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
    """The tensors of a .pth file; anything else in it is refused, not run.

    Args:
        path: of the file.
        what: it should hold, for the message.

    Raises:
        ValueError: the file is damaged, or holds something else than tensors by name.
    """
    try:
        tensors = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, ValueError) as error:
        words = " ".join(str(error).split())[:150]
        raise ValueError(f"{path}: no readable {what} ({words}).") from error
    if not isinstance(tensors, dict) or not all(isinstance(one, Tensor) for one in tensors.values()):
        raise ValueError(f"{path}: holds no {what}, which are tensors by name.")
    return tensors
