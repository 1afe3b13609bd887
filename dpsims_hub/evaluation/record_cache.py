"""What networks saw, kept on disk: an evaluation that was stopped, or is repeated with more, goes on from it.

A record is a few arrays that one network gave for one batch of pictures. Its name is a hash of everything it
depends on (pixels, model, latents, network, versions, device), so that nothing can be taken for something
else, and any number of evaluations may share a folder. A file is a SHA-256 and, after it, the safetensors
that it must fit.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from safetensors.numpy import load, save

from dpsims_hub.storage.atomic_write import atomic_file

CHECKSUM_BYTES = 32


def key_of(*parts: object) -> str:
    """A name made of everything that a record depends on, JSON-safe values."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


class RecordCache:
    """A folder of records.

    Args:
        folder: made where it is missing; None keeps nothing.
        say: is told, in one sentence, of a file that is damaged.
    """

    def __init__(self, folder: Path | None, say: Callable[[str], object] = lambda sentence: None) -> None:
        self.folder = folder
        self.say = say

    def fetch(self, key: str, make: Callable[[], Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
        """The record of that name, made and kept where it is not there yet.

        Args:
            key: from `key_of`.
            make: gives the arrays.

        Raises:
            OSError: the record cannot be written.
        """
        if self.folder is None:
            return dict(make())
        path = self.folder / key[:2] / f"{key}.features"
        kept = self._read(path)
        if kept is None:
            kept = {name: np.ascontiguousarray(array) for name, array in make().items()}
            self._write(path, save(kept))
        return kept

    def _read(self, path: Path) -> dict[str, np.ndarray] | None:
        try:
            content = path.read_bytes()
        except OSError:  # not there, or not to be read: what is wrong with the folder is said when writing
            return None
        checksum, payload = content[:CHECKSUM_BYTES], content[CHECKSUM_BYTES:]
        if hashlib.sha256(payload).digest() != checksum:
            self.say(f"{path}: this file of kept features is damaged; they are computed again.")
            return None
        return load(payload)

    def _write(self, path: Path, payload: bytes) -> None:
        with atomic_file(path, "name another folder with --cache, or give --no-cache") as unfinished:
            unfinished.write_bytes(hashlib.sha256(payload).digest() + payload)
