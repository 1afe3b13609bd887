"""Decoding of class files: JSON, YAML, or text (see `class_lines`); `class_file` parses the content."""

from __future__ import annotations

import json
from collections.abc import Hashable
from contextlib import suppress
from pathlib import Path
from typing import Any

from dpsims_hub.labels.classes.class_lines import NAMES_AS_JSON, classes_of_lines
from dpsims_hub.labels.classes.errors import ClassSpecError
from dpsims_hub.storage.error_text import first_line, one_line
from dpsims_hub.storage.placeholder_files import HEAD, placeholder
from dpsims_hub.storage.stored_settings import MAX_JSON_BYTES
from dpsims_hub.storage.written_json import RepeatedNameError, without_repeats

FORMS = {".yaml": "YAML", ".yml": "YAML", ".txt": "text", ".names": "text"}
OTHER_SUFFIXES = (".csv", ".tsv", ".py", ".xml", ".pbtxt")


def read_class_file(path: Path) -> Any:
    """Return the decoded content of a class file.

    Raises:
        FileNotFoundError: If there is no such file.
        ClassSpecError: If the file is larger than 16 MiB, unreadable, or of an unknown form.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such class file; write a classes.json or name a built-in list.")
    if path.suffix.lower() in OTHER_SUFFIXES:
        raise ClassSpecError(f"{path}: class lists are .json, .yaml or .txt files; {NAMES_AS_JSON}.")
    if path.stat().st_size > MAX_JSON_BYTES:
        raise ClassSpecError(
            f"{path}: larger than {MAX_JSON_BYTES >> 20} MiB, which no class list needs; of a file of "
            "annotations give only the list of its categories."
        )
    form = FORMS.get(path.suffix.lower(), "JSON")
    try:
        content = path.read_bytes()
        if instead := placeholder(content[:HEAD]):
            raise ClassSpecError(f"{path}: is not valid {form} but {instead}.")
        text = content.decode(json.detect_encoding(content))
        return {"YAML": _from_yaml, "text": _from_text, "JSON": _from_json}[form](text, path)
    except OSError as error:
        raise ClassSpecError(f"{path}: cannot be read ({error.strerror}).") from error
    except ClassSpecError:
        raise
    except UnicodeDecodeError as error:
        raise ClassSpecError(f"{path}: is not valid {form} in UTF-8; save it as UTF-8.") from error
    except (ValueError, RecursionError) as error:
        raise ClassSpecError(f"{path}: is not valid {form} ({first_line(error)}).") from error


def _from_json(text: str, path: Path) -> Any:
    return json.loads(text, object_pairs_hook=lambda pairs: _once(pairs, path))


def _from_text(text: str, path: Path) -> Any:
    """Return the JSON in a text file, else the classes of its lines."""
    if text.lstrip().startswith(("[", "{")):
        with suppress(json.JSONDecodeError):  # not JSON: its lines are refused by number
            return _from_json(text, path)
    return classes_of_lines(text, path)


def _from_yaml(text: str, path: Path) -> Any:
    import yaml

    class Loader(yaml.SafeLoader):
        """Refuses merge keys and repeated keys; YAML readers keep the last of repeated keys."""

        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
            if any(key.tag == "tag:yaml.org,2002:merge" for key, _ in node.value):
                raise ClassSpecError(
                    f"{path}: holds YAML's merge key <<, which is not read; write all entries out."
                )
            pairs = [(self.construct_object(key, deep=True), None) for key, _ in node.value]
            _once(pairs, path)
            return super().construct_mapping(node, deep)

    def plain_number(loader: Any, node: Any) -> int:
        """Return a decimal number; YAML reads 010 as 8 and 12:30 as 750."""
        value = loader.construct_yaml_int(node)
        if node.value != str(value):
            raise ClassSpecError(
                f"{path}: line {node.start_mark.line + 1}: YAML reads {node.value} as the number {value}; "
                "write a number without zeros in front of it, and a name in quotes."
            )
        return value

    Loader.add_constructor("tag:yaml.org,2002:int", plain_number)
    try:
        return yaml.load(text, Loader)
    except (yaml.YAMLError, TypeError) as error:
        raise ValueError(one_line(error)) from error


def _once(pairs: list[tuple[Any, Any]], path: Path) -> dict[Any, Any]:
    """Return an object without repeated keys, of which JSON readers would keep the last."""
    try:
        return without_repeats(pairs)
    except RepeatedNameError as error:
        raise ClassSpecError(f"{path}: {error}") from None
