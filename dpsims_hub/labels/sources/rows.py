"""Rows of a `datasets` data set: which columns hold the pair, and one row from bytes to a checked `Sample`.

Images stay undecoded until `decode_row`, which reads them with this package's own readers: the library's
`Image(mode="L")` would turn the indices of a palette PNG into greys.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from io import BytesIO
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from PIL import Image

from dpsims_hub.labels.classes.errors import LabelMapError
from dpsims_hub.labels.classes.spec import ClassSpec
from dpsims_hub.labels.reading.image_files import LOSSLESS_FORMATS, LOSSY_FORMATS, MAX_SIDE, check_size
from dpsims_hub.labels.reading.samples import Part, Sample, make_sample
from dpsims_hub.storage.placeholder_files import HEAD, placeholder, remedy_of

if TYPE_CHECKING:
    import datasets

Rows = TypeVar("Rows", "datasets.Dataset", "datasets.IterableDataset")
OTHER_NAMES = {
    "image": ("photo", "jpg", "pixel_values", "target", "img"),
    "label": ("annotation", "mask", "segmentation", "conditioning_image", "label_map", "png"),
    "instances": ("instance", "inst"),
}  # what other people call these columns, for the hint of a message


class Columns(NamedTuple):
    """Names of the columns with photos, label maps and object numbers ("" looks for `instances`)."""

    image: str = "image"
    label: str = "label"
    instances: str = ""


DEFAULT_COLUMNS = Columns()


def pair_rows(rows: Rows, columns: Columns, where: str) -> Rows:
    """Return the rows with their images undecoded, in the columns "image", "label" and perhaps "instances".

    Args:
        rows: A data set of `datasets`, map-style or streamed.
        columns: Names in `rows`. A default name that is missing also fits the one column that begins with it
            and a dot: webdataset archives have `image.png` and `label.png`.
        where: What messages call the data set.

    Raises:
        ValueError: If a column is missing or holds no images.
    """
    import datasets

    undecoded = datasets.Image(decode=False)
    names = rows.column_names or list(next(iter(rows), {}))
    found = _find_columns(names, columns, where)
    if rows.features is not None:
        if isinstance(rows, datasets.IterableDataset):
            rows = rows.decode(False)  # also takes away the threads that decode what is streamed from the Hub
        for name in found.values():
            _check_holds_images(name, rows.features[name], where)
            rows = rows.cast_column(name, undecoded)
    rows = rows.select_columns(list(found.values()))
    if isinstance(rows, datasets.Dataset):
        return rows.rename_columns({name: role for role, name in found.items()})
    if all(role == name for role, name in found.items()) and rows.features is not None:
        return rows
    return rows.map(  # its own rename_columns refuses to swap names
        partial(_renamed, found=found),
        remove_columns=[name for name in found.values() if name not in found],
        features=datasets.Features(dict.fromkeys(found, undecoded)),
    )


def _renamed(row: dict[str, Any], found: dict[str, str]) -> dict[str, Any]:
    return {role: row[name] for role, name in found.items()}


def _find_columns(names: Sequence[str], wanted: Columns, where: str) -> dict[str, str]:
    """Return the name of each column by its role; without "instances" where there are none."""
    found = {
        "image": _find_column(names, wanted.image, "image"),
        "label": _find_column(names, wanted.label, "label"),
        "instances": _find_column(names, wanted.instances or "instances", "instances"),
    }
    if not wanted.instances and not found["instances"]:
        del found["instances"]
    for (role, name), asked in zip(found.items(), wanted, strict=False):
        if not name:
            hint = next((f" {other}" for other in OTHER_NAMES[role] if other in names), "")
            raise ValueError(
                f"{where}: has no column {asked!r}; its columns are {', '.join(names) or 'none'}; say which "
                f"one holds the {role} with --{role.rstrip('s')}_column{hint}."
            )
    if len(set(found.values())) < len(found):
        raise ValueError(f"{where}: column {found['label']!r} is named twice; photos and maps need one each.")
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


def decode_row(row: Mapping[str, Any], spec: ClassSpec, *, where: str = "", stored: bool = True) -> Sample:
    """Decode one row of `pair_rows`.

    Args:
        row: {"image", "label" and perhaps "instances"}, each {"bytes", "path"}; where there are no bytes, the
            path is opened (also one of a remote file).
        spec: The classes.
        where: What messages call the row, before the paths that it holds.
        stored: Whether the label map follows the spec's stored-value rule or holds plain ids.

    Raises:
        LabelMapError: If an image is missing or damaged, a value is no class, or sizes differ.
    """
    photo = _part(row, "image", where)
    stem = PurePosixPath(_path(row, "image") or where.replace(" ", "_") or "row").stem.removesuffix(".image")
    objects = _part(row, "instances", where) if "instances" in row else None
    return make_sample(photo, _part(row, "label", where), objects, spec, stem=stem, stored=stored)


def row_name(row: Mapping[str, Any], where: str = "") -> str:
    """Return what messages call a row: `where` and the path of its photo, as far as there are any."""
    return ", ".join(part for part in (where, _path(row, "image")) if part) or "a row without a path"


def _path(row: Mapping[str, Any], role: str) -> str:
    return (row.get(role) or {}).get("path") or ""


def _part(row: Mapping[str, Any], role: str, where: str) -> Part:
    """Return one image of the row, opened, with its name for messages."""
    path = _path(row, role)
    name = ", ".join(part for part in (where, path) if part) or row_name(row)
    if role != "image":
        name = f"{name} ({role})"
    data = (row.get(role) or {}).get("bytes")
    if data is None and not path:
        raise LabelMapError(f"{name}: the row has nothing in the column {role!r}.")
    return Part(_open(_read(path, name) if data is None else data, name), name)


def _read(path: str, name: str) -> bytes:
    """Return the content of a file, local or remote."""
    from datasets.utils.file_utils import xopen

    try:
        with xopen(path, "rb") as file:
            return file.read()
    except Exception as error:  # file systems of the network raise many types
        raise LabelMapError(f"{name}: cannot be read ({type(error).__name__}).") from error


def _open(data: bytes, name: str) -> Image.Image:
    """Return the image in `data`, its header read, its pixels not yet decoded; as `open_image` of files."""
    Image.init()
    formats = [kind for kind in (*LOSSLESS_FORMATS, *LOSSY_FORMATS) if kind in Image.OPEN]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # check_size() is stricter
            image = Image.open(BytesIO(data), formats=formats)
    except Image.DecompressionBombError:
        raise LabelMapError(f"{name}: has a side above {MAX_SIDE} px; make it smaller.", "large") from None
    except Exception as error:  # Pillow's format plugins raise many types on damaged headers
        instead = placeholder(data[:HEAD])
        raise LabelMapError(
            f"{name}: is not an image{f' but {instead}' if instead else '; give a PNG'}.",
            remedy_of(instead),
        ) from error
    check_size(image.height, image.width, name)
    return image
