"""Hidden files and files of operating systems, which a data set's folder may contain."""

from __future__ import annotations

from pathlib import PurePath

SYSTEM_NAMES = (
    *("__macosx", "icon\r", "@eadir", "#recycle", "lost+found", "$recycle.bin", "system volume information"),
    *("thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini"),
)
"""Written by macOS, Synology's systems, Linux and Windows; letter case does not matter."""
LOCK = "~$"  # begins the name of the lock file that Office and other programs write beside an open file


def is_hidden(path: str | PurePath) -> bool:
    """Whether a name, or any part of a relative path, is hidden or belongs to an operating system.

    Hidden names begin with a dot or with `~$`. An example is `._a.png`, in which macOS stores attributes of
    `a.png`.
    """
    names = (part.casefold() for part in PurePath(path).parts)
    return any(name.startswith((".", LOCK)) or name in SYSTEM_NAMES for name in names)
