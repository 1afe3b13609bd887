"""Files of a Hub model, fetched into the Hub's cache: those asked for and no other."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import snapshot_download

OPTIONS = ("cache_dir", "force_download", "local_files_only", "token", "revision")


def take_hub_options(keywords: MutableMapping[str, Any]) -> dict[str, Any]:
    """Move the keywords that are about the Hub out of a call's keywords."""
    found = {name: keywords.pop(name, None) for name in OPTIONS}
    return {name: value for name, value in found.items() if value is not None}


def fetch_files(name: str, patterns: Sequence[str], **options: Any) -> Path:
    """Fetch files of one commit, or find them in the cache where the Hub cannot be reached.

    Args:
        name: Hub id "owner/name".
        patterns: paths in the repository, with wildcards.
        **options: `cache_dir`, `force_download`, `local_files_only`, `token`, `revision`.

    Returns:
        The folder in the cache, named after the commit.

    Raises:
        FileNotFoundError: the name is no Hub id, or neither the Hub nor the cache gives the model.
    """
    if name.count("/") != 1 or name.startswith((".", "/", "~")):
        raise FileNotFoundError(f"{name}: there is no such model folder, and it is no Hub id (owner/name).")
    try:
        return Path(snapshot_download(name, allow_patterns=list(patterns), **options))
    except (OSError, ValueError) as error:  # the Hub's errors are OSErrors, a name it forbids a ValueError
        why = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        raise FileNotFoundError(
            f"{name}: neither a model folder here nor a model that the Hub gives ({why})."
        ) from error
