"""Rows of a `datasets` data set: the columns of a pair, and decoding of one row to a checked `Sample`.

Images stay undecoded until `decode_row`, which uses this package's readers: `Image(mode="L")` of `datasets`
would convert the indices of a palette PNG to greys.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from io import BytesIO
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from dpsims_hub.labels.classes.errors import LabelMapError
from dpsims_hub.labels.classes.spec import ClassSpec
from dpsims_hub.labels.reading.image_files import open_content
from dpsims_hub.labels.reading.samples import Part, Sample, make_sample

if TYPE_CHECKING:
    import datasets

Rows = TypeVar("Rows", "datasets.Dataset", "datasets.IterableDataset")
OTHER_NAMES = {
    "image": ("photo", "jpg", "pixel_values", "target", "img"),
    "label": ("annotation", "mask", "segmentation", "conditioning_image", "label_map", "png"),
    "instances": ("instance", "inst"),
}
"""Common names of these columns, for hints."""


class Columns(NamedTuple):
    """Names of the columns of a pair; "" for `instances` takes that column if it exists."""

    image: str = "image"
    label: str = "label"
    instances: str = ""


DEFAULT_COLUMNS = Columns()


class PairRows:
    """Undecoded pairs in a table or stream of `datasets`; it can be pickled for worker processes.

    Label maps follow the stored-value rule of the spec. `where` is the name of the data set in messages.

    Raises:
        ValueError: If a column is missing or holds no images, or a table is empty.
    """

    def __init__(
        self, rows: Any, spec: ClassSpec, columns: Columns = DEFAULT_COLUMNS, *, where: str = "the data set"
    ) -> None:
        self.spec = spec
        self.rows = pair_rows(rows, columns, where)
        self.has_instances = bool(spec.instance_coding) or "instances" in self.rows.column_names


def pair_rows(rows: Rows, columns: Columns, where: str) -> Rows:
    """Return the rows with undecoded images in the columns "image", "label" and optional "instances".

    `rows` is a data set of `datasets`, map-style or streamed, with the name `where` in messages. If there is
    no column of a default name, the only one that begins with that name and a dot is taken: webdataset
    archives have `image.png` and `label.png`.

    Raises:
        ValueError: If a column is missing or holds no images, or a table is empty.
    """
    import datasets

    if isinstance(rows, datasets.Dataset) and not len(rows):
        raise ValueError(f"{where}: holds no rows.")
    undecoded = datasets.Image(decode=False)
    names = rows.column_names or list(next(iter(rows), {}))
    found = _find_columns(names, columns, where)
    if rows.features is not None:
        if isinstance(rows, datasets.IterableDataset):
            rows = rows.decode(False)  # also ends the decoding threads of streams from the Hub
        for name in found.values():
            _check_holds_images(name, rows.features[name], where)
            rows = rows.cast_column(name, undecoded)
    rows = rows.select_columns(list(found.values()))
    if isinstance(rows, datasets.Dataset):
        return rows.rename_columns({name: role for role, name in found.items()})
    if all(role == name for role, name in found.items()) and rows.features is not None:
        return rows
    return rows.map(  # rename_columns of a stream refuses to swap names
        partial(_renamed, found=found),
        remove_columns=[name for name in found.values() if name not in found],
        features=datasets.Features(dict.fromkeys(found, undecoded)),
    )


def _renamed(row: dict[str, Any], found: dict[str, str]) -> dict[str, Any]:
    return {role: row[name] for role, name in found.items()}


def _find_columns(names: Sequence[str], wanted: Columns, where: str) -> dict[str, str]:
    """Return the name of each column by its role; without "instances" if there are none."""
    sought = wanted._replace(instances=wanted.instances or "instances")
    found = {role: _find_column(names, name, role) for role, name in sought._asdict().items()}
    if not wanted.instances and not found["instances"]:
        del found["instances"]
    for (role, name), asked in zip(found.items(), wanted, strict=False):
        if not name:
            hint = next((f" {other}" for other in OTHER_NAMES[role] if other in names), "")
            raise ValueError(
                f"{where}: has no column {asked!r}; its columns are {', '.join(names) or 'none'}; say which "
                f"one holds the {role} with --{role.rstrip('s')}_column{hint}."
            )
    given = list(found.values())
    if twice := [name for name in given if given.count(name) > 1]:
        raise ValueError(f"{where}: column {twice[0]!r} is named twice; photos and maps need one each.")
    return found


def _find_column(names: Sequence[str], wanted: str, default: str) -> str:
    if wanted in names:
        return wanted
    longer = [name for name in names if name.startswith(f"{default}.")] if wanted == default else []
    return longer[0] if len(longer) == 1 else ""


def _check_holds_images(name: str, feature: Any, where: str) -> None:
    """Refuse a column that is neither an image nor the bytes of one."""
    import datasets

    is_image = isinstance(feature, datasets.Image)
    is_bytes = isinstance(feature, datasets.Value) and feature.dtype in ("binary", "large_binary")
    is_struct = isinstance(feature, Mapping) and {"bytes", "path"} >= feature.keys() >= {"bytes"}
    if not (is_image or is_bytes or is_struct):
        kind = getattr(feature, "dtype", None) or type(feature).__name__
        raise ValueError(f"{where}: column {name!r} holds {kind} values, not images; name another column.")


def decode_row(row: Mapping[str, Any], spec: ClassSpec, *, where: str = "") -> Sample:
    """Decode one row of `pair_rows`, whose label map follows the spec's stored-value rule.

    Each entry of the row is {"bytes", "path"}; without bytes, the path (local or remote) is read. `where` is
    the prefix of the paths in messages.

    Raises:
        LabelMapError: If an image is missing or damaged, a value is no class, or sizes differ.
    """
    photo = open_part(row, "image", where)
    stem = PurePosixPath(_path(row, "image") or where.replace(" ", "_") or "row").stem.removesuffix(".image")
    objects = open_part(row, "instances", where) if "instances" in row else None
    return make_sample(photo, open_part(row, "label", where), objects, spec, stem=stem)


def row_name(row: Mapping[str, Any], where: str = "") -> str:
    """Return the name of a row for messages: `where` and the path of its photo, if any."""
    return ", ".join(part for part in (where, _path(row, "image")) if part) or "a row without a path"


def _path(row: Mapping[str, Any], role: str) -> str:
    return (row.get(role) or {}).get("path") or ""


def open_part(row: Mapping[str, Any], role: str, where: str) -> Part:
    """Return one opened image of the row, with its name for messages."""
    path = _path(row, role)
    name = ", ".join(part for part in (where, path) if part) or row_name(row)
    if role != "image":
        name = f"{name} ({role})"
    data = (row.get(role) or {}).get("bytes")
    if data is None and not path:
        raise LabelMapError(f"{name}: the row has nothing in the column {role!r}.")
    return Part(open_content(BytesIO(_read(path, name) if data is None else data), name), name)


def _read(path: str, name: str) -> bytes:
    """Return the content of a local or remote file."""
    from datasets.utils.file_utils import xopen

    try:
        with xopen(path, "rb") as file:
            return file.read()
    except Exception as error:  # remote file systems raise many types
        raise LabelMapError(f"{name}: cannot be read ({type(error).__name__}).") from error
