"""Paths behind symbolic links, also where links lead in a circle."""

import os
from pathlib import Path


def real_path(path: str | os.PathLike[str]) -> Path:
    """The absolute path behind all links; links that lead in a circle stay, where `Path.resolve` raises."""
    return Path(os.path.realpath(path))


def leads_nowhere(path: Path) -> bool:
    """Whether a path is a link whose target is not there, or that leads back to itself."""
    return path.is_symlink() and not path.exists()
