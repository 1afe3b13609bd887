"""A cache of records on disk, so that a stopped or repeated evaluation does not compute them again.

A record is a few arrays of one network for one batch of pictures. Its name is a hash of everything it depends
on (pixels, model, latents, network, versions, device), so any number of evaluations may share a folder. A
file holds a SHA-256 checksum, followed by the record in safetensors format.
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
    """The name of a record that depends on some JSON-safe values."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


class RecordCache:
    """A folder of records, created if missing; without a folder nothing is cached.

    `say` is called with one sentence for each damaged file.
    """

    def __init__(self, folder: Path | None, say: Callable[[str], object] = lambda sentence: None) -> None:
        self.folder = folder
        self.say = say

    def fetch(self, key: str, make: Callable[[], Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
        """The record of a name from `key_of`. If it is missing, it is computed by `make` and written.

        Raises:
            OSError: the record cannot be written.
        """
        if self.folder is None:
            return dict(make())
        path = self.folder / key[:2] / f"{key}.features"
        kept = self._read(path)
        if kept is None:
            kept = {name: np.ascontiguousarray(array) for name, array in make().items()}
            payload = save(kept)
            with atomic_file(path, "name another folder with --cache, or give --no-cache") as unfinished:
                unfinished.write_bytes(hashlib.sha256(payload).digest() + payload)
        return kept

    def _read(self, path: Path) -> dict[str, np.ndarray] | None:
        try:
            content = path.read_bytes()
        except OSError:  # missing or unreadable; writing the new record reports a faulty folder
            return None
        checksum, payload = content[:CHECKSUM_BYTES], content[CHECKSUM_BYTES:]
        if hashlib.sha256(payload).digest() != checksum:
            self.say(f"{path}: this file of cached features is damaged; they are computed again.")
            return None
        return load(payload)
