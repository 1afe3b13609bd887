"""Targets of symbolic links, including links that form a loop."""

import os
from pathlib import Path


def real_path(path: str | os.PathLike[str]) -> Path:
    """The absolute path with all links resolved; a loop of links is kept, where `Path.resolve` raises."""
    return Path(os.path.realpath(path))


def leads_nowhere(path: Path) -> bool:
    """Whether a path is a link whose target does not exist, or a link in a loop."""
    return path.is_symlink() and not path.exists()
