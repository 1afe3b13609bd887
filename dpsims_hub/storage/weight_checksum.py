"""A checksum inside a weight file.

The safetensors format has none, so a flipped bit loads without an error. Here the SHA-256 of all bytes after
the header is stored in the header's metadata as "data_sha256". It stays in copies, shards and variants, and
other readers ignore it. It detects damage, not tampering. Files without a checksum are loaded unchecked.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import BinaryIO

from dpsims_hub.storage.atomic_write import atomic_file

KEY = "data_sha256"


def write_checksum(path: Path) -> None:
    """Write the checksum into a safetensors file; the tensors stay equal to the bit.

    The file is rewritten, so its mode follows the umask; safetensors writes files that only the owner reads.
    """
    with atomic_file(path) as temporary, path.open("rb") as old, temporary.open("wb") as new:
        header = _read_header(old)
        start = old.tell()
        metadata = header.get("__metadata__", {}) | {KEY: _digest(old)}
        text = json.dumps({**header, "__metadata__": metadata}, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)  # tensors stay aligned
        new.write(len(text).to_bytes(8, "little") + text)
        old.seek(start)
        shutil.copyfileobj(old, new, 2**20)


def check_checksum(path: Path) -> None:
    """Compare the data of a weight file with its checksum, if it has one; check its header first.

    Raises:
        ValueError: the file is damaged.
    """
    with path.open("rb") as file:
        expected = _read_header(file).get("__metadata__", {}).get(KEY)
        if expected is not None and _digest(file) != expected:
            raise ValueError(
                f"{path}: is damaged, its numbers are not those that were saved (SHA-256); copy or "
                "download it again."
            )


def _read_header(file: BinaryIO) -> dict:
    """The header of an opened file; afterwards the file's position is the first byte of the data."""
    return json.loads(file.read(int.from_bytes(file.read(8), "little")))


def _digest(file: BinaryIO) -> str:
    return hashlib.file_digest(file, "sha256").hexdigest()
