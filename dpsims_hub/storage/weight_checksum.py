"""A checksum inside a weight file, so that a damaged number is found on loading.

safetensors have none: a bit that flips on a disk or in a transfer loads without a word. The SHA-256 of all
bytes behind the header is kept in the header's metadata under "data_sha256". It travels with the file through
copies, shards and variants, and other readers ignore it. It tells damage, not intent: who rewrites a file on
purpose can rewrite its checksum too. Files without one load unchecked.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import BinaryIO

KEY = "data_sha256"


def write_checksum(path: Path) -> None:
    """Write the checksum into a safetensors file; the tensors keep every bit.

    The file is made anew beside and then put in its place, so it has the mode that the umask gives, where
    safetensors lets only the owner read.

    Args:
        path: a whole safetensors file.

    Raises:
        OSError: the disk refuses.
    """
    temporary = path.with_name(f"{path.name}.tmp")
    try:
        with path.open("rb") as old, temporary.open("wb") as new:
            header = _read_header(old)
            start = old.tell()
            metadata = header.get("__metadata__", {}) | {KEY: _digest(old)}
            text = json.dumps({**header, "__metadata__": metadata}, separators=(",", ":")).encode()
            text += b" " * (-len(text) % 8)  # tensors stay aligned
            new.write(len(text).to_bytes(8, "little") + text)
            old.seek(start)
            shutil.copyfileobj(old, new, 2**20)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def check_checksum(path: Path) -> None:
    """Compare a weight file with its checksum, where it has one.

    Args:
        path: a safetensors file whose header was checked.

    Raises:
        ValueError: the file's numbers are not those that were saved.
    """
    with path.open("rb") as file:
        expected = _read_header(file).get("__metadata__", {}).get(KEY)
        if expected is not None and _digest(file) != expected:
            raise ValueError(
                f"{path}: is damaged, its numbers are not those that were saved (SHA-256); copy or "
                "download it again."
            )


def _read_header(file: BinaryIO) -> dict:
    """The header of an opened file, which then stands at the first byte of the data."""
    return json.loads(file.read(int.from_bytes(file.read(8), "little")))


def _digest(file: BinaryIO) -> str:
    return hashlib.file_digest(file, "sha256").hexdigest()
