"""JSON that people write by hand: any encoding of Unicode, no name twice, and a hint at mistyped names."""

from __future__ import annotations

import difflib
import json
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any


def read_written_json(path: Path, what: str) -> Any:
    """Return the content of a JSON file.

    Args:
        path: The file, in UTF-8 (with or without a mark), UTF-16 or UTF-32.
        what: What messages call it, such as "--config: settings.json" or "map.json:".

    Raises:
        ValueError: If it is not JSON, is in another encoding, or has a name twice in one object.
    """
    try:
        return json.loads(path.read_bytes(), object_pairs_hook=without_repeats)
    except RepeatedNameError as error:
        raise ValueError(f"{what.rstrip(':')}: {error}") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{what} is not JSON in UTF-8; save it as UTF-8.") from error
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{what} is not JSON ({error}).") from error


class RepeatedNameError(ValueError):
    """A name stands twice in one object, of which JSON readers keep the last in silence."""


def without_repeats(pairs: Iterable[tuple[Any, Any]]) -> dict[Any, Any]:
    """Return an object of its names and values.

    Raises:
        RepeatedNameError: If a name stands twice.
    """
    found: dict[Any, Any] = {}
    for name, value in pairs:
        if name in found:
            raise RepeatedNameError(f"the key {name!r} stands twice in one object; keep one of them.")
        found[name] = value
    return found


def likely_name(name: Any, known: Collection[str]) -> str:
    """Return the question whether the nearest known name is meant; "" where none is near.

    Args:
        name: An unknown one.
        known: The others; "sed" gives "did you mean 'seed'?".
    """
    near = difflib.get_close_matches(str(name), known, n=1)
    return f"did you mean {near[0]!r}?" if near else ""
