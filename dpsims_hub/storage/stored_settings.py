"""The `config.json` of a network, checked before the network is built from it."""

from __future__ import annotations

import inspect
import json
import reprlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dpsims_hub.storage.error_text import first_line
from dpsims_hub.storage.plain_values import plain_value
from dpsims_hub.storage.setting_checks import check_types_and_ranges

CONFIG = "config.json"
MAX_JSON_BYTES = 16 * 2**20  # 65535 classes with colours and aliases fit


def read_json_object(path: Path, advice: str = "copy or download it again") -> dict[str, Any]:
    """The object in a JSON file; the message of an error ends with `advice`.

    Raises:
        ValueError: it has more than `MAX_JSON_BYTES`, is not JSON, is nested too deeply, or holds no object.
    """
    if path.stat().st_size > MAX_JSON_BYTES:
        raise ValueError(f"{path}: has more than {MAX_JSON_BYTES} bytes, which no such file needs.")
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: is not valid JSON ({first_line(error)}); {advice}.") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path}: must hold an object with names and values; {advice}.")
    return content


def own_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """A network's configuration without diffusers' own entries, which begin with "_"."""
    return {name: value for name, value in config.items() if not name.startswith("_")}


def read_settings(kind: type, folder: Path, overrides: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Checked keyword arguments for a class of network, from a folder's config.json.

    Args:
        kind: the class.
        folder: holds config.json.
        overrides: settings that replace the stored ones.

    Raises:
        FileNotFoundError: no config.json.
        ValueError: it belongs to another class, or a setting is unknown, missing or does not fit.
    """
    path = folder / CONFIG
    if not path.is_file():
        inner = [name for name in ("generator", "discriminator") if (folder / name / CONFIG).is_file()]
        hint = f"this is the folder of a pipeline, add subfolder={inner[0]!r}" if inner else "copy it there"
        raise FileNotFoundError(f"{folder}: is not the folder of a network, it has no {CONFIG}; {hint}.")
    stored = read_json_object(path)
    owner = stored.get("_class_name", kind.__name__)
    if owner != kind.__name__:
        raise ValueError(f"{path}: describes a {reprlib.repr(owner)}, not a {kind.__name__}.")
    settings = own_settings(stored)
    parameters = inspect.signature(kind).parameters
    if unknown := sorted(settings.keys() - parameters.keys()):
        raise ValueError(
            f"{path}: has the setting {reprlib.repr(unknown[0])}, which this version of dpsims_hub does "
            "not know; install a newer one."
        )
    settings |= plain_value(overrides or {})
    needed = [name for name, value in parameters.items() if value.default is inspect.Parameter.empty]
    if missing := [name for name in needed if name not in settings]:
        raise ValueError(f"{path}: lacks the setting {missing[0]}; copy or download it again.")
    try:
        check_types_and_ranges(settings, kind.__init__, kind.__name__)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return settings
