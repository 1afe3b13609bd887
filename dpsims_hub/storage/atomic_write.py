"""Atomic writes: a file is complete or absent, whatever happens while it is written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_file(path: str | Path, advice: str = "", *, hidden: bool = False) -> Iterator[Path]:
    """A path beside the target to write to, which is renamed over it when the block ends well.

    Args:
        path: the target; its folder is made where it is missing.
        advice: what to do where it cannot be written, such as "choose another --output".
        hidden: begin the name of the unfinished file with a dot.

    Raises:
        OSError: it cannot be written; the sentence names the target. Nothing unfinished is left.
    """
    path = Path(path)
    unfinished = path.with_name(f"{'.' if hidden else ''}{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield unfinished
        unfinished.replace(path)
    except OSError as error:
        more = f"; {advice}" if advice else ""
        raise OSError(f"cannot write {path} ({error.strerror or error}){more}.") from error
    finally:
        if path.parent.is_dir():
            unfinished.unlink(missing_ok=True)


def write_text_atomically(path: str | Path, text: str, advice: str = "") -> None:
    """Writes a text file in UTF-8 atomically; see `atomic_file`."""
    with atomic_file(path, advice) as unfinished:
        unfinished.write_text(text, encoding="utf-8")
