"""Why a file could not be written, for errors of Python, PyTorch and safetensors."""

from __future__ import annotations

import errno
import os
import re
import shutil
from pathlib import Path

from safetensors import SafetensorError

_TORCH_WRITER = re.compile(r"PytorchStreamWriter|inline_container|iostream error|write\(\): fd")
_SYSTEM_ERROR = re.compile(r"os error (\d+)")
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def is_write_failure(error: Exception) -> bool:
    """Whether an OSError, SafetensorError or RuntimeError comes from the disk and not from the code."""
    if isinstance(error, RuntimeError):
        return _TORCH_WRITER.search(str(error)) is not None
    return isinstance(error, OSError | SafetensorError)


def explain(error: Exception, folder: Path) -> str:
    """Why writing failed and, if the disk is full, the free space and what to do; `folder` need not exist."""
    number, reason = _reason(error)
    if number not in _NO_ROOM:
        return f"{reason}."
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    return (
        f"{reason}; {shutil.disk_usage(existing).free / 1e6:.1f} MB are free there. Make room (or raise the "
        "quota or the limit on file sizes), then continue with --resume_from_checkpoint latest."
    )


def _reason(error: Exception) -> tuple[int, str]:
    """(errno, text) of the system's error; PyTorch's writer gives neither, and a full disk is assumed."""
    if isinstance(error, RuntimeError):
        return errno.ENOSPC, "PyTorch's writer was cut off, as by a full disk"
    found = _SYSTEM_ERROR.search(str(error)) if isinstance(error, SafetensorError) else None
    number = int(found[1]) if found else getattr(error, "errno", None) or 0
    text = os.strerror(number) if number else str(error)
    filename = getattr(error, "filename", None)
    return number, f"{text}: {filename}" if filename else text
