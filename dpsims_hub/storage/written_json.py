"""Hand-written JSON: any Unicode encoding, no repeated names, suggestions for mistyped names."""

from __future__ import annotations

import argparse
import difflib
import json
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any


def read_written_json(path: Path, what: str) -> Any:
    """Content of a JSON file in UTF-8 (with or without a byte order mark), UTF-16 or UTF-32.

    Args:
        path: the file.
        what: its name in messages, such as "--config: settings.json" or "map.json:".

    Raises:
        ValueError: it is not JSON, has another encoding, or repeats a name in one object.
    """
    try:
        return json.loads(path.read_bytes(), object_pairs_hook=without_repeats)
    except RepeatedNameError as error:
        raise ValueError(f"{what.rstrip(':')}: {error}") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{what} is not JSON in UTF-8; save it as UTF-8.") from error
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{what} is not JSON ({error}).") from error


def json_value(text: str) -> Any:
    """A JSON value of a command-line option, for argparse."""
    try:
        return json.loads(text, object_pairs_hook=without_repeats)
    except RepeatedNameError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}".rstrip(".")) from None
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not JSON ({error})") from error


class RepeatedNameError(ValueError):
    """A name is repeated in one object; JSON readers would silently keep the last value."""


def without_repeats(pairs: Iterable[tuple[Any, Any]]) -> dict[Any, Any]:
    """A dictionary of an object's names and values; RepeatedNameError if a name is repeated."""
    found: dict[Any, Any] = {}
    for name, value in pairs:
        if name in found:
            raise RepeatedNameError(f"the key {name!r} stands twice in one object; keep one of them.")
        found[name] = value
    return found


def likely_name(name: Any, known: Collection[str]) -> str:
    """A question such as "did you mean 'seed'?" for "sed"; "" if no known name is similar."""
    near = difflib.get_close_matches(str(name), known, n=1)
    return f"did you mean {near[0]!r}?" if near else ""
