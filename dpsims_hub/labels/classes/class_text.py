"""Files of class lists, from bytes to lists and mappings: JSON, YAML, or a text with one name a line.

A text may also be CVAT's labelmap.txt (`road:128,64,128::`), or begin with Labelme's `__ignore__`, which is
no class. What the content may be is in `class_file`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

from dpsims_hub.labels.classes.errors import ClassSpecError
from dpsims_hub.storage.placeholder_files import HEAD, placeholder
from dpsims_hub.storage.written_json import RepeatedNameError, without_repeats

MAX_FILE_BYTES = 16 * 2**20  # 65535 entries with colours and aliases fit with room to spare
YAML_SUFFIXES, TEXT_SUFFIXES = (".yaml", ".yml"), (".txt", ".names")
OTHER_SUFFIXES = (".csv", ".tsv", ".py", ".xml", ".pbtxt")
LABELMAP_LINE = re.compile(r"([^:]+):(\d+),(\d+),(\d+):[^:]*:[^:]*")
NUMBERED_LINE = re.compile(r"\d+\s*[:.,;=\s]|.*[\t;,:=]\s*\d+$")
NAME_AND_NUMBER = re.compile(r"(.*\S)\s+(\d+)")
NAMES_AS_JSON = 'write the names as a JSON list in the order of the ids, ["road", "sky"]'


def read_class_file(path: Path) -> Any:
    """Return the content of the class file at `path`, decoded and not yet understood.

    Raises:
        FileNotFoundError: If there is no such file.
        ClassSpecError: If the file is larger than 16 MiB, unreadable, or of no form that is read.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such class file; write a classes.json or name a built-in list.")
    if path.suffix.lower() in OTHER_SUFFIXES:
        raise ClassSpecError(f"{path}: class lists are .json, .yaml or .txt files; {NAMES_AS_JSON}.")
    if path.stat().st_size > MAX_FILE_BYTES:
        raise ClassSpecError(
            f"{path}: larger than {MAX_FILE_BYTES >> 20} MiB, which no class list needs; of a file of "
            "annotations give only the list of its categories."
        )
    kind = dict.fromkeys(YAML_SUFFIXES, "YAML") | dict.fromkeys(TEXT_SUFFIXES, "text")
    form = kind.get(path.suffix.lower(), "JSON")
    try:
        content = path.read_bytes()
        if instead := placeholder(content[:HEAD]):
            raise ClassSpecError(f"{path}: is not valid {form} but {instead}.")
        text = content.decode(json.detect_encoding(content))
        if form == "YAML":
            return _from_yaml(text, path)
        if form == "text" and not text.lstrip().startswith(("[", "{")):
            return _from_lines(re.split(r"\r\n|\r|\n", text), path)
        return json.loads(text, object_pairs_hook=lambda pairs: _once(pairs, path))
    except OSError as error:
        raise ClassSpecError(f"{path}: cannot be read ({error.strerror}).") from error
    except ClassSpecError:
        raise
    except UnicodeDecodeError as error:
        raise ClassSpecError(f"{path}: is not valid {form} in UTF-8; save it as UTF-8.") from error
    except (ValueError, RecursionError) as error:
        raise ClassSpecError(f"{path}: is not valid {form} ({_first_line(error)}).") from error


def _from_yaml(text: str, path: Path) -> Any:
    import yaml

    class Loader(yaml.SafeLoader):
        """Refuses a key that stands twice, of which YAML readers keep the last in silence."""

        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
            pairs = [(self.construct_object(key, deep=True), None) for key, _ in node.value]
            _once(pairs, path)
            return super().construct_mapping(node, deep)

    try:
        return yaml.load(text, Loader)
    except (yaml.YAMLError, TypeError) as error:
        raise ValueError(" ".join(str(error).split())) from error


def _from_lines(lines: Sequence[str], path: Path) -> list[Any]:
    """Return the names, or the entries of a labelmap.txt, of a text with one class a line."""
    lines = [line.strip() for line in lines]
    lines = [line for line in lines if line and not line.startswith("#")]
    lines = lines[1:] if lines[:1] == ["__ignore__"] else lines
    rows = [LABELMAP_LINE.fullmatch(line) for line in lines]
    if lines and all(rows):
        return [{"name": row[1], "rgb": [int(value) for value in row.groups()[1:]]} for row in rows if row]
    if "__ignore__" in lines:
        raise ClassSpecError(f"{path}: __ignore__ must be the first line, as Labelme writes it.")
    if lines and (_are_numbered(lines) or _are_counted(lines)):
        raise ClassSpecError(f"{path}: has numbers in its lines ({lines[0]!r}); {NAMES_AS_JSON}.")
    if _are_of_another_form(lines):
        raise ClassSpecError(f"{path}: has not one name a line ({lines[0][:40]!r}); {NAMES_AS_JSON}.")
    return list(lines)


def _are_numbered(lines: Sequence[str]) -> bool:
    """Whether names have their ids beside them, under a header line perhaps."""
    numbered = sum(NUMBERED_LINE.match(line) is not None for line in lines)
    return numbered == len(lines) or numbered >= max(2, len(lines) - 1)


def _are_counted(lines: Sequence[str]) -> bool:
    """Whether different names are followed by successive numbers; "zone 1", "zone 2" are names."""
    rows = [NAME_AND_NUMBER.fullmatch(line) for line in lines]
    if len(lines) < 2 or not all(rows):
        return False
    names, numbers = {row[1] for row in rows if row}, [int(row[2]) for row in rows if row]
    return len(names) > 1 and sorted(numbers) == list(range(min(numbers), min(numbers) + len(lines)))


def _are_of_another_form(lines: Sequence[str]) -> bool:
    """Whether lines are those of a table, of YAML or of texts in quotes, or one line holds all names."""
    if len(lines) == 1 and re.search(r"[;,\t]", lines[0]):
        return True
    forms = (r".*[;\t].*", r"- .*", r"([\"']).*\1,?")
    return bool(lines) and any(all(re.fullmatch(form, line) for line in lines) for form in forms)


def _once(pairs: list[tuple[Any, Any]], path: Path) -> dict[Any, Any]:
    """Return an object of a file; of a key that stands twice JSON readers keep the last in silence."""
    try:
        return without_repeats(pairs)
    except RepeatedNameError as error:
        raise ClassSpecError(f"{path}: {error}") from None


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
