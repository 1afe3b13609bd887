"""Files of a Hub model, fetched into the Hub's cache."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import snapshot_download

from dpsims_hub.storage.error_text import first_line

OPTIONS = ("cache_dir", "force_download", "local_files_only", "token", "revision")


def take_hub_options(keywords: MutableMapping[str, Any]) -> dict[str, Any]:
    """Remove the Hub's options from a call's keywords, and return them."""
    found = {name: keywords.pop(name, None) for name in OPTIONS}
    return {name: value for name, value in found.items() if value is not None}


def fetch_files(name: str, patterns: Sequence[str], **options: Any) -> Path:
    """Fetch files of one commit, or find them in the cache; return the folder named after the commit.

    Args:
        name: Hub id "owner/name".
        patterns: paths in the repository, with wildcards.
        **options: `cache_dir`, `force_download`, `local_files_only`, `token`, `revision`.

    Raises:
        FileNotFoundError: the name is no Hub id, or neither the Hub nor the cache has the model.
    """
    if name.count("/") != 1 or name.startswith((".", "/", "~")):
        raise FileNotFoundError(f"{name}: there is no such model folder, and it is no Hub id (owner/name).")
    try:
        return Path(snapshot_download(name, allow_patterns=list(patterns), **options))
    except (OSError, ValueError) as error:  # ValueError: a name that the Hub forbids
        raise FileNotFoundError(
            f"{name}: neither a model folder here nor a model that the Hub gives ({first_line(error)})."
        ) from error
